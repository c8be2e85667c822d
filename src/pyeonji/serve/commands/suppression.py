"""`pyeonji suppression`: addresses elsewhere that are known not to exist."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import utc
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.serve.values import ValueRefused, duration_s
from pyeonji.storage.errors import NotSuppressed
from pyeonji.storage.suppressions import Suppression

if TYPE_CHECKING:
    from pyeonji.storage.embedded import Store

app = typer.Typer(
    help="Addresses elsewhere that nothing is sent to for a while.",
    no_args_is_help=True,
)

Address = Annotated[str, typer.Argument(help="An address in another domain.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list", epilog="Example: `pyeonji suppression list --domain example.org`")
def list_(
    context: typer.Context,
    *,
    domain: Annotated[str, typer.Option(help="Of this domain alone.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="So many; 0: all.")] = 1000,
    json: Json = False,
) -> None:
    """Show the addresses, the latest first, and why."""

    async def work(store: Store) -> list[Suppression]:
        return await store.suppressions.listed(
            time.time(), domain=domain, limit=limit or None
        )

    kept: Context = context.obj
    found = kept.run(work)
    if json:
        print_json(
            [
                {
                    "address": one.address,
                    "reason": one.reason,
                    "added_at": utc(one.added_at).isoformat(),
                    "until": utc(one.until).isoformat(),
                    "letter": one.letter,
                }
                for one in found
            ]
        )
        return
    if not found:
        print("no address is suppressed")
        return
    print_table(
        ("Address", "Since", "Until", "Letter", "Reason"),
        (
            (
                one.address,
                f"{utc(one.added_at).astimezone():%m-%d %H:%M}",
                f"{utc(one.until).astimezone():%Y-%m-%d %H:%M}",
                one.letter or "-",
                one.reason,
            )
            for one in found
        ),
    )


@app.command("add", epilog="Example: `pyeonji suppression add lee@example.org`")
def add(
    context: typer.Context,
    address: Address,
    *,
    time_: Annotated[
        str, typer.Option("--for", help='How long: "90s", "12h", "30d".')
    ] = "30d",
    reason: Annotated[str, typer.Option(help="What senders are told.")] = (
        "the operator says so"
    ),
) -> None:
    """Let nobody here send to an address for a while."""
    if not address.rpartition("@")[0]:
        raise typer.BadParameter(f"{address} is no address")
    try:
        seconds = duration_s(time_)
    except ValueRefused as refused:
        raise typer.BadParameter(f"--for {refused}") from None
    now = time.time()
    one = Suppression(address=address, reason=reason, added_at=now, until=now + seconds)

    async def work(store: Store) -> None:
        await store.suppressions.add(one)

    kept: Context = context.obj
    kept.run(work)
    print(f"{address} suppressed until {utc(one.until).astimezone():%Y-%m-%d %H:%M}")


@app.command("remove", epilog="Example: `pyeonji suppression remove lee@example.org`")
def remove(context: typer.Context, address: Address) -> None:
    """Let an address be tried again."""

    async def work(store: Store) -> bool:
        return await store.suppressions.remove(address)

    kept: Context = context.obj
    if not kept.run(work):
        raise NotSuppressed(f"{address} is not suppressed")
    print(f"{address} may be tried again")
