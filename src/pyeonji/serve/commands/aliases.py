"""`pyeonji alias`: addresses that stand for others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.mda.aliases import Aliases, AliasLoops
from pyeonji.serve.commands.addresses import whole_address
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.storage.directory import Alias

if TYPE_CHECKING:
    from pyeonji.storage.embedded import Store

app = typer.Typer(help="Addresses that stand for others.", no_args_is_help=True)

Address = Annotated[str, typer.Argument(help="The alias, e.g. info@example.org.")]


@app.command(
    "add", epilog="Example: `pyeonji alias add info@example.org kim@example.org`"
)
def add(
    context: typer.Context,
    address: Address,
    targets: Annotated[list[str], typer.Argument(help="Whom it stands for.")],
) -> None:
    """Make an alias; several targets make a small list."""
    kept: Context = context.obj
    address = whole_address(address)
    alias = Alias(address=address, targets=tuple(map(whole_address, targets)))

    async def work(store: Store) -> list[str]:
        await store.directory.add_alias(alias)
        aliases = Aliases(store.directory, hostname=kept.configuration.hostname)
        return [one for one in alias.targets if await _leads_nowhere(aliases, one)]

    nowhere = kept.run(work)
    print(f"alias {address} added")
    for target in nowhere:
        print(f"nobody is reached at {target} now", file=sys.stderr)


async def _leads_nowhere(aliases: Aliases, target: str) -> bool:
    """Whether it is ours, and nobody's or only itself."""
    try:
        return await aliases.is_local(target) and await aliases.expand(target) is None
    except AliasLoops:
        return True


@app.command("list", epilog="Example: `pyeonji alias list`")
def list_(
    context: typer.Context,
    domain: Annotated[str | None, typer.Option(help="Only of this domain.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all aliases."""

    async def work(store: Store) -> list[Alias]:
        return await store.directory.aliases(domain)

    kept: Context = context.obj
    aliases = kept.run(work)
    if json:
        print_json(aliases)
    else:
        print_table(
            ("Alias", "Stands for"),
            ((a.address, ", ".join(a.targets)) for a in aliases),
            none="there are no aliases",
        )


@app.command("remove", epilog="Example: `pyeonji alias remove info@example.org`")
def remove(context: typer.Context, address: Address) -> None:
    """Remove an alias."""

    async def work(store: Store) -> None:
        await store.directory.remove_alias(address)

    kept: Context = context.obj
    kept.run(work)
    print(f"alias {address} removed")
