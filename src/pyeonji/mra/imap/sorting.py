"""The orders of SORT (RFC 5256, RFC 5957), from columns of storage.

Columns come as lists, a list of keys is made of each, and what is sorted are
positions: no object is made for a message.
"""

from __future__ import annotations

import asyncio
import unicodedata
from bisect import bisect_right
from functools import lru_cache
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, Final

from pyeonji.mra.imap.looking import PORTION, spans
from pyeonji.mra.imap.uid_map import UidMap
from pyeonji.protocol.imap.commands import SortKey
from pyeonji.protocol.imap.sequences import runs
from pyeonji.storage.mailboxes import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mra.imap.selected import Selected
    from pyeonji.protocol.imap.commands import SortCriterion

    Columns = dict[Column, list[Any]]

COLUMNS: Final[dict[SortKey, tuple[Column, ...]]] = {
    SortKey.ARRIVAL: (Column.INTERNAL_DATE,),
    SortKey.CC: (Column.SORT_CC,),
    SortKey.DATE: (Column.SENT_DATE, Column.INTERNAL_DATE),
    SortKey.FROM: (Column.SORT_FROM,),
    SortKey.SIZE: (Column.SIZE,),
    SortKey.SUBJECT: (Column.SORT_SUBJECT,),
    SortKey.TO: (Column.SORT_TO,),
    SortKey.DISPLAYFROM: (Column.SORT_DISPLAY_FROM,),
    SortKey.DISPLAYTO: (Column.SORT_DISPLAY_TO,),
    SortKey.RELEVANCY: (),
}
"""What each key needs; of two columns the first that has a value."""


def casemap(text: str) -> str:
    """A text as i;unicode-casemap compares it (RFC 5051 §2)."""
    if text.isascii():
        return text.upper()
    return _casemap(text)


@lru_cache(maxsize=65536)
def _casemap(text: str) -> str:
    titled = "".join([_title(character) for character in text])
    return unicodedata.normalize("NFKD", titled)


def _title(character: str) -> str:
    # only mappings to one character are in UnicodeData.txt
    title = character.title()
    return title if len(title) == 1 else character


def sent_dates(columns: Columns) -> list[int]:
    """Sent dates, internal dates where there is none (RFC 5256 §2.2)."""
    sent, internal = columns[Column.SENT_DATE], columns[Column.INTERNAL_DATE]
    if None not in sent:
        return sent
    return [
        there if date is None else date
        for date, there in zip(sent, internal, strict=True)
    ]


def keys_of(key: SortKey, columns: Columns, scores: Sequence[int]) -> Sequence[Any]:
    """What is compared, one for each row."""
    if key is SortKey.DATE:
        return sent_dates(columns)
    if key is SortKey.RELEVANCY:
        return [-score for score in scores]  # the best first (RFC 6203 §6)
    (column,) = COLUMNS[key]
    values = columns[column]
    if key in (SortKey.ARRIVAL, SortKey.SIZE):
        return values
    return list(map(casemap, values))


def order_of(
    criteria: Sequence[SortCriterion], columns: Columns, scores: Sequence[int]
) -> list[int]:
    """Positions of the rows in the order asked for, the mailbox's own last."""
    order = list(range(len(columns[Column.UID])))
    for criterion in reversed(criteria):
        keys = keys_of(criterion.key, columns, scores)
        # a reversed sort keeps equal ones as they were, too
        order.sort(key=keys.__getitem__, reverse=criterion.reverse)
    return order


def columns_for(criteria: Sequence[SortCriterion]) -> tuple[Column, ...]:
    """All columns that the criteria need, UID first."""
    wanted = [Column.UID]
    for criterion in criteria:
        wanted.extend(COLUMNS[criterion.key])
    return tuple(dict.fromkeys(wanted))


async def gather(
    selected: Selected, uids: Sequence[int], wanted: Sequence[Column]
) -> Columns:
    """Columns of ascending uids as lists; the first of them is UID.

    Uids that are gone by now are left out; those that the client has not heard
    of yet are not.
    """
    found: list[list[Any]] = [[] for _ in wanted]
    view = selected.view
    heard = bisect_right(uids, view.last)
    new = UidMap(uids[heard:])
    for portion in chain(
        view.split(spans(view, uids[:heard]), PORTION),
        new.split(list(runs(uids[heard:])), PORTION),
    ):
        more = await selected.account.columns(selected.mailbox_id, portion, wanted)
        for column, values in zip(found, more, strict=True):
            column.extend(values)
        if len(uids) > PORTION:
            await asyncio.sleep(0)  # others want the loop, too
    if found[0] != uids:
        chosen = set(uids)
        there = [uid in chosen for uid in found[0]]
        found = [list(compress(column, there)) for column in found]
    return dict(zip(wanted, found, strict=True))
