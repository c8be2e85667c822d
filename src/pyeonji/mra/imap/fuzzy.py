"""Matching nearly, and how well (RFC 6203).

A text is looked for in grades, each of them a query: as it is; its words in
any order; their stems; its words with a letter wrong. What matches any of
them is found, and the best one is the relevancy of the message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.text import normalise
from pyeonji.storage.query import And, Or, SubjectContains

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.storage.query import Query

    Contains = Callable[[str], Query]

MAX_WORDS: Final = 8
"""Words of a text that are looked for; of a longer one the first."""

MAX_WORD: Final = 24
"""Characters of a word in which a wrong letter is forgiven."""

IN_SUBJECT: Final = 100
AS_IT_IS: Final = 80
WORDS: Final = 60
STEMS: Final = 40
ONE_WRONG: Final = 15
EXACT: Final = 100
"""Relevancy of a fuzzy search without texts: nothing is matched nearly."""

_WORD: Final = re.compile(r"\w+")
_ENDING: Final = re.compile(r"(?:ing|edly|ed|en|es|ies|s|er|ers|ly|ion|ions)\Z")


def loosened(text: str, contains: Contains) -> Query:
    """What matches the text at any grade."""
    return Or(tuple(query for _, query in grades(text, contains)))


def grades(text: str, contains: Contains) -> list[tuple[int, Query]]:
    """Queries with their relevancy, the best first."""
    found: list[tuple[int, Query]] = []
    exactly = contains(text)
    if not isinstance(exactly, SubjectContains):
        found.append((IN_SUBJECT, And((SubjectContains(text), exactly))))
        found.append((AS_IT_IS, exactly))
    else:
        found.append((IN_SUBJECT, exactly))
    words = list(dict.fromkeys(_WORD.findall(normalise(text))))[:MAX_WORDS]
    if not words:
        return found
    found.append((WORDS, And(tuple(contains(word) for word in words))))
    found.append((STEMS, And(tuple(contains(stem(word)) for word in words))))
    found.append(
        (
            ONE_WRONG,
            And(
                tuple(
                    Or(tuple(contains(form) for form in nearly(word))) for word in words
                )
            ),
        )
    )
    return found


def stem(word: str) -> str:
    """A word without an English ending, where enough of it is left."""
    found = _ENDING.search(word)
    if found is None or found.start() < 4:
        return word
    return word[: found.start()]


def nearly(word: str) -> list[str]:
    """A word and what it may have been meant to be.

    Neighbours swapped, a letter too few (that is doubled elsewhere, or at an
    end), a letter too many in longer words.
    """
    forms = [word, stem(word)]
    size = len(word)
    if 4 <= size <= MAX_WORD and word.isascii():
        for at in range(size):
            forms.append(word[:at] + word[at] + word[at:])
            if at + 1 < size:
                forms.append(word[:at] + word[at + 1] + word[at] + word[at + 2 :])
            if size > 4:
                forms.append(word[:at] + word[at + 1 :])
        forms.append(word[:-1])
    return list(dict.fromkeys(forms))
