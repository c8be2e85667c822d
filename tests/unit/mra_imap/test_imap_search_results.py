"""What searches answer, and how contexts follow (RFC 4731, RFC 5267, RFC 9394)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.ids import AccountId
from pyeonji.mra.imap.contexts import Steps, _positions
from pyeonji.mra.imap.fuzzy import nearly, stem
from pyeonji.mra.imap.object_ids import email_id, number_of, thread_id
from pyeonji.mra.imap.search_results import number_set, plain, window
from pyeonji.mra.imap.sorting import casemap
from pyeonji.protocol.imap.commands import ReturnOption, Returns
from pyeonji.protocol.imap.parse_returns import returns_of
from pyeonji.protocol.imap.parse_search import parse_kept
from pyeonji.protocol.imap.parse_sort import parse_esearch, parse_sort
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax

UIDS = st.lists(st.integers(1, 99), unique=True, max_size=20)


@given(UIDS, st.integers(-30, 30).filter(bool), st.integers(1, 30))
def test_windows(found: list[int], first: int, size: int) -> None:
    """A window is what counting from that end gives (RFC 9394 §3.1)."""
    last = first + size if first > 0 else first - size
    start, stop = window((first, last), len(found))
    assert (start, stop) == window((last, first), len(found))
    wanted = range(min(abs(first), abs(last)), max(abs(first), abs(last)) + 1)
    counted = [found[at - 1 if first > 0 else -at] for at in wanted if at <= len(found)]
    assert found[start:stop] == (counted if first > 0 else counted[::-1])


@given(UIDS)
def test_number_sets_keep_the_order(numbers: list[int]) -> None:
    """Ranges only ascend (RFC 5267 §3.2)."""
    read: list[int] = []
    for part in number_set(numbers).decode().split(",") if numbers else []:
        low, _, high = part.partition(":")
        assert not high or int(low) < int(high)
        read += range(int(low), int(high or low) + 1)
    assert read == numbers


def removed(order: list[int], steps: Steps) -> list[int]:
    """What a client has after REMOVEFROM (RFC 5267 §4.3.4)."""
    order = list(order)
    for position, uids in steps:
        assert order[position - 1 : position - 1 + len(uids)] == uids
        del order[position - 1 : position - 1 + len(uids)]
    return order


def added(order: list[int], steps: Steps) -> list[int]:
    """What a client has after ADDTO (RFC 5267 §4.3.3)."""
    order = list(order)
    for position, uids in steps:
        order[position - 1 : position - 1] = uids
    return order


@given(UIDS, st.sets(st.integers(1, 99)))
def test_positions(order: list[int], chosen: set[int]) -> None:
    """A client that follows the steps has the same list as we."""
    chosen &= set(order)
    rest = [uid for uid in order if uid not in chosen]
    assert removed(order, _positions(order, chosen)[::-1]) == rest
    assert added(rest, _positions(order, chosen)) == order


def test_plain_responses() -> None:
    """RFC 3501 §7.2.5, RFC 7162 §3.1.6."""
    assert plain(b"SEARCH", []) == b"* SEARCH\r\n"
    assert plain(b"SORT", [3, 1]) == b"* SORT 3 1\r\n"
    assert plain(b"SEARCH", [2], 7) == b"* SEARCH 2 (MODSEQ 7)\r\n"
    assert plain(b"SEARCH", [], 7) == b"* SEARCH\r\n"


def test_return_options_are_read() -> None:
    """RFC 4466 §2.6.1, RFC 9394 §4."""
    arguments = Arguments([b" RETURN (min PARTIAL -5:-1) ALL"])
    assert returns_of(arguments) == Returns(
        frozenset({ReturnOption.MIN, ReturnOption.PARTIAL}), (-5, -1)
    )
    assert returns_of(Arguments([b" ALL"])) is None
    for wrong in (b"(MIN MIN", b"(PARTIAL)", b"(PARTIAL 1)", b"( MIN)", b"MIN"):
        with pytest.raises(BadSyntax):
            returns_of(Arguments([b" RETURN " + wrong + b" ALL"]))


@pytest.mark.parametrize(
    "line",
    [
        b" (DATE DATE",
        b" (DATE)UTF-8 ALL",
        b" (DATE) UTF-8",
        b" (REVERSE) UTF-8 ALL",
        b" (REVERSE REVERSE DATE) UTF-8 ALL",
        b" (" + b" ".join([b"DATE"] * 21) + b") UTF-8 ALL",
    ],
)
def test_bad_sorts(line: bytes) -> None:
    """RFC 5256 §5, and our bound."""
    with pytest.raises(BadSyntax):
        parse_sort(b"a", Arguments([line]))


@pytest.mark.parametrize(
    "line",
    [
        b" IN () ALL",
        b" IN (selected-delayed) ALL",
        b" IN (mailboxes ()) ALL",
        b" IN (mailboxes) ALL",
        b" IN (personal subtree (a)",
        b" IN personal ALL",
        b" IN (" + b" ".join([b"personal"] * 21) + b") ALL",
    ],
)
def test_bad_sources(line: bytes) -> None:
    """RFC 7377 §4, and our bound."""
    with pytest.raises(BadSyntax):
        parse_esearch(b"a", Arguments([line]))


def test_kept_filters_are_whole() -> None:
    """RFC 5466 §3.1."""
    parse_kept(b'OR SMALLER 5000 FROM "boss@example.com"')
    for wrong in (b"", b"OR SMALLER 5", b"SEEN ", b"SEEN)", b"TEXT {3}"):
        with pytest.raises(BadSyntax):
            parse_kept(wrong)


def test_casemap() -> None:
    """Simple title case, fully decomposed (RFC 5051 §2)."""
    assert casemap("aZ_") == "AZ_"
    assert casemap("é") == casemap("É") == "E\u0301"
    assert casemap("ﬁ") == "fi"
    assert casemap("ß") == "ß"
    assert casemap("ǆ") == casemap("Ǆ")


def test_object_ids() -> None:
    """What is told is found again (RFC 8474 §4)."""
    kim = AccountId("kim")
    assert number_of(email_id(kim, 7), kim, thread=False) == 7
    assert number_of(thread_id(kim, 7), kim, thread=True) == 7
    assert number_of(email_id(AccountId("lee"), 7), kim, thread=False) is None
    for wrong in ("Tkim-7", "Mkim-0", "Mkim", "mkim-7", "Mkim-07", "M-7", "Mkim-7x"):
        assert number_of(wrong.encode(), kim, thread=False) is None
    assert number_of(b"Mkim-9999999999999999999", kim, thread=False) is None


def test_words_that_are_nearly_the_same() -> None:
    """RFC 6203 §4: "Helo" is "hello", "help"."""
    assert "hello" in nearly("helo")
    assert "hel" in nearly("helo")
    assert nearly("a") == ["a"]
    assert stem("breaking") == "break"
    assert stem("ring") == "ring"
