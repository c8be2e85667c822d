"""`pyeonji alias`: addresses that stand for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

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

    async def work(store: Store) -> None:
        await store.directory.add_alias(Alias(address=address, targets=tuple(targets)))

    kept: Context = context.obj
    kept.run(work)
    print(f"alias {address} added")


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
        )


@app.command("remove", epilog="Example: `pyeonji alias remove info@example.org`")
def remove(context: typer.Context, address: Address) -> None:
    """Remove an alias."""

    async def work(store: Store) -> None:
        await store.directory.remove_alias(address)

    kept: Context = context.obj
    kept.run(work)
    print(f"alias {address} removed")
