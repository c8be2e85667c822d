"""From as two programs could read it: only one reading has an author domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.mta.trust.dmarc_author import MAX_DOMAINS, author_of


@pytest.mark.parametrize(
    ("header", "domain"),
    [
        (b"From: kim@one.test\r\n", "one.test"),
        (b"from: Kim <kim@ONE.test.>\r\n", "one.test"),
        (b"From : Kim <kim@one.test>\r\n", "one.test"),
        (b'From: "Kim, at <home>" <kim@one.test>\r\n', "one.test"),
        (b'From: "kim@bank.test" <kim@one.test>\r\n', "one.test"),
        (b"From: kim@one.test (Kim)\r\n", "one.test"),
        (b"From: Kim\r\n <kim@one.test>\r\n", "one.test"),
        (b"From: =?utf-8?b?6rmA?= <kim@one.test>\r\n", "one.test"),
        (b"From: a@one.test, b@one.test\r\n", "one.test"),
        ("From: 김 <김@한국.test>\r\n".encode(), "xn--3e0b707e.test"),
        (b"From: kim@xn--3e0b707e.test\r\n", "xn--3e0b707e.test"),
        (b"Subject: Fwd:\r\n from: lee@two.test\r\nFrom: kim@one.test\r\n", "one.test"),
        (b'From: "a b"@one.test\r\n', "one.test"),
        (b"From: Kim (Seoul) <kim@one.test>\r\n", "one.test"),
    ],
)
def test_one_author(header: bytes, domain: str) -> None:
    author = author_of(header)
    assert (author.problem, author.domains) == ("", (domain,))


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (b"Subject: x\r\n", "no From"),
        (b"From:\r\n", "From has no address"),
        (b"From: kim\r\n", "From has an address without domain"),
        (b"From: <>\r\n", "From has no address"),
        (b"From: a@one.test\r\nFrom: b@bank.test\r\n", "2 From fields"),
        (b"From: a@one.test\r\nFrom : a@one.test\r\n", "2 From fields"),
        (b"From: a@one.test\r\nFROM:\r\n b@bank.test\r\n", "2 From fields"),
        (b" From: b@bank.test\r\nFrom: a@one.test\r\n", "another From is hidden"),
        (b"From: a@one.test\r\n\x00From: b@bank.test\r\n", "another From is hidden"),
        (b"From: a@one.test\r\nFr\x00om: b@bank.test\r\n", "another From is hidden"),
        (
            b"From: a@one.test\r\n\xef\xbb\xbfFrom: b@bank.test\r\n",
            "another From is hidden",
        ),
        (b"From: a@one.test\rFrom: b@bank.test\r\n", "another From is hidden"),
        (b" From: b@bank.test\r\nTo: a@one.test\r\n", "From is hidden"),
        (b"From: a@one.test, b@bank.test\r\n", "From names 2 domains"),
        (b"From: team: a@one.test, b@one.test;\r\n", "From has a group"),
        (b"From: <a@one.test>:<b@bank.test>\r\n", "From names 2 domains"),
        (b"From: <@bank.test:a@one.test>\r\n", "From has a route"),
        (b"From: <@bank.test,@x.test:a@one.test>\r\n", "From has a route"),
        (b"From: a@one.test\x00@bank.test\r\n", "From has control characters"),
        (b'From: "a@bank.test"@one.test\r\n', "From has an address within the address"),
        (
            b"From: =?utf-8?q?a=40bank.test?=@one.test\r\n",
            "From has an address within the address",
        ),
        (b"From: a@one.test(.bank.test)\r\n", ""),
        (
            b"From: <a@one.test(.bank.test)>\r\n",
            "From has a comment inside the address",
        ),
        (b"From: <a@one.test> b@bank.test\r\n", "From can be read in several ways"),
        (b"From: <a@one.test> <b@bank.test>\r\n", "From names 2 domains"),
        (b"From: a@bank.test <a@one.test>\r\n", "From can be read in several ways"),
        (b"From: a@one.test@bank.test\r\n", "From has an address within the address"),
        (b"From: (a(b@bank.test) a@one.test\r\n", "From has no address"),
        (b"From: a@[192.0.2.1]\r\n", "From has an address whose domain is none"),
        (b"From: a@localhost\r\n", "From has an address whose domain is none"),
        (b"From: a@one..test\r\n", "From has an address whose domain is none"),
        (b"From: a@o\xffne.test\r\n", "From has an address whose domain is none"),
        (b"From: a@one_\\.test\r\n", "From has an address whose domain is none"),
    ],
)
def test_doubtful_authors(header: bytes, problem: str) -> None:
    assert author_of(header).problem == problem


def test_all_that_it_could_mean_is_named() -> None:
    header = b"From: <a@one.test>:<b@bank.test>\r\nFrom: c@two.test\r\n"
    assert author_of(header).domains == ("one.test", "bank.test", "two.test")
    many = b", ".join(b"a@%d.test" % n for n in range(1000))
    assert len(author_of(b"From: " + many + b"\r\n").domains) == MAX_DOMAINS


PIECES = st.sampled_from([
    b"From", b"from", b":", b" ", b"\r\n", b"\r\n ", b"\t", b"<", b">", b"@", b"a",
    b"one.test", b"bank.test", b"(", b")", b'"', b"\\", b",", b";", b"\x00", b"\xff",
    b"=?utf-8?q?=40?=", b"\r", b"\n", b"[", b"]", b".",
])  # fmt: skip


@given(st.lists(PIECES, max_size=30).map(b"".join))
def test_any_header_has_an_author_or_a_problem(header: bytes) -> None:
    author = author_of(header)
    assert author.problem or len(author.domains) == 1
    assert len(author.domains) <= MAX_DOMAINS


@pytest.mark.parametrize(
    "piece",
    [b"\r\n \r\n", b"\x00", b"(", b'"', b"\xff\r\n", b"f\x00", b"<a@b.c>:", b"@"],
)
def test_time_is_linear(piece: bytes) -> None:
    header = b"From: a@one.test\r\n" + piece * (200_000 // len(piece)) + b"\r\nFrom:"
    with cpu_time_below(5.0):
        author_of(header)
        author_of(b"From: " + piece * (200_000 // len(piece)))
