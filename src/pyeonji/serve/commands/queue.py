"""`pyeonji queue`: letters on their way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import utc
from pyeonji.base.ids import LetterId
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.queue import RecipientState, Summary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pyeonji.storage.embedded import Store
    from pyeonji.storage.queue import QueueOffice

app = typer.Typer(help="Letters on their way.", no_args_is_help=True)

Ids = Annotated[
    list[str] | None, typer.Argument(help="Letter ids, as `queue list` shows them.")
]
All = Annotated[bool, typer.Option("--all", help="All letters of the queue.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def as_json(letter: Summary) -> dict[str, object]:
    """A letter as `--json` shows it."""
    return {
        "id": letter.id,
        "worker": letter.worker,
        "from": letter.reverse_path,
        "octets": letter.size_octets,
        "accepted_at": utc(letter.accepted_at).isoformat(),
        "held": letter.held,
        "recipients": [
            {
                "address": recipient.address,
                "state": recipient.state.value,
                "attempts": recipient.attempts,
                "next_attempt": utc(recipient.next_attempt).isoformat(),
                "last_reply": recipient.last_reply,
            }
            for recipient in letter.recipients
        ],
    }


@app.command("list", epilog="Example: `pyeonji queue list`")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """Show the letters that have not reached all their recipients."""

    async def work(store: Store) -> list[Summary]:
        return await store.office.summaries()

    kept: Context = context.obj
    letters = kept.run(work)
    if json:
        print_json([as_json(letter) for letter in letters])
        return
    if not letters:
        print("the queue is empty")
        return
    rows = []
    for letter in letters:
        for recipient in letter.recipients:
            if recipient.state is not RecipientState.WAITING:
                continue
            due = utc(recipient.next_attempt).astimezone()
            when = "held" if letter.held else f"{due:%m-%d %H:%M:%S}"
            rows.append(
                (
                    letter.id,
                    letter.size_octets,
                    f"<{letter.reverse_path}>",
                    recipient.address,
                    recipient.attempts,
                    when,
                    recipient.last_reply or "-",
                )
            )
    print_table(("Id", "Octets", "From", "To", "Tries", "Next", "Last reply"), rows)


@app.command("show", epilog="Example: `pyeonji queue show 01JX5K8Q20001`")
def show(
    context: typer.Context,
    letter_id: Annotated[str, typer.Argument(help="A letter id.")],
    *,
    json: Json = False,
    raw: Annotated[bool, typer.Option("--raw", help="Its octets.")] = False,
) -> None:
    """Show one letter of the queue."""
    kept: Context = context.obj

    async def octets(store: Store) -> bytes:
        return (await store.office.octets(LetterId(letter_id))).whole()

    async def work(store: Store) -> Summary:
        return await store.office.show(LetterId(letter_id))

    if raw:
        sys.stdout.buffer.write(kept.run(octets))
        return
    letter = kept.run(work)
    if json:
        print_json(as_json(letter))
        return
    print(f"letter    {letter.id}{'  (held)' if letter.held else ''}")
    print(f"from      <{letter.reverse_path}>")
    print(f"octets    {letter.size_octets}")
    print(f"accepted  {utc(letter.accepted_at).astimezone():%Y-%m-%d %H:%M:%S}")
    print_table(
        ("To", "State", "Tries", "Next", "Last reply"),
        (
            (
                recipient.address,
                recipient.state.value,
                recipient.attempts,
                f"{utc(recipient.next_attempt).astimezone():%m-%d %H:%M:%S}",
                recipient.last_reply or "-",
            )
            for recipient in letter.recipients
        ),
    )


def _change(
    context: typer.Context,
    ids: list[str] | None,
    change: Callable[[QueueOffice, Sequence[LetterId]], Awaitable[int]],
    done: str,
    *,
    everything: bool,
) -> None:
    if bool(ids) == everything:
        raise typer.BadParameter("give letter ids, or --all")

    async def work(store: Store) -> int:
        chosen = [LetterId(name) for name in ids or ()]
        if everything:
            chosen = [letter.id for letter in await store.office.summaries()]
        return await change(store.office, chosen)

    kept: Context = context.obj
    count = kept.run(work)
    if ids and not count:
        raise NoSuchLetter("no such letter in the queue")
    print(f"{count} {'letter' if count == 1 else 'letters'} {done}")


@app.command("retry", epilog="Example: `pyeonji queue retry --all`")
def retry(context: typer.Context, ids: Ids = None, *, all_: All = False) -> None:
    """Try letters now instead of at their next time."""
    _change(context, ids, lambda o, i: o.retry(i), "to be tried now", everything=all_)


@app.command("hold", epilog="Example: `pyeonji queue hold 01JX5K8Q20001`")
def hold(context: typer.Context, ids: Ids = None, *, all_: All = False) -> None:
    """Don't try letters until they are released."""
    _change(context, ids, lambda o, i: o.hold(i), "held", everything=all_)


@app.command("release", epilog="Example: `pyeonji queue release --all`")
def release(context: typer.Context, ids: Ids = None, *, all_: All = False) -> None:
    """End a hold."""
    _change(context, ids, lambda o, i: o.release(i), "released", everything=all_)


@app.command("remove", epilog="Example: `pyeonji queue remove 01JX5K8Q20001`")
def remove(context: typer.Context, ids: Ids = None, *, all_: All = False) -> None:
    """Drop letters; nobody is told."""
    _change(context, ids, lambda o, i: o.remove(i), "removed", everything=all_)
