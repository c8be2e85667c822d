r"""A session's view of its mailbox: sequence numbers, \Recent, what was told.

The view moves only when the client is told (RFC 3501 §7.4.1, §5.2): what was
expunged keeps its number until an EXPUNGE response may be sent.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.contexts import Contexts
from pyeonji.mra.imap.uid_map import UidMap, expunge_numbers
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.responses import RECENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.base.ids import MailboxId, ModSeq, Uid, UidValidity
    from pyeonji.protocol.imap.sequences import SequenceSet
    from pyeonji.storage.mailboxes import AccountStore, Changes, Mailbox

WELL_KNOWN_KEYWORDS: Final = ("$Forwarded", "$Junk", "$MDNSent", "$NotJunk")
"""Told as defined from the start (RFC 5788)."""


class NoSuchNumber(Exception):
    """A sequence number beyond the mailbox's messages (RFC 3501 §9, seq-number)."""


class Gone(Exception):
    """The selected mailbox was deleted."""


class Selected:
    """One mailbox as one session has been told of it."""

    __slots__ = (
        "account", "contexts", "dirty", "keywords", "mailbox_id", "name", "read_only",
        "recents", "saved", "since", "told", "uid_validity", "vanished", "view",
    )  # fmt: skip

    def __init__(
        self,
        account: AccountStore,
        mailbox: Mailbox,
        uids: UidMap | Iterable[Uid],
        *,
        read_only: bool,
    ) -> None:
        self.account = account  # not always the user's own
        self.mailbox_id: MailboxId = mailbox.id
        self.name = mailbox.name
        self.uid_validity: UidValidity = mailbox.uid_validity
        self.read_only = read_only
        self.view = uids if isinstance(uids, UidMap) else UidMap(uids)
        self.since: ModSeq = mailbox.highest_mod_seq
        self.dirty = False
        self.recents: list[tuple[int, int]] = []
        self.vanished: list[int] = []  # expunged, not told yet
        self.told: dict[int, int] = {}  # uid: mod-seq of flags that the client knows
        self.keywords = set(WELL_KNOWN_KEYWORDS)
        self.saved: list[tuple[int, int]] = []  # "$", as uid ranges (RFC 5182)
        self.contexts = Contexts()

    # -- what a client names

    def ranges(self, messages: SequenceSet, *, by_uid: bool) -> list[tuple[int, int]]:
        """Uid ranges of what the client named.

        Raises:
            NoSuchNumber: a sequence number is larger than the mailbox.
        """
        if messages.saved:
            return self.saved
        view = self.view
        if by_uid:
            last = view.last  # what came later, the client cannot mean
            return [
                (low, min(high, last))
                for low, high in messages.ranges(last or 1)
                if low <= last
            ]
        if not len(view) or messages.largest() > len(view):
            raise NoSuchNumber
        return [
            view.range_of_numbers(low, high) for low, high in messages.ranges(len(view))
        ]

    # -- \Recent (RFC 3501 §2.3.2)

    def add_recent(self, first: int, last: int) -> None:
        """Entries of these uids, above all before, are recent to this session."""
        if first > last:
            return
        if self.recents and self.recents[-1][1] + 1 >= first:
            first = self.recents.pop()[0]
        self.recents.append((first, last))

    def with_recent(self, uids: Sequence[int], bits: Sequence[int]) -> Sequence[int]:
        r"""Flags of ascending uids with the bit of \Recent where it belongs."""
        result: list[int] | None = None
        for low, high in self.recents:
            start, stop = bisect_left(uids, low), bisect_right(uids, high)
            if start < stop:
                if result is None:
                    result = list(bits)
                result[start:stop] = [flags | RECENT for flags in result[start:stop]]
        return bits if result is None else result

    def recent_count(self) -> int:
        """How many entries are recent."""
        view = self.view
        return sum(view.count(low, high) for low, high in self.recents)

    # -- what happened

    def flags_response(self) -> bytes:
        """The FLAGS response (RFC 3501 §7.2.6)."""
        known = responses.flags(31, " ".join(sorted(self.keywords)))
        return responses.untagged(b"FLAGS " + known)

    def learn_keywords(self, keywords: Iterable[str]) -> bytes:
        """A FLAGS response if one of these (space-joined) names is new."""
        new = {name for names in set(keywords) for name in names.split()}
        if new <= self.keywords:
            return b""
        self.keywords |= new
        return self.flags_response()

    def note_own(self, changed: Sequence[tuple[Uid, int, str, ModSeq]]) -> None:
        """This session's own command changed these; they need no telling.

        Where nobody else's change can lie between, the look-up of changes is
        spared altogether.
        """
        if not changed:
            return
        self.contexts.touch(entry[0] for entry in changed)
        sequences = {entry[3] for entry in changed}
        if min(sequences) == self.since + 1 and max(sequences) == self.since + len(
            sequences
        ):
            self.since = max(sequences)
        else:
            self.told.update((entry[0], entry[3]) for entry in changed)

    def expunged(self, uids: Iterable[int]) -> bytes:
        """EXPUNGE responses for uids that went, in this session or another."""
        gone = self.view.remove(uids)
        return responses.number_lines(expunge_numbers(gone), b"EXPUNGE")

    async def refresh(self, *, expunges: bool) -> bytes:
        """What happened since the last look, as untagged responses.

        Args:
            expunges: EXPUNGE responses may be sent now.

        Raises:
            Gone: the mailbox was deleted.
        """
        self.dirty = False
        changes = await self.account.changes(self.mailbox_id, self.since)
        if changes.gone:
            raise Gone
        if not self.contexts:
            return await self._apply(changes, expunges=expunges)
        # numbers of what goes are those before EXPUNGE, of what comes those
        # after EXISTS (RFC 5267 §4.3.3, §4.3.4)
        before, after = await self.contexts.follow(self, changes)
        told = await self._apply(changes, expunges=expunges)
        return before + told + after(self)

    async def _apply(self, changes: Changes, *, expunges: bool) -> bytes:
        self.since = changes.highest_mod_seq
        self.vanished.extend(changes.vanished)
        out = []
        if expunges and self.vanished:
            out.append(self.expunged(self.vanished))
            self.vanished = []
        if changes.entries:
            last = self.view.last
            out.append(self._changed(changes, last))
            new = [entry[0] for entry in changes.entries if entry[0] > last]
            if self.view.extend(new):
                out.append(await self._arrived(new))
        self.told.clear()
        return b"".join(out)

    def _changed(self, changes: Changes, last: int) -> bytes:
        """FETCH responses for flags that others changed."""
        lines = [self.learn_keywords(entry[2] for entry in changes.entries)]
        told = self.told
        for uid, flags, keywords, mod_seq in changes.entries:
            if uid > last:
                break
            if told.get(uid) == mod_seq or not (number := self.view.number(uid)):
                continue
            (bits,) = self.with_recent((uid,), (flags,))
            text = responses.flags(bits, keywords)
            lines.append(b"* %d FETCH (UID %d FLAGS %b)\r\n" % (number, uid, text))
        return b"".join(lines)

    async def _arrived(self, new: Sequence[Uid]) -> bytes:
        """EXISTS and RECENT for new entries."""
        first = new[0]
        if not self.read_only:
            first = max(first, await self.account.claim_recent(self.mailbox_id))
        self.add_recent(first, new[-1])
        return b"* %d EXISTS\r\n* %d RECENT\r\n" % (
            len(self.view),
            self.recent_count(),
        )
