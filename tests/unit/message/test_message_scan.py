"""The structure of messages: offsets, numbers, limits, and any octets at all."""

from __future__ import annotations

import mmap

from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.message.inspect import inspect
from pyeonji.message.parts import pack, unpack
from pyeonji.message.prepare import prepare
from pyeonji.message.scan import Part, ScanLimits, scan
from pyeonji.message.text import searchable

NESTED = b"""\
From: kim@example.test\r
Content-Type: multipart/mixed; boundary="outer"\r
\r
preamble\r
--outer\r
Content-Type: multipart/alternative; boundary=outer-2\r
\r
--outer-2\r
\r
plain\r
--outer-2\r
Content-Type: text/html\r
\r
<p>html</p>\r
--outer-2--\r
--outer\r
Content-Type: message/rfc822\r
\r
Subject: inside\r
Content-Type: multipart/mixed; boundary=deep\r
\r
--deep\r
\r
one\r
two\r
--deep--\r
--outer\r
Content-Type: message/rfc822\r
\r
Subject: single\r
\r
alone\r
--outer--\r
epilogue\r
"""


def bodies(octets: bytes) -> dict[str, bytes]:
    return {
        p.path: octets[p.body_start : p.body_end]
        for p in scan(octets).walk()
        if not p.is_multipart
    }


def test_parts_have_the_numbers_of_imap() -> None:
    """Numbers pass through message/rfc822 (RFC 3501 §6.4.5)."""
    assert [p.number for p in scan(NESTED).walk() if p.path] == [
        "1", "1.1", "1.2", "2", "2", "2.1", "3", "3.1",
    ]  # fmt: skip
    found = bodies(NESTED)
    assert found["1.1"] == b"plain"
    assert found["1.2"] == b"<p>html</p>"
    assert found["2.1"] == b"one\r\ntwo"
    assert found["3.1"] == b"alone"
    assert found["3"] == b"Subject: single\r\n\r\nalone"


def test_the_line_end_before_a_boundary_is_not_content() -> None:
    """The CRLF before a delimiter belongs to it (RFC 2046 §5.1.1)."""
    part = scan(NESTED).children[0].children[0]
    assert NESTED[part.body_end : part.body_end + 11] == b"\r\n--outer-2"


def test_bare_line_feeds_are_lines_too() -> None:
    """Messages from files have LF only; offsets stay true."""
    octets = NESTED.replace(b"\r\n", b"\n")
    assert bodies(octets)["2.1"] == b"one\ntwo"


def test_line_ends_may_be_mixed() -> None:
    """Some relays convert half of a message."""
    octets = (
        b"Content-Type: multipart/x; boundary=b\n\r\n--b\r\n\nx\n--b\n\r\ny\r\n--b--"
    )
    assert [octets[p.body_start : p.body_end] for p in scan(octets).children] == [
        b"x", b"y",
    ]  # fmt: skip


def test_an_mmap_and_a_bytearray_give_the_same() -> None:
    with mmap.mmap(-1, len(NESTED)) as mapped:
        mapped[:] = NESTED
        assert prepare(mapped) == prepare(NESTED) == prepare(bytearray(NESTED))


def test_sections_are_found_without_parsing() -> None:
    """BODY[…] of every kind (RFC 3501 §6.4.5)."""
    parts = unpack(pack(scan(NESTED)))

    def section(path: str, kind: str = "") -> bytes | None:
        found = parts.section(path, kind)
        return None if found is None else NESTED[found[0] : found[1]]

    assert section("") == NESTED
    assert (section("", "HEADER") or b"").endswith(b'"outer"\r\n\r\n')
    assert (section("", "TEXT") or b"").startswith(b"preamble")
    assert section("1.1") == b"plain"
    assert section("1.2", "MIME") == b"Content-Type: text/html\r\n\r\n"
    assert section("1.2", "HEADER") is None
    assert section("2", "MIME") == b"Content-Type: message/rfc822\r\n\r\n"
    assert (section("2", "HEADER") or b"").startswith(b"Subject: inside")
    assert (section("2", "TEXT") or b"").startswith(b"--deep")
    assert section("2.1") == b"one\r\ntwo"
    assert section("3.1", "MIME") == b"Subject: single\r\n\r\n"
    assert section("4") is None
    assert parts.encoding("1.1") == "7bit"
    assert parts.is_multipart("1")


def test_a_message_without_parts_has_part_one() -> None:
    """(RFC 3501 §6.4.5)"""
    octets = b"Subject: x\r\n\r\ntext\r\n"
    parts = unpack(prepare(octets).parts)
    assert parts.section("1", "") == parts.section("", "TEXT") == (14, 20)
    assert parts.section("1", "MIME") == (0, 14)
    assert parts.section("1", "HEADER") is None
    assert parts.section("1.1", "") is None


def test_a_header_may_end_at_a_boundary_or_at_the_end() -> None:
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: y\r\n--b\r\nZ: 1"
    )
    first, second = scan(octets).children
    assert first.header.first(b"x") is not None
    assert first.size_octets == second.size_octets == 0
    assert second.header.unfolded(b"z") == b"1"


def test_a_part_that_begins_with_text_has_no_header() -> None:
    """No text is taken for a header that is none."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\nhello there\n\nyou\n--b--\n"
    )
    assert bodies(octets)["1"] == b"hello there\n\nyou"


def test_a_multipart_without_parts_shows_its_text() -> None:
    """BODYSTRUCTURE needs one part at least (RFC 3501 §9)."""
    root = scan(b"Content-Type: multipart/mixed\r\n\r\nlost?\r\n")
    assert root.defects[0].what == "multipart without a usable boundary"
    assert [p.path for p in root.walk()] == ["", "1"]
    assert root.children[0].size_octets == 7


def test_a_longer_boundary_that_begins_alike_is_another() -> None:
    """A delimiter is known by its beginning (RFC 2046 §5.1.1): the longest counts."""
    root = scan(NESTED)
    assert [len(c.children) for c in root.children] == [2, 0, 0]


def test_digest_parts_are_messages() -> None:
    """(RFC 2046 §5.1.5)"""
    root = scan(
        b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nx\n--b--"
    )
    assert root.children[0].type == "message/rfc822"
    assert root.children[0].message is not None


def test_limits_make_leaves_and_defects() -> None:
    """Beyond a limit nothing is lost, only not split (RFC 2046 sets none)."""
    nest = b"".join(
        b"Content-Type: multipart/mixed; boundary=n%dn\n\n--n%dn\n" % (i, i)
        for i in range(3000)
    )
    root = scan(nest)
    parts = list(root.walk())
    assert len(parts) <= 103
    assert any(d.what == "nested too deep" for p in parts for d in p.defects)
    many = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 50
    limited = scan(many, limits=ScanLimits(parts=10))
    assert len(limited.children) == 9
    assert limited.children[-1].body_end == len(many)
    forwards = b"Content-Type: message/rfc822\n\n" * 500
    assert len(list(scan(forwards).walk())) <= 102


def test_hostile_messages_are_read() -> None:
    """What has brought other mail software down (scaled to a second)."""
    for octets in (
        b"\0" * 1_000_000,
        b"A: " + b"x" * 3_000_000,
        b"a\n" * 200_000,
        b"From: a@b.test\n" * 50_000 + b"\n",
        b"From: " + b"a@b.test, " * 50_000 + b"\n\n",
        b"From: " + b"(" * 100_000 + b"\n\n",
        b"Subject: " + b"=?a?q?" * 50_000 + b"\n\n",
        b"Content-Type: x/y" + b";a*0*=b" * 50_000 + b"\n\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n" * 100_000,
        b"Content-Type: text/html\n\n" + b"<div>" * 50_000,
        b"\r" * 100_000,
    ):
        prepared = prepare(octets)
        assert prepared.size_octets == len(octets)
        assert len(prepared.preview) <= 200


class CountingBytes(bytes):
    """Octets that add up how many of them are searched."""

    searched = 0

    def find(self, *args: object) -> int:
        found = bytes.find(self, *args)  # type: ignore[arg-type]
        start = args[1] if len(args) > 1 else 0
        end = found if found >= 0 else args[2] if len(args) > 2 else len(self)
        assert isinstance(start, int)
        assert isinstance(end, int)
        CountingBytes.searched += max(end - start, 0)
        return found


def test_each_octet_is_searched_a_fixed_number_of_times() -> None:
    """Twice the message costs twice the work, whatever the boundaries."""

    def cost(count: int) -> int:
        octets = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"".join(
            b"--b\nContent-Type: multipart/mixed; boundary=x%d\n\n--x%d\n" % (i, i)
            for i in range(count)
        )
        CountingBytes.searched = 0
        scan(CountingBytes(octets))
        return CountingBytes.searched

    assert cost(2000) < 3 * cost(1000)


PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"--b",
        b"--b--",
        b"--bb",
        b"\0",
        b" ",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        b"Content-Type: multipart/digest; boundary=bb\n\n",
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Type: text/html\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Type: text/plain; charset=",
        b"ks_c_5601-1987",
        b"utf-7",
        b"iso-2022-kr",
        b"\x1b$)C",
        b"\x0e",
        b"sKGzqrTZ",
        b"From: ",
        b"To: ",
        b"Subject: ",
        b"=?euc-kr?B?sKGz?= ",
        b"=?utf-8?q?=EA=B0?=",
        b"\xb0\xa1",
        b"\xff",
        b"<a@b.test>",
        b"(",
        b")",
        b'"',
        b"\\",
        b",",
        b";",
        b":",
        b"Date: Tue, 24 Nov 2026 13:00:00 +0900\n",
        b"filename*0*=utf-8''%EA",
        b"Content-Disposition: attachment; ",
        b"+2AA-",
        b"<p>",
        b"begin 644 x\n",
        b"end\n",
    ]
)
MESSAGES = st.lists(PIECES | st.binary(max_size=6), max_size=30).map(b"".join)


def check(part: Part, low: int, high: int) -> None:
    assert low <= part.header_start <= part.body_start <= part.body_end <= high
    position = part.body_start
    for child in part.children:
        check(child, position, part.body_end)
        position = child.body_end
    if part.message is not None:
        assert part.message.body_end == part.body_end
        check(part.message, part.body_start, part.body_end)


@settings(max_examples=300, deadline=None)
@given(octets=MESSAGES)
def test_any_octets_have_a_structure(octets: bytes) -> None:
    """Parts are ordered, apart from each other, and within their parent."""
    root = scan(octets)
    check(root, 0, len(octets))
    assert root.header_start == 0
    assert root.body_end == len(octets)
    parts = unpack(pack(root))
    for part in root.walk():
        if part.path and not part.is_multipart:
            assert parts.section(part.path, "") == (part.body_start, part.body_end)


@settings(max_examples=300, deadline=None)
@given(octets=MESSAGES)
def test_any_octets_can_be_prepared(octets: bytes) -> None:
    """Nothing raises, nothing has NUL or half characters on the wire."""
    prepared = prepare(octets)
    for wire in (prepared.envelope, prepared.body_structure):
        assert b"\0" not in wire
        assert wire.startswith(b"(")
        assert wire.endswith(b")")
    for text in (prepared.subject, prepared.preview, prepared.sort_from):
        text.encode()
    found = searchable(octets)
    found.body.encode()
    for _, text in found.headers:
        text.encode()
    inspect(octets)
