"""The index of words: which messages may hold a text, and often which ones do.

Normalised texts are cut into three kinds of pieces. Words of ASCII letters are
kept whole, and found by any part of them through the vocabulary. Numbers, ids
and whatever else has digits in it, of which every message brings new ones, are
kept as threes of characters, and runs of other characters as pairs (so that a
word of two syllables is found inside a longer one, in every script); so the
vocabulary stays small however many messages there are. What the index says is
sure where the text looked for is one word or pair; else it is tested by the
text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import json

if TYPE_CHECKING:
    from pyeonji.storage.embedded.sqlite import Database

THIRD_SCHEMA: Final = """
    -- texts are made anew, each with its words
    DELETE FROM texts;
    CREATE VIRTUAL TABLE words USING fts5 (
        header, body, content = '', contentless_delete = 1, detail = column,
        tokenize = 'ascii'
    );
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
    -- words of letters, to be looked through quickly; also of messages that went
    CREATE TABLE lexicon (word TEXT PRIMARY KEY) WITHOUT ROWID;
"""

LONGEST: Final = 64
"""Letters of a word; longer ones are kept as pieces that overlap by half."""

MAX_TERMS: Final = 2000
"""Words of the vocabulary that one part of a text may stand for."""

MAX_PIECES: Final = 20
"""Pieces of a text looked for that are looked up; the text itself tests the rest."""

LEAST: Final = 2
"""Characters of a piece that is looked up though there are others."""

MARK: Final = "\u00a4"
"""Before threes, which would be taken for words."""

_PIECES = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")
_THREE = re.compile(rb"(?=([a-z0-9]{3}))")
_MARK: Final = MARK.encode()
_IN_WORDS = bytes(
    code if code >= 128 or chr(code).isalnum() else 32 for code in range(256)
)
_LETTERS: Final = ("a", "{")
_SHORT: Final = ("0", "{")
_THREES: Final = (MARK, MARK + "\x7f")
_OTHERS: Final = ("\x80", "\U0010ffff")
"""Ranges of the vocabulary."""


def words_of(text: str, letters: set[bytes]) -> str:
    """What the index keeps of a normalised text; words of letters are collected."""
    octets = text.encode("utf-8", "replace").translate(_IN_WORDS)
    found = set(octets.split())
    words = {word for word in found if word.isalpha()}
    rest = found - words
    mixed = {word for word in rest if word.isascii()}
    others: set[str] = set()
    for word in rest - mixed:
        for piece in _PIECES.findall(word.decode()):
            if not piece.isascii():
                others.update(pairs(piece))
            elif piece.isalpha():
                words.add(piece.encode())
            else:
                mixed.add(piece.encode())
    words = {piece for word in words for piece in _cut(word)} if _long(words) else words
    letters |= words
    kept = [*words, *(word for word in mixed if len(word) < 3)]
    kept += (_MARK + three for three in set(_THREE.findall(b" ".join(mixed))))
    return " ".join((b" ".join(kept).decode(), *others))


def _long(words: set[bytes]) -> bool:
    return max(map(len, words), default=0) > LONGEST


def _cut(word: bytes) -> list[bytes]:
    """A word, as pieces where it is too long."""
    if len(word) <= LONGEST:
        return [word]
    step = LONGEST // 2
    return [word[at : at + LONGEST] for at in range(0, len(word) - step, step)]


def keep_letters(connection: Database, letters: list[str]) -> None:
    """Add words to the lexicon, in a transaction."""
    connection.execute(
        "INSERT OR IGNORE INTO lexicon SELECT value FROM json_each(?)",
        (json.encode(letters).decode(),),
    )


def pairs(run: str) -> list[str]:
    """Neighbouring characters; a single one by itself."""
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]


def threes(word: str) -> list[str]:
    """Neighbouring characters of a word that has digits in it."""
    return [MARK + word[at : at + 3] for at in range(len(word) - 2)]


def _of_ascii(word: str) -> list[str]:
    """The terms of a word of ASCII letters and digits."""
    if not word.isalpha():
        return threes(word) or [word]
    return [piece.decode() for piece in _cut(word.encode())]


def _all(terms: list[str]) -> str:
    return "(" + " AND ".join(f'"{term}"' for term in terms) + ")" if terms else ""


class Index:
    """Asks the index of one account."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection

    def match(self, text: str, column: str) -> tuple[str, str] | None:
        """FTS5 expressions for the messages that may hold a normalised text.

        Args:
            text: what is looked for.
            column: "header", "body", or "" for both.

        Returns:
            One that finds messages that hold it for sure, and one for those that
            must be tested; "" finds nothing. None: the index cannot tell.
        """
        found = list(_PIECES.finditer(text))
        wanted: list[str] = []
        for piece in found[:MAX_PIECES]:
            if len(piece[0]) < LEAST and len(found) > 1:
                continue  # others say more than so short a one
            left, right = piece.start() == 0, piece.end() == len(text)
            terms = self._terms(piece[0], left=left, right=right)
            if terms is None:
                continue
            if piece[0] == text:
                return _within(column, terms[0]), _within(column, terms[1])
            if not any(terms):
                return "", ""
            wanted.append(f"({' OR '.join(filter(None, terms))})")
        if not wanted:
            return None
        return "", _within(column, " AND ".join(wanted))

    def _terms(self, piece: str, *, left: bool, right: bool) -> tuple[str, str] | None:
        """What a piece may be (a part of, at an open end): for sure, and perhaps."""
        if not piece.isascii():
            return self._other(piece, closed=not left and not right)
        if not left and not right:
            kept = _all(_of_ascii(piece)[:MAX_PIECES])
            return (
                (kept, "") if len(piece) <= LONGEST and piece.isalpha() else ("", kept)
            )
        sure: str | None = ""
        if len(piece) < 3:
            sure = self._holding(piece, _LETTERS, _SHORT, _THREES)
        elif piece.isalpha():
            sure = self._holding(piece[: LONGEST // 2], _LETTERS)
        if sure is None:
            return None
        perhaps = _all(threes(piece)[:MAX_PIECES])
        exact = left and right and len(piece) <= LONGEST // 2
        return (sure, perhaps) if exact else ("", either(sure, perhaps))

    def _other(self, run: str, *, closed: bool) -> tuple[str, str] | None:
        if len(run) == 1 and not closed:
            sure = self._holding(run, _OTHERS)
            return None if sure is None else (sure, "")
        kept = _all(pairs(run)[:MAX_PIECES])
        return (kept, "") if len(run) <= 2 else ("", kept)

    def _holding(self, part: str, *ranges: tuple[str, str]) -> str | None:
        """Terms of the vocabulary with a part in them; None if there are too many."""
        terms: list[str] = []
        for chosen in ranges:
            if chosen is _LETTERS:
                sql = "SELECT word FROM lexicon WHERE instr(word, ?)"
                bindings: tuple[str, ...] = ()
            else:
                sql = "SELECT term FROM vocabulary WHERE instr(term, ?)"
                sql += " AND term >= ? AND term < ?"
                bindings = chosen
                if chosen is not _THREES:
                    sql += " AND length(term) < 3"
            rows = self._connection.execute(
                f"{sql} LIMIT {MAX_TERMS + 1}",
                (part, *bindings),
            )
            terms += (term for (term,) in rows)
        if len(terms) > MAX_TERMS:
            return None
        return "(" + " OR ".join(f'"{term}"' for term in terms) + ")" if terms else ""


def either(one: str, other: str) -> str:
    """Both of two expressions."""
    return f"({one} OR {other})" if one and other else one or other


def _within(column: str, expression: str) -> str:
    return f"{column} : ({expression})" if column and expression else expression
