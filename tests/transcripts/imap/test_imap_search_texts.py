"""SEARCH finds texts as a reader sees them (RFC 3501 §6.4.4), in every script.

A string is found wherever it stands, inside words too, whatever charset and
transfer encoding a sender chose; letters of both sides are compared in NFKC
without case.
"""

from __future__ import annotations

import asyncio
import base64
import quopri

import pytest
from tests.transcripts.imap.imap_play import stage

KOREAN = "주간회의록을 첨부합니다"
LATIN = "the Invoice of Café Ünlü"


def word(text: str, charset: str, encoding: str) -> str:
    """An encoded word (RFC 2047)."""
    octets = text.encode(charset)
    if encoding == "b":
        coded = base64.b64encode(octets).decode()
    else:
        coded = "".join(f"={octet:02X}" for octet in octets)
    return f"=?{charset}?{encoding}?{coded}?="


def body(text: str, charset: str, encoding: str) -> bytes:
    octets = text.encode(charset)
    if encoding == "base64":
        return base64.encodebytes(octets).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(octets).replace(b"\n", b"\r\n")
    return octets


def letter(head: str, content: bytes = b"x", kind: str = "text/plain") -> bytes:
    lines = ["From: a@b.test", f"Content-Type: {kind}", *head.splitlines(), "", ""]
    return "\r\n".join(lines).encode("utf-8") + content + b"\r\n"


async def _found(octets: bytes, searches: list[tuple[str, str]]) -> list[str]:
    """Which of (key, text) find a letter through the door."""
    found = []
    async with stage() as system:
        client = system.client()
        await client.log_in()
        head = b"a APPEND INBOX {%d+}\r\n" % len(octets)
        assert b"a OK" in await client.ask(head + octets + b"\r\n")
        assert b"b OK" in await client.ask(b"b SELECT INBOX\r\n")
        for key, text in searches:
            octets = text.encode("utf-8")
            heard = await client.ask(
                b"c SEARCH CHARSET UTF-8 %b {%d+}\r\n%b\r\n"
                % (key.encode(), len(octets), octets)
            )
            assert b"c OK" in heard, heard
            if heard.startswith(b"* SEARCH 1"):
                found.append(f"{key} {text}")
    return found


def check(
    octets: bytes, there: list[tuple[str, str]], missing: list[tuple[str, str]]
) -> None:
    found = asyncio.run(_found(octets, there + missing))
    assert found == [f"{key} {text}" for key, text in there]


CHARSETS = ["utf-8", "euc-kr", "cp949", "iso-2022-kr"]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_korean_bodies(charset: str, encoding: str) -> None:
    """Text parts in any charset and transfer encoding."""
    content = body(KOREAN, charset, encoding)
    head = f"Content-Transfer-Encoding: {encoding}"
    check(
        letter(head, content, f"text/plain; charset={charset}"),
        [("BODY", "회의"), ("TEXT", "첨부합"), ("BODY", "을 첨"), ("BODY", "록")],
        [("BODY", "회으"), ("SUBJECT", "회의")],
    )


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("encoding", ["b", "q"])
def test_korean_headers(charset: str, encoding: str) -> None:
    """Subjects and names in encoded words."""
    check(
        letter(
            f"Subject: {word(KOREAN, charset, encoding)}\n"
            f"To: {word('홍길동', charset, encoding)} <gildong@hong.test>\n"
            f'Cc: "{word("성춘향", charset, encoding)}" <c@d.test>\n'
            f"X-Where: {word('서울특별시', charset, encoding)}"
        ),
        [
            ("SUBJECT", "회의"),
            ("TEXT", "간회의록"),
            ("TO", "길동"),
            ("TO", "ildong@ho"),
            ("CC", "춘향"),
            ("HEADER X-Where", "특별"),
            ("HEADER Subject", "첨부"),
            ("TEXT", "홍길"),
        ],
        [("SUBJECT", "길동"), ("FROM", "길동"), ("BODY", "회의"), ("BCC", "춘")],
    )


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_html(encoding: str) -> None:
    """HTML is searched by its text, not by its tags."""
    html = (
        "<html><head><title>t</title><style>p{color:sienna}</style></head><body>"
        "<p>주간<b>회의</b>록 &eacute;t&#233; in<i>voi</i>ce</p>"
        "<script>var hidden=1</script></body></html>"
    )
    head = f"Content-Transfer-Encoding: {encoding}"
    check(
        letter(head, body(html, "euc-kr", encoding), "text/html; charset=euc-kr"),
        [
            ("BODY", "été"),
            ("TEXT", "회의"),
            ("BODY", "주간회의록"),
            ("BODY", "invoice"),
        ],
        [("BODY", "sienna"), ("BODY", "hidden"), ("BODY", "<b>")],
    )


def test_parts_within_parts() -> None:
    """All text parts, those of attached messages too, and their headers."""
    octets = (
        "From: a@b.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\n\r\nplainness\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        f"Subject: {word('속편지', 'euc-kr', 'b')}\r\nFrom: inner@x.test\r\n"
        "\r\ninnermost\r\n"
        "--b\r\nContent-Type: text/calendar; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode("SUMMARY:회식".encode()).decode()
        + "\r\n--b\r\nContent-Type: application/octet-stream\r\n"
        'Content-Disposition: attachment; filename="보고서.hwp"\r\n\r\n'
        "binaryness\r\n--b--\r\n"
    ).encode()
    check(
        octets,
        [
            ("BODY", "lainnes"),
            ("BODY", "nnermos"),
            ("BODY", "속편"),
            ("BODY", "회식"),
            ("TEXT", "보고서"),
        ],
        [("SUBJECT", "속편지"), ("BODY", "binaryness"), ("FROM", "inner@")],
    )


def test_letters_that_look_alike() -> None:
    """NFKC without case, on both sides (RFC 5255 §4.2; see conformance/rfc5255.md)."""
    check(
        letter(
            f"Subject: {word(LATIN, 'utf-8', 'q')}"
            f" {word(' ﬁne ＡＢＣ ΣΟΦΟΣ Straße', 'utf-8', 'b')}"
        ),
        [
            ("SUBJECT", "voic"),
            ("SUBJECT", "INVOICE"),
            ("SUBJECT", "cafe\u0301"),
            ("SUBJECT", "ÜNLÜ"),
            ("SUBJECT", "fine"),
            ("SUBJECT", "abc"),
            ("SUBJECT", "σοφος"),
            ("SUBJECT", "STRASSE"),
        ],
        [("SUBJECT", "invoices")],
    )


@pytest.mark.parametrize("charset", ["EUC-KR", "ISO-2022-KR", "KOI8-R"])
def test_the_charset_of_the_command(charset: str) -> None:
    """Strings of the command are in its CHARSET (RFC 3501 §6.4.4)."""
    text = "письмо" if charset == "KOI8-R" else "회의"

    async def ask() -> bytes:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            octets = letter(f"Subject: {word('아 회의 письмо', 'utf-8', 'b')}")
            await client.ask(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(octets), octets))
            await client.ask(b"b SELECT INBOX\r\n")
            coded = text.encode(charset)
            heard: bytes = await client.ask(
                b"c SEARCH CHARSET %b SUBJECT {%d+}\r\n%b\r\n"
                % (charset.encode(), len(coded), coded)
            )
            return heard

    assert asyncio.run(ask()).startswith(b"* SEARCH 1\r\n")
