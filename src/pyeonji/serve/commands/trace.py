"""`pyeonji trace`: where did my message go?"""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.base.clock import utc
from pyeonji.serve.commands.answers import answers
from pyeonji.serve.commands.context import Context, print_json, printable
from pyeonji.storage.errors import NoSuchLetter

if TYPE_CHECKING:
    from pyeonji.base.events import LetterEvent
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.queue import Summary

    Traced = tuple[list[LetterEvent], Summary | None]

_HOOKS: Final = ("rspamd", "symbols", "held")
_CHECKS: Final = ("iprev", "spf", "dkim", "arc", "dmarc", "signed", "forwarded_as")
"""Facts that say what was found out of a stranger's letter."""


def trace(
    context: typer.Context,
    what: Annotated[
        str, typer.Argument(help="A letter id, a Message-ID, or an address.")
    ],
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what became of a letter, and its journey: queued, tried, delivered."""

    async def work(store: Store) -> list[Traced]:
        events = await store.office.trace(what)
        found = []
        for letter_id, its_events in groupby(events, key=lambda e: e.letter_id):
            queued = None
            with suppress(NoSuchLetter):  # it has left the queue
                queued = await store.office.show(letter_id)
            found.append((list(its_events), queued))
        return found

    kept: Context = context.obj
    traced = kept.run(work)
    if not traced:
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
                for events, _ in traced
                for event in events
            ]
        )
        return
    now = time.time()
    for events, queued in traced:
        print(f"letter {events[0].letter_id}")
        for recipient, korean, english in answers(events, queued, now):
            print(_plain(f"  {recipient}"))
            print(_plain(f"    {korean}"))
            print(_plain(f"    {english}"))
        for event in events:
            moment = utc(event.at).astimezone()
            print(f"  {moment:%Y-%m-%d %H:%M:%S.%f}"[:-3], _sentence(event))


def _plain(text: str) -> str:
    """Text of strangers for `print`."""
    return printable(text).replace(r"\[", "[")


def _sentence(event: LetterEvent) -> str:
    facts = dict(event.facts)
    if "client" in facts:
        said = _handed_over(facts)
    else:
        reply, status = facts.pop("reply", ""), facts.pop("status", "")
        said = f"{status} {reply}".strip()
        rest = ", ".join(f"{key} {value}" for key, value in facts.items() if value)
        said += f" ({rest})" if rest else ""
    whom = f"{event.recipient}: " if event.recipient else ""
    return _plain(f"{event.kind.value:<10} {whom}{said}")


def _handed_over(facts: dict[str, str]) -> str:
    """Who gave us the letter, how, and for whom."""
    user = f" as {facts['user']}" if facts.get("user") else ""
    tls = f", {facts['tls']}" if facts.get("tls") else ", in clear"
    return (
        f"<{facts.get('from', '')}> to {facts.get('to', '')}, "
        f"{facts.get('size_octets', '?')} octets, {facts.get('message_id', '')}; "
        f"from {facts.get('helo', '')} [{facts['client']}]{user} "
        f"by {facts.get('with', 'SMTP')}{tls} (connection {facts.get('connection')})"
        + "".join(f"; {name} {facts[name]}" for name in _CHECKS if facts.get(name))
        + "".join(f"; {name} {facts[name]}" for name in _HOOKS if facts.get(name))
        + (f"; policy: {facts['policy']}" if facts.get("policy") else "")
        + (f"; TLS {facts['tls_wish']}" if facts.get("tls_wish") else "")
    )
