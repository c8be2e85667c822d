"""`pyeonji queue`: letters on their way."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.base.clock import utc
from pyeonji.base.ids import LetterId
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.serve.values import ValueRefused, duration_s
from pyeonji.storage.errors import NoSuchLetter
from pyeonji.storage.queue import (
    ALL_LETTERS,
    DomainSummary,
    LetterFilter,
    RecipientState,
    Summary,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterator,
        Sequence,
    )

    from pyeonji.storage.embedded import Store
    from pyeonji.storage.queue import QueueOffice

app = typer.Typer(help="Letters on their way.", no_args_is_help=True)

PAGE: Final = 500
"""Letters that are found and changed at a time."""

MAX_LISTED: Final = 1000
"""Lines that `list` shows unless told otherwise."""

Ids = Annotated[
    list[str] | None, typer.Argument(help="Letter ids, as `queue list` shows them.")
]
All = Annotated[bool, typer.Option("--all", help="All letters of the queue.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
From = Annotated[
    str | None,
    typer.Option("--from", help='Sender: an address, "@domain", or "<>" for reports.'),
]
To = Annotated[str, typer.Option("--to", help="A recipient's address.")]
ToDomain = Annotated[str, typer.Option("--to-domain", help="A recipient's domain.")]
Older = Annotated[
    str, typer.Option("--older", help='Accepted so long ago: "90s", "1h", "2d".')
]
Reason = Annotated[
    str, typer.Option("--reason", help="Part of what was said last of it.")
]
NextHop = Annotated[
    str, typer.Option("--next-hop", help="Part of the host's name it was offered to.")
]


class Meant:
    """Which letters a command line means: ids, a filter, or all."""

    def __init__(
        self,
        ids: list[str] | None = None,
        *,
        everything: bool = False,
        sender: str | None = None,
        recipient: str = "",
        domain: str = "",
        older: str = "",
        reason: str = "",
        next_hop: str = "",
        held: bool | None = None,
    ) -> None:
        before = None
        if older:
            try:
                before = time.time() - duration_s(older)
            except ValueRefused as refused:
                raise typer.BadParameter(f"--older {refused}") from None
        self.ids = [LetterId(name) for name in ids or ()]
        self.filter = LetterFilter(
            sender=None if sender is None else sender.strip("<>"),
            recipient=recipient,
            domain=domain,
            accepted_before=before,
            reason=reason,
            next_hop=next_hop,
            held=held,
        )
        kinds = bool(self.ids) + (self.filter != ALL_LETTERS) + everything
        self.chosen = kinds == 1

    async def pages(self, office: QueueOffice) -> AsyncIterator[list[LetterId]]:
        """Their ids, some at a time."""
        if self.ids:
            yield self.ids
            return
        after = ""
        while page := await office.summaries(self.filter, after=after, limit=PAGE):
            after = page[-1].id
            yield [letter.id for letter in page]


def as_json(letter: Summary) -> dict[str, object]:
    """A letter as `--json` shows it."""
    return {
        "id": letter.id,
        "worker": letter.worker,
        "from": letter.reverse_path,
        "octets": letter.size_octets,
        "accepted_at": utc(letter.accepted_at).isoformat(),
        "held": letter.held,
        "lane": letter.lane,
        "waits_for": letter.waits_for,
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


@app.command("list", epilog="Example: `pyeonji queue list --to-domain example.org`")
def list_(
    context: typer.Context,
    *,
    sender: From = None,
    to: To = "",
    to_domain: ToDomain = "",
    older: Older = "",
    reason: Reason = "",
    next_hop: NextHop = "",
    held: Annotated[bool, typer.Option("--held", help="Those that are held.")] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="The oldest so many; 0: all.")
    ] = MAX_LISTED,
    json: Json = False,
) -> None:
    """Show the letters that have not reached all their recipients."""
    meant = Meant(
        sender=sender,
        recipient=to,
        domain=to_domain,
        older=older,
        reason=reason,
        next_hop=next_hop,
        held=True if held else None,
    )

    async def work(store: Store) -> list[Summary]:
        wanted = limit + 1 if limit else None
        return await store.office.summaries(meant.filter, limit=wanted)

    kept: Context = context.obj
    letters = kept.run(work)
    more = bool(limit) and len(letters) > limit
    letters = letters[:limit] if limit else letters
    if json:
        print_json([as_json(letter) for letter in letters])
        return
    if not letters:
        empty = meant.filter == ALL_LETTERS
        print("the queue is empty" if empty else "no such letters")
        return
    rows = [row for letter in letters for row in _rows(letter)]
    print_table(("Id", "Octets", "From", "To", "Tries", "Next", "Last reply"), rows)
    if more:
        print(f"… and more than these {limit}; see `pyeonji queue summary`, --limit")


def next_time(at: float) -> str:
    """When a recipient is tried, for people; Unix seconds, 0: at once."""
    return f"{utc(at).astimezone():%m-%d %H:%M:%S}" if at else "now"


def _rows(letter: Summary) -> Iterator[tuple[object, ...]]:
    """A line for each recipient that waits."""
    for recipient in letter.recipients:
        if recipient.state is not RecipientState.WAITING:
            continue
        when = next_time(recipient.next_attempt)
        if letter.held or letter.lane:
            when = "held" if letter.held else "in its turn"
        yield (
            letter.id,
            letter.size_octets,
            f"<{letter.reverse_path}>",
            recipient.address,
            recipient.attempts,
            when,
            letter.waits_for or recipient.last_reply or "-",
        )


@app.command("summary", epilog="Example: `pyeonji queue summary`")
def summary(
    context: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option(min=0, help="The longest so many; 0: all.")
    ] = 100,
    json: Json = False,
) -> None:
    """Show what waits for whom: letters, the oldest, how it is with the next hop."""

    async def work(store: Store) -> list[DomainSummary]:
        return await store.office.domains()

    kept: Context = context.obj
    lines = kept.run(work)
    shown = lines[:limit] if limit else lines
    if json:
        print_json([_domain_as_json(line) for line in shown])
        return
    if not lines:
        print("the queue is empty")
        return
    now = time.time()
    print_table(
        ("Domain", "Letters", "Held", "Oldest", "State", "Last reply"),
        (
            (
                line.domain or "-",
                line.letters,
                line.held,
                _span(now - line.oldest_at),
                _state(line, now),
                line.last_reply or "-",
            )
            for line in shown
        ),
    )
    if len(lines) > len(shown):
        print(f"… and {len(lines) - len(shown)} more domains")


def _domain_as_json(line: DomainSummary) -> dict[str, object]:
    return {
        "domain": line.domain,
        "letters": line.letters,
        "held": line.held,
        "oldest_at": utc(line.oldest_at).isoformat(),
        "next_attempt": (
            utc(line.next_attempt).isoformat() if line.next_attempt else None
        ),
        "failures": line.failures,
        "down_until": utc(line.until).isoformat() if line.failures else None,
        "last_reply": line.last_reply,
    }


def _state(line: DomainSummary, now: float) -> str:
    """How it is with a domain, for people."""
    if line.held == line.letters:
        return "held"
    wait = max(line.next_attempt - now, 0.0)
    if line.failures:
        return f"down ({line.failures} calls), next in {_span(line.until - now)}"
    return f"next in {_span(wait)}" if wait else "due"


def _span(seconds: float) -> str:
    """A time such as 5m, 3h or 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


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
                next_time(recipient.next_attempt),
                recipient.last_reply or "-",
            )
            for recipient in letter.recipients
        ),
    )


def _change(
    context: typer.Context,
    meant: Meant,
    change: Callable[[QueueOffice, Sequence[LetterId]], Awaitable[int]],
    done: str,
    *,
    json: bool,
) -> None:
    if not meant.chosen:
        raise typer.BadParameter("give letter ids, or a filter, or --all")

    async def work(store: Store) -> int:
        return sum(
            [
                await change(store.office, page)
                async for page in meant.pages(store.office)
            ]
        )

    kept: Context = context.obj
    count = kept.run(work)
    if meant.ids and not count:
        raise NoSuchLetter("no such letter in the queue")
    if json:
        print_json({"letters": count})
        return
    print(f"{count} {'letter' if count == 1 else 'letters'} {done}")


def _command(
    name: str,
    change: Callable[[QueueOffice, Sequence[LetterId]], Awaitable[int]],
    *,
    done: str,
    words: str,
    example: str,
) -> None:
    """A command that changes the letters that its ids, filter or --all mean."""

    def command(
        context: typer.Context,
        ids: Ids = None,
        *,
        all_: All = False,
        sender: From = None,
        to: To = "",
        to_domain: ToDomain = "",
        older: Older = "",
        reason: Reason = "",
        next_hop: NextHop = "",
        json: Json = False,
    ) -> None:
        meant = Meant(
            ids,
            everything=all_,
            sender=sender,
            recipient=to,
            domain=to_domain,
            older=older,
            reason=reason,
            next_hop=next_hop,
        )
        _change(context, meant, change, done, json=json)

    app.command(name, help=words, epilog=f"Example: `pyeonji queue {example}`")(command)


_command(
    "retry",
    lambda office, ids: office.retry(ids),
    done="to be tried now",
    words="Try letters now instead of at their next time.",
    example="retry --to-domain example.org",
)
_command(
    "hold",
    lambda office, ids: office.hold(ids),
    done="held",
    words="Don't try letters until they are released.",
    example="hold --from kim@example.org",
)
_command(
    "release",
    lambda office, ids: office.release(ids),
    done="released",
    words="End a hold.",
    example="release --all",
)
_command(
    "remove",
    lambda office, ids: office.remove(ids),
    done="removed",
    words="Drop letters; nobody is told.",
    example='remove --reason "user unknown" --older 1h',
)
