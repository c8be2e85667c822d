"""`pyeonji trace`: where did my message go?"""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.base.clock import utc
from pyeonji.serve.commands.answers import answers
from pyeonji.serve.commands.context import Context, print_json, printable
from pyeonji.serve.values import ValueRefused, duration_s
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.queue import TraceFilter

if TYPE_CHECKING:
    from pyeonji.base.events import LetterEvent
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.queue import Summary

    Traced = tuple[list[LetterEvent], Summary | None]

_HOOKS: Final = (
    "rspamd", "symbols", "sender_was", "added", "removed", "not_forwarded", "held",
)  # fmt: skip
_CHECKS: Final = ("iprev", "spf", "dkim", "arc", "dmarc", "signed", "forwarded_as")
"""Facts that say what was found out of a stranger's letter."""


Time = Annotated[
    str,
    typer.Option(
        metavar="TIME", help='"2026-11-25 14:00", "14:00" (today), or "2h" (ago).'
    ),
]


def trace(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            help="A letter id, a Message-ID, an address, or a domain.",
            show_default=False,
        ),
    ] = "",
    *,
    sender: Annotated[
        str, typer.Option("--from", help="The envelope's sender, or his domain.")
    ] = "",
    recipient: Annotated[
        str, typer.Option("--to", help="A recipient, or his domain.")
    ] = "",
    since: Time = "",
    until: Time = "",
    limit: Annotated[
        int, typer.Option(min=1, help="The latest so many letters.")
    ] = 100,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what became of a letter, and its journey: queued, tried, delivered.

    All that is said must be so; times are those at which it was accepted.
    """
    now = time.time()
    which = TraceFilter(
        what=what.strip(),
        sender=sender,
        recipient=recipient,
        since=moment(since, now, "--since"),
        until=moment(until, now, "--until"),
        limit=limit,
    )
    if which == TraceFilter(limit=limit):
        raise typer.BadParameter("say which letter: an id, an address, a time …")

    async def work(store: Store) -> list[Traced]:
        events = await store.office.trace(which)
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
        days = kept.configuration.queue.journeys_s / 86400
        raise NoSuchLetter(
            f"nothing is known of such a letter (they are forgotten after {days:g}"
            " days) · 그런 편지를 알지 못합니다"
        )
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
    for events, queued in traced:
        print(f"letter {events[0].letter_id}")
        for whom, korean, english in answers(events, queued, now):
            print(_plain(f"  {whom}"))
            print(_plain(f"    {korean}"))
            print(_plain(f"    {english}"))
        for event in events:
            at = utc(event.at).astimezone()
            print(f"  {at:%Y-%m-%d %H:%M:%S.%f}"[:-3], _sentence(event))
    if len(traced) == limit:
        print(f"the latest {limit}: there may be more (--limit)")


def moment(text: str, now: float, option: str = "") -> float | None:
    """A time as somebody writes it: Unix seconds; None where nothing is said.

    A date, a date and a time, a time of today (all in the zone of the machine
    unless they say another), or how long ago.

    Raises:
        BadParameter: it is none of them.
    """
    said = text.strip()
    if not said:
        return None
    with suppress(ValueRefused):
        return now - duration_s(said)
    if len(said) <= len("14:00:00"):
        said = f"{utc(now).astimezone():%Y-%m-%d} {said}"
    try:
        return datetime.fromisoformat(said).astimezone().timestamp()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f'{option} {text!r} is no time such as "2026-11-25 14:00", "14:00" or "2h"'
        ) from None


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
