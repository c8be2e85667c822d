"""What single header fields say: words, parameters, addresses, dates, ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.address import Group, Mailbox, mailboxes, parse_addresses
from pyeonji.message.date import (
    civil_from_days,
    days_from_civil,
    format_date,
    parse_date,
)
from pyeonji.message.ids import parse_id, parse_ids
from pyeonji.message.parameters import decode_parameters, parse_parametrised
from pyeonji.message.thread import base_subject
from pyeonji.message.words import decode_unstructured


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"=?EUC-KR?B?sKGzqrTZ?=", "가나다"),
        (b"=?euc-kr?Q?=B0=A1=B3=AA_=B4=D9?=", "가나 다"),
        (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),  # RFC 2047 §8
        (b"=?ISO-8859-1?Q?a?=\r\n  =?ISO-8859-1?Q?b?=", "ab"),
        (b"=?ISO-8859-1?Q?a?= b", "a b"),
        (b"=?ISO-8859-1?Q?a_b?=", "a b"),
        (b"=?utf-8?B?6rCA64?= =?utf-8?B?KY?=", "가나"),  # cut inside a character
        (b"=?utf-8?q?=EA=B0?= =?utf-8?q?=80?=", "가"),
        (b"=?ks_c_5601-1987?B?jGM=?=", "똠"),  # CP949, not in KS X 1001
        (b'"=?utf-8?B?6rCA?="', '"가"'),  # in a quoted string
        (b"=?utf-8*ko?B?6rCA?=", "가"),  # RFC 2231 §5
        (b"\xb0\xa1\xb3\xaa", "가나"),  # raw EUC-KR
        ("편지".encode(), "편지"),  # raw UTF-8 (RFC 6532)
        (b"\x1b$)C\x0e0!3*\x0f", "가나"),  # ISO-2022-KR
        (b"\x0e0!3*\x0f", "가나"),  # without its designator
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?unknown-8bit?Q?caf=E9?=", "café"),
        (b"=?rot13?Q?uryyb?=", "uryyb"),  # no charset, never a codec
        (b"=?utf-8?B?6rCA====?=", "가"),
        (b"=?utf-8?X?no?=", "=?utf-8?X?no?="),
        (b"=?utf-8?Q?never closed", "=?utf-8?Q?never closed"),
    ],
)
def test_encoded_words(octets: bytes, text: str) -> None:
    """RFC 2047, and what is found in its place."""
    assert decode_unstructured(octets) == text


@pytest.mark.parametrize(
    ("octets", "name", "value"),
    [
        (b"text/plain; charset=UTF-8", "charset", "UTF-8"),
        (b'text/plain; charset="us-ascii" (Plain)', "charset", "us-ascii"),
        (b"text/plain; charset=us-ascii (Plain text)", "charset", "us-ascii"),
        (b'a/b; name="a\\"b;c"', "name", 'a"b;c'),
        (b"a/b; name=report of may.pdf; x=y", "name", "report of may.pdf"),
        # RFC 2231 §4.1
        (
            (
                b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;"
                b' title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"'
            ),
            "title",
            "This is even more ***fun*** isn't it!",
        ),
        (b"a/b; name*=utf-8''%EA%B0%80.txt; name=x", "name", "가.txt"),
        (b"a/b; name*0*=utf-8''%EA%B0; name*1*=%80.txt", "name", "가.txt"),
        (b"a/b; name*1=b; name*0=a", "name", "ab"),
        (b'a/b; name="=?EUC-KR?B?sKGzqrTZ?=.hwp"', "name", "가나다.hwp"),
        (b"a/b; name==?EUC-KR?B?sKGzqrTZ?=", "name", "가나다"),
        (b'a/b; name="=?utf-8?B?6rCA?=\r\n =?utf-8?B?64KY?="', "name", "가나"),
        (b'a/b; name="\xb0\xa1.txt"', "name", "가.txt"),
        ('a/b; name="\u1100\u1161.txt"'.encode(), "name", "가.txt"),  # NFC
        (b"a/b;;; ; name=x", "name", "x"),
    ],
)
def test_parameters(octets: bytes, name: str, value: str) -> None:
    """RFC 2045 §5.1, RFC 2231, and RFC 2047 words where they may not stand."""
    assert decode_parameters(parse_parametrised(octets).parameters)[name] == value


@pytest.mark.parametrize(
    ("octets", "found"),
    [
        (b"kim@example.test", [(None, b"kim", b"example.test")]),
        (b"Kim <kim@example.test>", [(b"Kim", b"kim", b"example.test")]),
        (b'"Kim, M." <kim@a.test>, b@b.test',
         [(b"Kim, M.", b"kim", b"a.test"), (None, b"b", b"b.test")]),
        (b'"a\\"b" <k@a.test>', [(b'a"b', b"k", b"a.test")]),
        (b"kim@a.test (Kim (M.))", [(b"Kim (M.)", b"kim", b"a.test")]),
        (b"Kim M. Lee <k@a.test>", [(b"Kim M. Lee", b"k", b"a.test")]),
        (b'"much.more unusual"@a.test', [(None, b"much.more unusual", b"a.test")]),
        (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
         [(b"Pete", b"pete", b"silly.test")]),  # RFC 5322 A.5
        (b"kim . lee @ a . test", [(None, b"kim.lee", b"a.test")]),  # A.6.3
        (b"kim@[192.0.2.1]", [(None, b"kim", b"[192.0.2.1]")]),
        (b"Kim Minjun kim@a.test", [(b"Kim Minjun", b"kim", b"a.test")]),
        (b"a@b.test <c@d.test>", [(b"a@b.test", b"c", b"d.test")]),
        (b"<kim@a.test", [(None, b"kim", b"a.test")]),
        (b", ,a@b.test,,", [(None, b"a", b"b.test")]),
        (b"postmaster", [(None, b"postmaster", b"")]),
        ("김 <김@편지.test>".encode(), [("김".encode(), "김".encode(), "편지.test".encode())]),  # noqa: E501 - a row
        (b"", []),
        (b"<>", []),
    ],
)  # fmt: skip
def test_addresses(
    octets: bytes, found: list[tuple[bytes | None, bytes, bytes]]
) -> None:
    """RFC 5322 §3.4, §4.4, RFC 6531, and broken ones."""
    read = [(m.name, m.local, m.domain) for m in mailboxes(parse_addresses(octets))]
    assert read == found


def test_groups_and_routes() -> None:
    """RFC 5322 §3.4, §4.4, Appendix A.1.3."""
    found = parse_addresses(
        b"A Group:Ed <joe@where.test>,john@one.test;, Undisclosed recipients:;,"
        b" Kim <@r.test,@s.test:kim@a.test>"
    )
    assert found == [
        Group(b"A Group", (
            Mailbox(b"Ed", None, b"joe", b"where.test"),
            Mailbox(None, None, b"john", b"one.test"),
        )),
        Group(b"Undisclosed recipients", ()),
        Mailbox(b"Kim", b"@r.test,@s.test", b"kim", b"a.test"),
    ]  # fmt: skip


def test_no_more_than_a_thousand_addresses_are_read() -> None:
    assert len(parse_addresses(b"a@b.test, " * 5000)) == 1000
    assert len(parse_addresses(b"(c) a@b.test, " * 5000)) == 1000


@pytest.mark.parametrize(
    ("octets", "seconds", "offset"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360),
        (b"21 Nov 97 09:55:06 GMT", 880106106, 0),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360),
        (b" Fri, 21 Nov 1997 09:55 EST", 880124100, -300),
        (b"Fri, 21 Nov 1997 09:55:06 -0600 (CST)", 880127706, -360),
        (b"Fri Nov 21 15:55:06 1997", 880127706, 0),
        (b"Fri, 21 Nov 1997 15:55:06", 880127706, 0),
        (b"Fri, 21-Nov-97 15:55:06 GMT", 880127706, 0),
        (b"1997-11-21T15:55:06Z", 880127706, 0),
        (b"Tue, 24 Nov 2026 13:00:00 +0900", 1795492800, 540),
        (b"Thu, 01 Jan 1970 00:00:00 +0000", 0, 0),
    ],
)
def test_dates(octets: bytes, seconds: int, offset: int) -> None:
    """RFC 5322 §3.3, §4.3, and others that are found."""
    date = parse_date(octets)
    assert date is not None
    assert (date.unix_seconds, date.offset_minutes) == (seconds, offset)


@pytest.mark.parametrize(
    "octets", [b"", b"soon", b"Fri, 32 Nov 1997 09:55:06 +0000", b"29 Feb 2023 1:0 GMT"]
)
def test_what_is_no_date(octets: bytes) -> None:
    assert parse_date(octets) is None


def test_the_day_is_the_one_written() -> None:
    """SENTON disregards time and zone (RFC 3501 §6.4.4)."""
    date = parse_date(b"Tue, 24 Nov 2026 01:00:00 +0900")
    assert date is not None
    assert civil_from_days(date.day) == (2026, 11, 24)
    assert date.unix_seconds // 86400 == date.day - 1


@given(seconds=st.integers(-(10**9), 10**11), offset=st.integers(-1439, 1439))
def test_a_date_that_we_write_we_read_back(seconds: int, offset: int) -> None:
    """RFC 5322 §3.3."""
    date = parse_date(format_date(seconds, offset).encode())
    assert date is not None
    assert (date.unix_seconds, date.offset_minutes) == (seconds, offset)


@given(day=st.integers(-700_000, 2_900_000))
def test_days_and_civil_dates_are_inverse(day: int) -> None:
    assert days_from_civil(*civil_from_days(day)) == day


def test_format_date() -> None:
    assert format_date(1795492800, 540) == "Tue, 24 Nov 2026 13:00:00 +0900"


def test_message_ids() -> None:
    """RFC 5322 §3.6.4; blanks inside and missing brackets are read too."""
    assert parse_ids(b"<a@b> (c) <c\r\n @d>\r\n <e@f>") == ["<a@b>", "<c@d>", "<e@f>"]
    assert parse_ids(b"a@b, c@d") == ["<a@b>", "<c@d>"]
    assert parse_id(b" <1@example.test>\r\n") == "<1@example.test>"
    assert parse_id(b"12345") == "<12345>"
    assert parse_id(b"") == ""


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: hello", "hello"),
        ("RE: Fwd: [list] Re[2]: Hello (fwd) ", "hello"),
        ("[fwd: Re: hello]", "hello"),
        ("[only]", "[only]"),
        ("Re:", ""),
        ("a  b\tc", "a b c"),
        ("회신: 편지", "회신: 편지"),  # translations are no leaders (§7)
        ("Regarding: x", "regarding: x"),
        ("", ""),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    """RFC 5256 §2.1."""
    assert base_subject(subject) == base
