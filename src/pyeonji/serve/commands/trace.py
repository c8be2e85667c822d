"""`pyeonji trace`: where did my message go?"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import utc
from pyeonji.serve.commands.context import Context, print_json, printable
from pyeonji.storage.errors import NoSuchLetter

if TYPE_CHECKING:
    from pyeonji.base.events import LetterEvent
    from pyeonji.storage.embedded import Store


def trace(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(help="A letter id, a Message-ID, or an address.")
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell a letter's journey: received, checked, queued, tried, delivered."""

    async def work(store: Store) -> list[LetterEvent]:
        return await store.office.trace(what)

    kept: Context = context.obj
    events = kept.run(work)
    if not events:
        raise NoSuchLetter(f"nothing is known of {what}")
    if json:
        print_json(
            [
                {
                    "letter": event.letter_id,
                    "at": utc(event.at).isoformat(),
                    "event": event.kind.value,
                    "recipient": event.recipient,
                    **event.facts,
                }
                for event in events
            ]
        )
        return
    for letter_id, its_events in groupby(events, key=lambda e: e.letter_id):
        print(f"letter {letter_id}")
        for event in its_events:
            moment = utc(event.at).astimezone()
            print(f"  {moment:%Y-%m-%d %H:%M:%S.%f}"[:-3], _sentence(event))


def _sentence(event: LetterEvent) -> str:
    facts = ", ".join(f"{key} {value}" for key, value in event.facts.items() if value)
    whom = f" {event.recipient}" if event.recipient else ""
    line = f"{event.kind.value:<10}{whom}"
    return printable(f"{line}  {facts}" if facts else line).replace(r"\[", "[")
