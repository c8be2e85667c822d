"""Results that are kept up to date: RETURN (UPDATE), CANCELUPDATE (RFC 5267 §4.3).

A context knows what its client knows of a result. Whenever the selected
mailbox is looked at, only what changed is asked again, and the difference is
told: what goes with the numbers that it has, what comes with those it gets.
What comes as a new message can be shown before that (RFC 5465 §7).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.fetch import send
from pyeonji.mra.imap.fetch_plan import unasked_plan
from pyeonji.mra.imap.search_results import correlator, number_set
from pyeonji.mra.imap.sections import UnknownEncoding
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import ReturnOption
from pyeonji.protocol.imap.search_keys import WithinKey, has
from pyeonji.protocol.imap.sequences import runs
from pyeonji.storage.query import And, UidIn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from pyeonji.mra.imap.looking import Look
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.mailboxes import Changes

    Arrange = Callable[[Sequence[int]], Awaitable[list[int]]]
    Show = Callable[[list[tuple[int, int]]], Awaitable[None]]

MAX_CONTEXTS: Final = 16
"""Contexts that one selected mailbox keeps up to date."""

MAX_WATCHED: Final = 1_000_000
"""Results in all contexts of a session together."""

Steps = list[tuple[int, list[int]]]
"""Pairs of a context position and uids, as ADDTO and REMOVEFROM have them."""


class NotSearched(Exception):
    """The search cannot be done; says how it is answered."""

    def __init__(self, status: bytes, text: str, code: bytes = b"") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code


@dataclass(slots=True, kw_only=True)
class Context:
    """One search whose result is followed."""

    look: Look
    correlated: bytes
    by_uid: bool
    members: set[int]
    order: list[int] = field(default_factory=list)  # of a SORT
    arrange: Arrange | None = None  # sorts ascending uids; None: mailbox order
    show: Show | None = None  # sends FETCH responses of uid ranges

    async def follow(
        self, selected: Selected, changed: Iterable[int], gone: Iterable[int]
    ) -> tuple[Steps, Steps]:
        """What goes from the result and what comes to it."""
        left = self.members.intersection(gone)
        candidates = set(changed)
        if has(self.look.key, WithinKey):  # time alone changes the result
            candidates.update(selected.view.uids())
        candidates.difference_update(left)
        matching = await self._matching(selected, candidates)
        left |= (candidates & self.members) - matching
        new = matching - self.members
        self.members -= left
        self.members |= new
        if self.arrange is None:
            return _unordered(left), _unordered(new)
        return await self._reordered(left, new)

    async def _matching(self, selected: Selected, candidates: set[int]) -> set[int]:
        if not candidates:
            return set()
        here = UidIn(tuple(runs(sorted(candidates))))
        query = And((here, self.look.query(selected)))
        return set(await selected.account.search(selected.mailbox_id, query))

    async def _reordered(self, left: set[int], new: set[int]) -> tuple[Steps, Steps]:
        before = self.order
        kept = [uid for uid in before if uid not in left]
        after = kept
        if new and self.arrange is not None:
            after = await self.arrange(sorted(self.members))
        if [uid for uid in after if uid not in new] != kept:
            left, new = set(before), set(after)  # the others moved too
        self.order = after
        return _positions(before, left)[::-1], _positions(after, new)


def _unordered(uids: set[int]) -> Steps:
    return [(0, sorted(uids))] if uids else []


def _positions(order: Sequence[int], chosen: set[int]) -> Steps:
    """Where chosen uids stand, neighbours together, from the first on."""
    steps: Steps = []
    follows = False
    for position, uid in enumerate(order, 1):
        if uid not in chosen:
            follows = False
        elif follows:
            steps[-1][1].append(uid)
        else:
            steps.append((position, [uid]))
            follows = True
    return steps


class Contexts:
    """All contexts of a selected mailbox."""

    __slots__ = ("_by_tag", "touched")

    def __init__(self) -> None:
        self._by_tag: dict[bytes, Context] = {}
        self.touched: set[int] = set()  # changed by this session itself

    def __len__(self) -> int:
        return len(self._by_tag)

    def __contains__(self, tag: bytes) -> bool:
        return tag in self._by_tag

    @property
    def by_time(self) -> bool:
        """Whether one of the results changes as time passes (RFC 5032 §2)."""
        return any(
            has(context.look.key, WithinKey) for context in self._by_tag.values()
        )

    def room_for(self, results: int) -> bool:
        """Whether one more context may be kept."""
        watched = sum(len(context.members) for context in self._by_tag.values())
        return len(self) < MAX_CONTEXTS and watched + results <= MAX_WATCHED

    def add(self, tag: bytes, context: Context) -> None:
        """Follow one more."""
        self._by_tag[tag] = context

    def cancel(self, tags: Iterable[bytes]) -> bool:
        """Follow these no more; False, and nothing happens, if one is unknown."""
        known = set(tags)
        if not known <= self._by_tag.keys():
            return False
        for tag in known:
            del self._by_tag[tag]
        return True

    def touch(self, uids: Iterable[int]) -> None:
        """This session changed these; nobody else will say so."""
        if self._by_tag:
            self.touched.update(uids)

    async def follow(self, selected: Selected, changes: Changes) -> Followed:
        """What to tell before the changes are told, and after it."""
        changed = self.touched.union(entry[0] for entry in changes.entries)
        self.touched = set()
        gone = set(changes.vanished)
        steps = [
            (context, *await context.follow(selected, changed - gone, gone))
            for context in self._by_tag.values()
        ]
        return Followed(steps, selected.view.last)


class Followed:
    """How results changed. Tell `before`, then the changes, `show`, `after`."""

    def __init__(self, steps: list[tuple[Context, Steps, Steps]], last: int) -> None:
        self._steps = steps
        self._last = last  # uids above it are of new messages

    def before(self, selected: Selected) -> bytes:
        """REMOVEFROM responses, with the numbers as they were."""
        return b"".join(
            _response(selected, context, b"REMOVEFROM", left)
            for context, left, _ in self._steps
            if left
        )

    async def show(self) -> None:
        """FETCH responses for new messages, not for those that changed (§7)."""
        for context, _, new in self._steps:
            uids = sorted(uid for _, step in new for uid in step if uid > self._last)
            if uids and context.show is not None:
                await context.show(list(runs(uids)))

    def after(self, selected: Selected) -> bytes:
        """ADDTO responses, once new messages have their numbers."""
        return b"".join(
            _response(selected, context, b"ADDTO", new)
            for context, _, new in self._steps
            if new
        )


def _response(selected: Selected, context: Context, item: bytes, steps: Steps) -> bytes:
    pairs = b" ".join(
        b"%d %b"
        % (
            position,
            number_set(uids if context.by_uid else map(selected.view.number, uids)),
        )
        for position, uids in steps
    )
    uid = b" UID" if context.by_uid else b""
    return b"* ESEARCH %b%b %b (%b)\r\n" % (context.correlated, uid, item, pairs)


def wants_updates(command: commands.Search) -> bool:
    """Whether UPDATE was asked for."""
    return command.returns is not None and ReturnOption.UPDATE in command.returns


def check_tag(selected: Selected, command: commands.Search) -> None:
    """Refuse UPDATE with a tag that a context has.

    Raises:
        NotSearched: it is in use.
    """
    if wants_updates(command) and command.tag in selected.contexts:
        raise NotSearched(b"BAD", "The tag is in use.")


def follow_results(
    session: Session,
    command: commands.Search,
    look: Look,
    order: Sequence[int],
    *,
    mailbox: bytes = b"",
    arrange: Arrange | None = None,
) -> None:
    """Follow a result from now on, if UPDATE was asked for and there is room.

    Args:
        session: whose mailbox is selected.
        command: the search.
        look: what it looks for.
        order: uids that were found, in the order asked for.
        mailbox: for the correlator.
        arrange: sorts uids as the command wants them, for SORT.
    """
    if not wants_updates(command):
        return
    selected = session.selected
    if not selected.contexts.room_for(len(order)):
        code = b"NOUPDATE " + responses.string(command.tag)
        session.tagged(b"*", b"NO", "Too many contexts.", code)
        return
    selected.contexts.add(
        command.tag,
        Context(
            look=look.fixed(selected),
            correlated=correlator(command.tag, mailbox),
            by_uid=command.by_uid,
            members=set(order),
            order=list(order) if arrange is not None else [],
            arrange=arrange,
            show=_showing(session, command.returns) if command.returns else None,
        ),
    )


def _showing(session: Session, returns: commands.Returns) -> Show | None:
    """What sends the items that are to come with new messages (RFC 5465 §7)."""
    if not returns.items:
        return None

    async def show(ranges: list[tuple[int, int]]) -> None:
        plan = unasked_plan(returns.items, session.enabled)
        with suppress(UnknownEncoding):  # such an item is not told
            await send(session, plan, ranges)

    return show


async def cancel_update(session: Session, command: commands.CancelUpdate) -> None:
    """Follow results no more (RFC 5267 §4.3.5)."""
    if session.selected.contexts.cancel(command.tags):
        await session.ok(command.tag, "No further updates.")
    else:
        session.tagged(command.tag, b"BAD", "No such context.")
