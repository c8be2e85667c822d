"""How a list of fetch items becomes octets: columns, a template, and makers.

A plan is made once for each list of items. Rows come from storage as tuples;
each item takes its columns as a whole and gives one value for each message,
and one `%` of the template writes a message. So thousands of messages cost
little more than the storage's own work.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pyeonji.mra.imap.object_ids import email_id, thread_id
from pyeonji.mra.imap.sections import (
    is_of_common_fields,
    is_own_header,
    reader_of,
)
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.commands import Section, SectionText, Simple
from pyeonji.protocol.imap.dates import date_times
from pyeonji.protocol.imap.structure import basic_structure
from pyeonji.storage.mailboxes import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyeonji.mra.imap.enabled import Enabled
    from pyeonji.mra.imap.sections import Reader
    from pyeonji.mra.imap.selected import Selected
    from pyeonji.protocol.imap.commands import Binary, FetchItem
    from pyeonji.storage.content import StoredOctets
    from pyeonji.storage.mailboxes import Row

    Columns = dict[Column, Sequence[Any]]
    Values = tuple[Sequence[Any], ...]
    Make = Callable[[Columns, Selected], Iterable[Any]]

PORTION: Final = 2500
"""Messages asked of storage at once."""
PORTION_OF_BODIES: Final = 250
"""The same where their octets are wanted, or their headers."""
PORTION_OF_FIELDS: Final = 1000
"""The same where common fields are."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One simple item: its columns, its place in the template, its values."""

    columns: tuple[Column, ...]
    placeholder: bytes
    make: Make


def _column(column: Column, placeholder: bytes) -> _Rule:
    return _Rule((column,), placeholder, lambda columns, _: columns[column])


def _flags(columns: Columns, selected: Selected) -> Iterable[bytes]:
    bits = selected.with_recent(columns[Column.UID], columns[Column.FLAGS])
    return responses.flag_lists(bits, columns[Column.KEYWORDS])


RULES: Final[dict[Simple, _Rule]] = {
    Simple.UID: _column(Column.UID, b"UID %d"),
    Simple.FLAGS: _Rule((Column.FLAGS, Column.KEYWORDS), b"FLAGS %b", _flags),
    Simple.INTERNALDATE: _Rule(
        (Column.INTERNAL_DATE,),
        b"INTERNALDATE %b",
        lambda columns, _: date_times(columns[Column.INTERNAL_DATE]),
    ),
    Simple.MODSEQ: _column(Column.MOD_SEQ, b"MODSEQ (%d)"),
    Simple.EMAILID: _Rule(
        (Column.MESSAGE_ID,),
        b"EMAILID (%b)",
        lambda columns, selected: [
            email_id(selected.account_id, number)
            for number in columns[Column.MESSAGE_ID]
        ],
    ),
    Simple.THREADID: _Rule(
        (Column.THREAD_ID,),
        b"THREADID (%b)",
        lambda columns, selected: [
            thread_id(selected.account_id, number)
            for number in columns[Column.THREAD_ID]
        ],
    ),
    Simple.SAVEDATE: _Rule(
        (Column.SAVE_DATE,),
        b"SAVEDATE %b",
        lambda columns, _: date_times(columns[Column.SAVE_DATE]),
    ),
    Simple.PREVIEW: _Rule(
        (Column.PREVIEW,),
        b"PREVIEW %b",
        lambda columns, _: [
            responses.string(text.encode("utf-8", "replace"))
            for text in columns[Column.PREVIEW]
        ],
    ),
    Simple.RFC822_SIZE: _column(Column.SIZE, b"RFC822.SIZE %d"),
    Simple.ENVELOPE: _column(Column.ENVELOPE, b"ENVELOPE %b"),
    Simple.BODYSTRUCTURE: _column(Column.BODY_STRUCTURE, b"BODYSTRUCTURE %b"),
    Simple.BODY: _Rule(
        (Column.BODY_STRUCTURE,),
        b"BODY %b",
        lambda columns, _: map(basic_structure, columns[Column.BODY_STRUCTURE]),
    ),
}
"""Fetch items that storage answers by columns alone."""


def repeat(template: bytes, columns: Sequence[Iterable[Any]]) -> bytes:
    """The template filled once for each row of the columns, all in one go.

    One `%` over all rows takes less than half the time of one for each.
    """
    first = list(columns[0])
    width = len(columns)
    flat: list[Any] = [None] * (len(first) * width)
    flat[::width] = first
    for at in range(1, width):
        flat[at::width] = list(columns[at])
    return template * len(first) % tuple(flat)


class _Lines(dict[bytes, bytes]):
    """A template for each list of flags that comes up."""

    def __init__(self, before: bytes, after: bytes) -> None:
        super().__init__()
        self._before, self._after = before, after

    def __missing__(self, flags: bytes) -> bytes:
        line = b"%b%b%b" % (self._before, flags.replace(b"%", b"%%"), self._after)
        self[flags] = line
        return line


def repeat_flags(
    before: bytes,
    flags: Iterable[bytes],
    after: bytes,
    columns: Sequence[Sequence[int]],
) -> bytes:
    """As `repeat` with lists of flags between two pieces of the template.

    There are few different ones; so they are put into templates of their own, and
    only numbers are left to fill in.
    """
    lines = _Lines(before, after)
    template = b"".join([lines[each] for each in flags])
    if len(columns) == 1:
        return template % tuple(columns[0])
    return template % tuple(chain.from_iterable(zip(*columns, strict=True)))


_NARROW: Final = frozenset(
    {
        *(Column.UID, Column.FLAGS, Column.KEYWORDS, Column.MOD_SEQ),
        *(Column.INTERNAL_DATE, Column.SAVE_DATE, Column.SIZE, Column.MESSAGE_ID),
    }
)
"""Columns that storage gives quicker as such than in rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to answer one list of fetch items."""

    items: tuple[FetchItem, ...]
    head: bytes  # before the first item, with the place of the number
    uid_only: bool
    columns: tuple[Column, ...]  # UID first
    template: bytes
    sections: tuple[Reader, ...]  # empty where `headers`
    headers: tuple[Section, ...]  # all sections, where they are of the header only
    sets_seen: bool

    @property
    def portion(self) -> int:
        """Messages to take at once."""
        if self.sections or Column.HEADER in self.columns:
            return PORTION_OF_BODIES
        return PORTION_OF_FIELDS if self.headers else PORTION

    @property
    def is_narrow(self) -> bool:
        """Whether all it needs are numbers and keywords."""
        octets = self.sections or self.headers
        return not octets and _NARROW.issuperset(self.columns)

    def numbers(self, uids: Sequence[int], selected: Selected) -> Sequence[int]:
        """What stands before FETCH; with UIDONLY, the uids (RFC 9586 §3)."""
        return uids if self.uid_only else selected.view.numbers(uids)

    def by_column(self, rows: Sequence[Row]) -> Columns:
        """Rows as columns."""
        return dict(zip(self.columns, zip(*rows, strict=True), strict=True))

    def values(
        self, columns: Columns, selected: Selected, sections: Sequence[Values]
    ) -> list[Iterable[Any]]:
        """Iterables of values for each item, in their order.

        `sections` has, for each Section among the items, columns of values.
        """
        found: list[Iterable[Any]] = []
        given = iter(sections)
        for item in self.items:
            if isinstance(item, Simple):
                found.append(RULES[item].make(columns, selected))
            else:
                found.extend(next(given))
        return found

    def write(
        self,
        numbers: Sequence[int],
        columns: Columns,
        selected: Selected,
        sections: Sequence[Values] = (),
    ) -> bytes:
        """The FETCH responses of messages that have these sequence numbers."""
        return repeat(
            self.template, [numbers, *self.values(columns, selected, sections)]
        )


def _is_whole(item: FetchItem) -> bool:
    """Whether it is all of a message, whose octets go to the wire uncopied."""
    return (
        isinstance(item, Section)
        and item.text is SectionText.ALL
        and not item.path
        and item.partial is None
    )


def whole_columns(messages: Sequence[StoredOctets]) -> tuple[list[int], list[bytes]]:
    """The two columns of a section that is all of a message."""
    octets = [message.whole() for message in messages]
    return list(map(len, octets)), octets


def unasked_plan(items: tuple[FetchItem, ...], enabled: Enabled) -> Plan:
    """The plan for responses that no FETCH asked for (RFC 7162 §3.2.4)."""
    if enabled.mod_seqs:
        items = tuple(dict.fromkeys((Simple.UID, *items, Simple.MODSEQ)))
    return plan_of(items, uid_only=enabled.uid_only)


@lru_cache(maxsize=256)
def plan_of(items: tuple[FetchItem, ...], *, uid_only: bool = False) -> Plan:
    """The plan of these items; with `uid_only`, UIDFETCH responses (RFC 9586 §3)."""
    head = b"* %d FETCH ("
    if uid_only and len(items) > 1:
        items = tuple(item for item in items if item is not Simple.UID)
    if uid_only:
        head = b"* %d UIDFETCH ("
    columns = [Column.UID]
    pieces = []
    sections: list[Section | Binary] = []
    for item in items:
        if isinstance(item, Simple):
            rule = RULES[item]
            columns.extend(rule.columns)
            pieces.append(rule.placeholder)
        else:
            sections.append(item)
            value = b"{%d}\r\n%b" if _is_whole(item) else b"%b"
            pieces.append(item.label.replace(b"%", b"%%") + b" " + value)
    headers = tuple(item for item in sections if isinstance(item, Section))
    if not all(map(is_own_header, sections)):
        headers = ()
        columns.append(Column.SIZE)
        if not all(map(_is_whole, sections)):
            columns.extend((Column.PARTS, Column.PREFIX_SIZE))
    elif headers:
        common = all(map(is_of_common_fields, headers))
        columns.append(Column.COMMON_FIELDS if common else Column.HEADER)
    return Plan(
        items=items,
        columns=tuple(dict.fromkeys(columns)),
        head=head,
        uid_only=uid_only,
        template=head + b" ".join(pieces) + b")\r\n",
        sections=() if headers else tuple(map(reader_of, sections)),
        headers=headers,
        sets_seen=not all(item.peek for item in sections),
    )
