"""`pyeonji account`, with `held` and `release`: who behaved unlike himself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import utc
from pyeonji.serve.commands.accounts import app
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.storage.errors import NotHeld

if TYPE_CHECKING:
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.habits import Habit


__all__ = ["app"]


@app.command("held")
def held(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the accounts whose letters are held, and why."""

    async def work(store: Store) -> list[tuple[str, Habit]]:
        return await store.habits.held(time.time())

    kept: Context = context.obj
    found = kept.run(work)
    if json:
        print_json(
            [
                {
                    "account": account,
                    "until": utc(habit.held_until).isoformat(),
                    "reason": habit.reason,
                }
                for account, habit in found
            ]
        )
        return
    if not found:
        print("no account is held")
        return
    print_table(
        ("Account", "Until", "Reason"),
        (
            (
                account,
                f"{utc(habit.held_until).astimezone():%Y-%m-%d %H:%M}",
                habit.reason,
            )
            for account, habit in found
        ),
    )


@app.command("release", epilog="Example: `pyeonji account release kim@example.org`")
def release(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="The account's address.")],
) -> None:
    """End the hold of an account; what it did is usual from now on.

    Letters that are held already stay so: `pyeonji queue release --from ADDRESS`.
    """

    async def work(store: Store) -> bool:
        return await store.habits.release(address)

    kept: Context = context.obj
    if not kept.run(work):
        raise NotHeld(f"no letters of {address} are held")
    print(f"new letters of {address} are not held")
