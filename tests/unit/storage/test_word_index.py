"""The index of words misses no text, and names none for sure that lacks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.text import normalise
from pyeonji.storage.embedded.wordindex import (
    THIRD_SCHEMA,
    Index,
    keep_letters,
    words_of,
)

WORDS = [
    "invoice", "voice", "in", "a", "a1", "42", "2024q3", "invoice7", "회의", "é",
    "주간회의록을", "회", "의", "편지abc", "naïve", "ㄱ", "日本語", "¤abc", "🙂",
    "x" * 70, "abcd1234ef", "\n\x00subject:", "-", "<id42@x.test>", "don't", "ﬁn",
]  # fmt: skip
texts = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([" ", "", "-", ". "])), max_size=6
).map(lambda parts: normalise("".join(word + between for word, between in parts)))


def index_of(documents: Sequence[tuple[str, str]]) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE texts (message INTEGER PRIMARY KEY)")
    connection.execute(THIRD_SCHEMA)
    letters: set[bytes] = set()
    for number, document in enumerate(documents):
        connection.execute(
            "INSERT INTO words (rowid, header, body) VALUES (?, ?, ?)",
            (number, *(words_of(text, letters) for text in document)),
        )
    keep_letters(connection, [word.decode() for word in letters])  # type: ignore[arg-type]
    return connection


def named(connection: apsw.Connection, expression: str) -> set[Any]:
    if not expression:
        return set()
    rows = connection.execute(
        "SELECT rowid FROM words WHERE words MATCH ?", (expression,)
    )
    return {row[0] for row in rows}


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=5), st.data())
def test_the_index_says_the_truth(
    documents: list[tuple[str, str]], data: st.DataObject
) -> None:
    """sure <= those that hold the text <= sure + perhaps."""
    whole = data.draw(st.sampled_from(documents).map(" ".join) | texts)
    start = data.draw(st.integers(0, max(len(whole) - 1, 0)))
    text = whole[start : start + data.draw(st.integers(1, 90))]
    column = data.draw(st.sampled_from(["", "header", "body"]))
    connection = index_of(documents)
    match = Index(connection).match(text, column)  # type: ignore[arg-type]
    held = {
        number
        for number, (header, body) in enumerate(documents)
        if (text in header and column != "body")
        or (text in body and column != "header")
    }
    if match is not None:
        sure, perhaps = (named(connection, part) for part in match)
        assert sure <= held <= sure | perhaps


def test_any_part_of_a_word_is_found() -> None:
    documents = [("", "the invoice of 2024"), ("", "주간회의록을 보냅니다")]
    connection = index_of(documents)
    index = Index(connection)  # type: ignore[arg-type]
    for text, number in (
        ("voic", 0),
        ("invoice", 0),
        ("02", 0),
        ("회의", 1),
        ("록", 1),
    ):
        match = index.match(text, "")
        assert match is not None
        assert named(connection, match[0]) == {number}
    absent = index.match("absent", "")
    assert absent is not None
    assert named(connection, absent[0]) | named(connection, absent[1]) == set()
    assert index.match(" - ", "") is None
