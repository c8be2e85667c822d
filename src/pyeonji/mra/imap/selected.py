r"""A session's view of its mailbox: sequence numbers, \Recent, what was told.

The view moves only when the client is told (RFC 3501 §7.4.1, §5.2): what was
expunged keeps its number until an EXPUNGE response may be sent.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.contexts import Contexts
from pyeonji.mra.imap.rights import ALL, WRITING, ordered
from pyeonji.mra.imap.uid_map import UidMap, expunge_numbers
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.responses import RECENT
from pyeonji.protocol.imap.sequences import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyeonji.base.ids import AccountId, MailboxId, ModSeq, Uid, UidValidity
    from pyeonji.mra.imap.enabled import Enabled
    from pyeonji.protocol.imap.sequences import SequenceSet
    from pyeonji.storage.mailboxes import AccountStore, Changes, FlagsStored, Mailbox

WELL_KNOWN_KEYWORDS: Final = ("$Forwarded", "$Junk", "$MDNSent", "$NotJunk")
"""Told as defined from the start (RFC 5788)."""

_RECENT: Final = bytes(flags | RECENT for flags in range(256))
r"""The octets of flags, with \Recent."""


class NoSuchNumber(Exception):
    """A sequence number beyond the mailbox's messages (RFC 3501 §9, seq-number)."""


class UidRequired(Exception):
    """A sequence number where the client asked for uids only (RFC 9586 §3)."""


class Gone(Exception):
    """The selected mailbox was deleted, or may not be read any more."""


class Selected:
    """One mailbox as one session has been told of it."""

    __slots__ = (
        "account", "contexts", "dirty", "enabled", "held", "keywords", "mailbox_id",
        "name", "owed", "read_only", "recents", "rights", "saved", "since",
        "tells_flags", "told",
        "uid_validity", "vanished", "view",
    )  # fmt: skip

    def __init__(
        self,
        account: AccountStore,
        mailbox: Mailbox,
        uids: UidMap | Iterable[Uid],
        *,
        read_only: bool,
        enabled: Enabled,
        rights: str = ALL,
    ) -> None:
        self.tells_flags = True  # NOTIFY may say otherwise
        self.rights = rights  # of this user, when it was selected
        self.enabled = enabled
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
        self.held: ModSeq = mailbox.highest_mod_seq  # what `vanished` came after
        self.owed = False  # HIGHESTMODSEQ is to be told
        self.told: set[int] = set()  # mod-seqs of own changes beyond `since`
        self.keywords = set(WELL_KNOWN_KEYWORDS)
        self.saved: list[tuple[int, int]] = []  # "$", as uid ranges (RFC 5182)
        self.contexts = Contexts()

    @property
    def account_id(self) -> AccountId:
        """Whose mailbox it is."""
        return self.account.id

    def keep_rights(self, has: str) -> None:
        """Of the rights at the time of SELECT, only these are left."""
        left = ordered(set(self.rights) & set(has))
        if left != self.rights:
            self.rights = left
            self.read_only = self.read_only or not WRITING & set(left)

    # -- what a client names

    def ranges(self, messages: SequenceSet, *, by_uid: bool) -> list[tuple[int, int]]:
        """Uid ranges of what the client named.

        Raises:
            NoSuchNumber: a sequence number is larger than the mailbox.
        """
        if messages.saved:
            return self.saved
        view = self.view
        if not by_uid and self.enabled.uid_only:
            raise UidRequired
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
        result: bytearray | None = None
        for low, high in self.recents:
            start, stop = bisect_left(uids, low), bisect_right(uids, high)
            if start < stop:
                if result is None:
                    result = bytearray(bits)
                result[start:stop] = result[start:stop].translate(_RECENT)
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

    @property
    def synced(self) -> ModSeq:
        """The mod-sequence up to which the client has been told everything.

        Lower than what its messages have while EXPUNGE is held back
        (RFC 7162 §3.2).
        """
        return self.held if self.vanished else self.since

    def mod_seq_line(self) -> bytes:
        """HIGHESTMODSEQ after VANISHED, and while it is held back (RFC 7162 §6)."""
        if not self.owed and not self.vanished:
            return b""
        self.owed = bool(self.vanished)
        return b"* OK [HIGHESTMODSEQ %d] So far.\r\n" % self.synced

    def note_own(self, stored: FlagsStored, *, told: bool = True) -> None:
        """This session's own command changed flags, all with one mod-sequence.

        Where nobody else changed the mailbox in between, the look-up of changes
        is spared altogether. Else what was not `told` will be: another's change
        may hide behind ours.

        Args:
            stored: what it did.
            told: the client hears of all of them.
        """
        mod_seq, before = stored.mod_seq, stored.before
        if mod_seq is None:
            return
        self.contexts.touch(stored.uids)
        if (mod_seq - 1 if before is None else before) <= self.since:
            self.since = mod_seq
            return
        self.dirty = True
        if told:
            self.told.add(mod_seq)

    def expunged(self, uids: Iterable[int]) -> bytes:
        """EXPUNGE or VANISHED for uids that went, in this session or another."""
        if not self.enabled.vanished:
            gone = self.view.remove(uids)
            return responses.number_lines(expunge_numbers(gone), b"EXPUNGE")
        known = sorted({uid for uid in uids if self.view.number(uid)})
        self.view.remove(known)
        return responses.vanished(runs(known))

    async def refresh(self, write: Callable[[bytes], None], *, expunges: bool) -> None:
        """Tell what happened since the last look, as untagged responses.

        Args:
            write: is given the octets.
            expunges: EXPUNGE responses may be sent now.

        Raises:
            Gone: the mailbox was deleted.
        """
        self.dirty = False
        changes = await self.account.changes(self.mailbox_id, self.since)
        if changes.gone:
            raise Gone
        if not self.contexts:
            write(await self._apply(changes, expunges=expunges))
            return
        # numbers of what goes are those before EXPUNGE, of what comes those
        # after EXISTS (RFC 5267 §4.3.3, §4.3.4)
        followed = await self.contexts.follow(self, changes)
        before = followed.before(self)
        write(before + await self._apply(changes, expunges=expunges))
        await followed.show()
        write(followed.after(self))

    async def _apply(self, changes: Changes, *, expunges: bool) -> bytes:
        if changes.vanished and not self.vanished:
            self.held = self.since
        self.since = changes.highest_mod_seq
        self.vanished.extend(changes.vanished)
        out = []
        if expunges and self.vanished:
            out.append(self.expunged(self.vanished))
            self.vanished = []
            self.owed = True
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
        told = self.told
        entries = [
            entry
            for entry in changes.entries
            if entry[0] <= last and entry[3] not in told
        ]
        if not self.tells_flags:
            return b""
        known = self.learn_keywords(entry[2] for entry in changes.entries)
        return known + self.flag_lines(entries)

    def flag_lines(self, entries: Sequence[tuple[int, int, str, int]]) -> bytes:
        """FETCH responses with the flags of (uid, flags, keywords, mod-sequence).

        Those that the client has not heard of are left out.
        """
        enabled, view = self.enabled, self.view
        tail = b" MODSEQ (%d))\r\n" if enabled.mod_seqs else b")\r\n"
        lines = []
        for uid, flags, keywords, mod_seq in entries:
            if not (number := view.number(uid)):
                continue
            (bits,) = self.with_recent((uid,), (flags,))
            text = responses.flags(bits, keywords)
            if enabled.uid_only:
                lines.append(b"* %d UIDFETCH (FLAGS %b" % (uid, text))
            else:
                lines.append(b"* %d FETCH (UID %d FLAGS %b" % (number, uid, text))
            lines.append(tail % mod_seq if enabled.mod_seqs else tail)
        return b"".join(lines)

    async def _arrived(self, new: Sequence[Uid]) -> bytes:
        """EXISTS for new entries, and RECENT to clients that know it."""
        exists = b"* %d EXISTS\r\n" % len(self.view)
        if self.enabled.rev2:
            return exists
        first = new[0]
        if not self.read_only:
            until = self.view.last + 1
            claimed = await self.account.claim_recent(self.mailbox_id, until)
            first = max(first, claimed)
        self.add_recent(first, new[-1])
        return exists + b"* %d RECENT\r\n" % self.recent_count()
