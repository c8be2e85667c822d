"""The index of words: which messages may hold a text, and often which ones do.

Normalised texts are cut into words of ASCII letters and digits, kept whole, and
into runs of other characters, kept as pairs (so that a word of two syllables is
found inside a longer one, in every script). A search looks the words up in the
vocabulary by any part of them. What the index says is exact where the text
looked for is one such word or pair; else its answer is tested by the text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.storage.embedded.sqlite import Database

THIRD_SCHEMA: Final = """
    -- texts are made anew, each with its words
    DELETE FROM texts;
    CREATE VIRTUAL TABLE words USING fts5 (
        header, body, content = '', contentless_delete = 1, detail = column,
        tokenize = 'ascii'
    );
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
"""

LONGEST: Final = 64
"""Characters of a word; longer ones are kept as pieces that overlap by half."""

MAX_TERMS: Final = 2000
"""Words of the vocabulary that one part of a text may stand for."""

MAX_PIECES: Final = 20
"""Words of a text looked for that are looked up; the text itself tests the rest."""

_PIECES = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")


def _tokens(text: str) -> Iterator[str]:
    for piece in set(_PIECES.findall(text)):
        if not piece.isascii():
            yield from pairs(piece)
        elif len(piece) <= LONGEST:
            yield piece
        else:
            step = LONGEST // 2
            for start in range(0, len(piece) - step, step):
                yield piece[start : start + LONGEST]


def pairs(run: str) -> list[str]:
    """Neighbouring characters; a single one by itself."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def words_of(text: str) -> str:
    """What the index keeps of a normalised text."""
    return " ".join(set(_tokens(text)))


class Index:
    """Asks the index of one account."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def match(self, text: str, column: str) -> tuple[str | None, bool]:
        """An FTS5 expression for the messages that may hold a normalised text.

        Args:
            text: what is looked for.
            column: "header", "body", or "" for both.

        Returns:
            The expression ("" finds nothing, None says nothing), and whether it
            finds just the messages that hold the text.
        """
        found = list(_PIECES.finditer(text))
        wanted: list[str] = []
        for piece in found[:MAX_PIECES]:
            left, right = piece.start() == 0, piece.end() == len(text)
            terms = self._terms(piece[0], left=left, right=right)
            if terms == "":
                return "", True
            if terms is not None:
                wanted.append(terms)
        if not wanted:
            return None, False
        expression = " AND ".join(wanted)
        if column:
            expression = f"{column} : ({expression})"
        whole = len(found) == 1 and found[0][0] == text
        most = LONGEST // 2 if text.isascii() else 2
        return expression, whole and len(text) <= most

    def _terms(self, piece: str, *, left: bool, right: bool) -> str | None:
        """Words that a piece may be (a part of, at an open end)."""
        if not piece.isascii():
            if len(piece) > 1:
                return " AND ".join(f'"{pair}"' for pair in pairs(piece))
            if not left and not right:
                return f'"{piece}"'
            return self._holding(piece)
        if left:
            return self._holding(piece[: LONGEST // 2])
        piece = piece[:LONGEST]
        return f'"{piece}"*' if right else f'"{piece}"'

    def _holding(self, part: str) -> str | None:
        rows = self._connection.execute(
            "SELECT term FROM vocabulary WHERE instr(term, ?) LIMIT ?",
            (part, MAX_TERMS + 1),
        ).fetchall()
        if len(rows) > MAX_TERMS:
            return None
        if not rows:
            return ""
        return "(" + " OR ".join(f'"{term}"' for (term,) in rows) + ")"
