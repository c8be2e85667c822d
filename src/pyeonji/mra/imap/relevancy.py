"""How well messages match a fuzzy search (RFC 6203 §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap.fuzzy import EXACT, grades
from pyeonji.mra.imap.search_query import TEXTS
from pyeonji.protocol.imap.search_keys import (
    AllOf,
    AnyOf,
    FuzzyKey,
    TextKey,
)
from pyeonji.protocol.imap.sequences import runs
from pyeonji.storage.query import And, UidIn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyeonji.base.ids import MailboxId
    from pyeonji.mra.imap.search_query import Translation
    from pyeonji.protocol.imap.search_keys import Key
    from pyeonji.storage.mailboxes import AccountStore
    from pyeonji.storage.query import Query

MAX_TEXTS: Final = 16
"""Texts of a search that count for the relevancy; the first ones."""


async def scores(
    account: AccountStore,
    mailbox_id: MailboxId,
    translation: Translation,
    key: Key,
    uids: Sequence[int],
) -> list[int]:
    """1 to 100 for each uid: the mean over the texts that FUZZY stands before.

    Each grade of each text is asked once, and only of what no better grade had.
    """
    texts = list(_fuzzy_texts(key, inside=False))[:MAX_TEXTS]
    if not texts or not uids:
        return [EXACT] * len(uids)
    sums = dict.fromkeys(uids, 0)
    for text in texts:
        left = list(uids)
        for score, query in _graded(translation, text):
            if not left:
                break
            here = UidIn(tuple(runs(left)))
            matched = set(await account.search(mailbox_id, And((here, query))))
            for uid in matched:
                if uid in sums:
                    sums[uid] += score
            left = [uid for uid in left if uid not in matched]
    return [max(sums[uid] // len(texts), 1) for uid in uids]


def _graded(translation: Translation, key: TextKey) -> list[tuple[int, Query]]:
    return grades(translation.text(key.octets), TEXTS[key.where])


def _fuzzy_texts(key: Key, *, inside: bool) -> Iterator[TextKey]:
    match key:
        case TextKey() if inside:
            yield key
        case FuzzyKey():
            yield from _fuzzy_texts(key.key, inside=True)
        case AllOf() | AnyOf():
            for one in key.keys:
                yield from _fuzzy_texts(one, inside=inside)
        case _:
            pass
