"""Charsets, transfer encodings, files in texts, and the octets for IMAP."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.charset import CHARSETS, canonical, decode_text
from pyeonji.message.encoding import decode
from pyeonji.message.envelope import envelope
from pyeonji.message.header import Header
from pyeonji.message.inline import inline_files
from pyeonji.message.prepare import prepare
from pyeonji.message.scan import scan
from pyeonji.message.structure import body, body_structure
from pyeonji.message.text import html_text, normalise, preview, searchable
from pyeonji.message.wire import nstring, string

KOREAN = "가나다 편지"


@pytest.mark.parametrize(
    ("octets", "declared", "text", "used"),
    [
        (KOREAN.encode("cp949"), "EUC-KR", KOREAN, "cp949"),
        ("똠펲".encode("cp949"), "ks_c_5601-1987", "똠펲", "cp949"),
        (KOREAN.encode("cp949"), None, KOREAN, "cp949"),
        (KOREAN.encode("cp949"), "utf-8", KOREAN, "cp949"),
        (KOREAN.encode("cp949"), "us-ascii", KOREAN, "cp949"),
        (KOREAN.encode(), "euc-kr-but-not", KOREAN, "utf-8"),
        (KOREAN.encode(), None, KOREAN, "utf-8"),
        (KOREAN.encode("johab"), "johab", KOREAN, "johab"),
        (KOREAN.encode("iso2022_kr"), "iso-2022-kr", KOREAN, "iso-2022-kr"),
        (KOREAN.encode("iso2022_kr"), None, KOREAN, "iso-2022-kr"),
        (KOREAN.encode("iso2022_kr"), "us-ascii", KOREAN, "iso-2022-kr"),
        ("①日本".encode("cp932"), "Shift_JIS", "①日本", "cp932"),
        ("日本".encode("iso2022_jp"), "iso-2022-jp", "日本", "iso-2022-jp"),
        ("日本".encode("iso2022_jp"), None, "日本", "iso-2022-jp"),
        (b"\x1b$B-!\x1b(B", "iso-2022-jp", "①", "iso-2022-jp"),
        ("日本".encode("euc_jp"), "euc-jp", "日本", "euc-jp"),
        ("中国㐀".encode("gb18030"), "gb2312", "中国㐀", "gb18030"),
        ("中國".encode("big5"), "big5", "中國", "big5"),
        (b"+rACwmA-", "utf-7", "가나", "utf-7"),
        (b"\x93x\x94", "iso-8859-1", "“x”", "windows-1252"),
        ("привет".encode("koi8-r"), "koi8-r", "привет", "koi8-r"),
        ("привет".encode("cp1251"), "windows-1251", "привет", "windows-1251"),
        (b"caf\xe9 au lait", None, "café au lait", "windows-1252"),
        (b"plain", None, "plain", "us-ascii"),
    ],
)
def test_the_ladder(octets: bytes, declared: str | None, text: str, used: str) -> None:
    """Declared and widened, then UTF-8, ISO-2022 by escape, CP949, replacement."""
    assert decode_text(octets, declared) == (text, used)


def test_codecs_that_are_no_charsets_are_not_called() -> None:
    for label in (
        "zip",
        "rot13",
        "base64",
        "idna",
        "punycode",
        "unicode_escape",
        "hex",
    ):
        assert canonical(label) is None


@given(octets=st.binary(), label=st.sampled_from(["", "x", *CHARSETS, "iso-2022-kr"]))
def test_any_octets_have_a_text(octets: bytes, label: str) -> None:
    decode_text(octets, label).text.encode()


@pytest.mark.parametrize(
    ("octets", "encoding", "decoded"),
    [
        (b"sKGzqrTZ", "base64", KOREAN[:3].encode("cp949")),
        (b"=B0=A1=B3=AA =B4=D9", "quoted-printable", "가나 다".encode("cp949")),
        (b"sKGz\r\nqrTZ\r\n", "base64", "가나다".encode("cp949")),
        (b"YWI=YWI=", "base64", b"abab"),
        (b"YWI", "base64", b"ab"),
        (b"YWJjZ", "base64", b"abc"),
        (b"YW*I=!", "base64", b"ab"),
        (b"-_-_", "base64", b"\xfb\xff\xbf"),
        (b"a=\r\nb= \r\nc", "quoted-printable", b"abc"),
        (b"a==b=zz=3D", "quoted-printable", b"a==b=zz="),
        (b"a=\rb", "quoted-printable", b"a=\rb"),
        (b"begin 644 x\r\n#0V%T\r\n`\r\nend\r\n", "x-uuencode", b"Cat"),
        (b"as it is", "x-unknown", b"as it is"),
    ],
)
def test_transfer_encodings(octets: bytes, encoding: str, decoded: bytes) -> None:
    """RFC 2045 §6, and what is found."""
    assert decode(octets, encoding) == decoded


@given(octets=st.binary())
def test_any_octets_are_decoded_and_right_ones_rightly(octets: bytes) -> None:
    for encoding in ("base64", "quoted-printable", "x-uuencode", "7bit"):
        decode(octets, encoding)
    inline_files(octets)
    assert decode(base64.encodebytes(octets), "base64") == octets
    quoted = binascii.b2a_qp(octets, istext=False)
    assert decode(quoted, "quoted-printable") == octets


def test_files_within_texts() -> None:
    """uuencode and yEnc in a text are found, named and decoded."""
    data = bytes((b + 42) & 0xFF for b in b"yenc!")
    text = (
        b"hello\r\nbegin 644 \xb0\xa1.txt\r\n#0V%T\r\n`\r\nend\r\nbetween\r\n"
        b"=ybegin line=128 size=5 name=y.bin\r\n" + data + b"\r\n=yend size=5\r\n"
    )
    uu, yenc = inline_files(text)
    assert (uu.name, uu.encoding, uu.octets) == ("가.txt", "x-uuencode", b"Cat")
    assert (yenc.name, yenc.encoding, yenc.octets) == ("y.bin", "x-yenc", b"yenc!")
    assert text[uu.start : uu.end].startswith(b"begin 644")
    assert inline_files(b"begin 644 x\r\nno end\r\n") == []


def test_imap_strings() -> None:
    """RFC 3501 §4.3, §9: no NUL anywhere, 8-bit only in literals."""
    assert nstring(None) == b"NIL"
    assert string(b"") == b'""'
    assert string(b'a "b" \\') == b'"a \\"b\\" \\\\"'
    assert string(b"a\r\nb") == b"{4}\r\na\r\nb"
    assert string("가".encode()) == b"{3}\r\n" + "가".encode()
    assert string(b"a\0b") == b'"ab"'


def test_envelope() -> None:
    """Sender and Reply-To are From where they are missing (RFC 3501 §7.4.2)."""
    header = Header(
        b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nSubject: =?x?q?y?=\r\n z\r\n"
        b"From: Terry Gray <gray@cac.test>\r\nReply-To: \r\n"
        b"To: imap@cac.test\r\nCc: g:a@b.test;\r\nMessage-Id: <B27@cac.test>\r\n\r\n"
    )
    gray = b'(("Terry Gray" NIL "gray" "cac.test"))'
    assert envelope(header) == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "=?x?q?y?= z" '
        + b" ".join([gray] * 3)
        + b' ((NIL NIL "imap" "cac.test"))'
        b' ((NIL NIL "g" NIL)(NIL NIL "a" "b.test")(NIL NIL NIL NIL))'
        b' NIL NIL "<B27@cac.test>")'
    )


def test_body_structure() -> None:
    """RFC 3501 §7.4.2: BODY has no extension data."""
    root = scan(
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Language: ko, en\r\n\r\n"
        b'--b\r\n\r\na\r\nb\r\n--b\r\nContent-Type: image/png; name="x.png"\r\n'
        b"Content-ID: <i@x>\r\nContent-Transfer-Encoding: BASE64\r\n"
        b"Content-Disposition: inline; filename*=utf-8''%EA%B0%80\r\n\r\nAAAA\r\n--b--\r\n"  # noqa: E501 - wire
    )
    assert body(root) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 2)'
        b'("image" "png" ("name" "x.png") "<i@x>" NIL "base64" 4) "mixed")'
    )
    assert body_structure(root) == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 4 2 NIL NIL NIL NIL)'
        b'("image" "png" ("name" "x.png") "<i@x>" NIL "base64" 4 NIL'
        b' ("inline" ("filename*" "utf-8\'\'%EA%B0%80")) NIL NIL)'
        b' "mixed" ("boundary" "b") NIL ("ko" "en") NIL)'
    )


def test_what_is_prepared() -> None:
    octets = (
        b"From: Kim <Kim@example.test>\r\nTo: g: Lee@b.test;\r\nSubject: Re: =?euc-kr?B?"  # noqa: E501 - wire
        b"sKGzqrTZ?=\r\nIn-Reply-To: <1@x>\r\nReferences: <0@x>\r\n <1@x>\r\n"
        b"Date: Tue, 24 Nov 2026 13:00:00 +0900\r\nMessage-ID: <2@x>\r\n"
        b"Content-Type: text/html; charset=euc-kr\r\n\r\n"
        b"<style>p{}</style><p>\xb0\xa1</p><p>b &amp; c</p>\r\n"
    )
    prepared = prepare(octets)
    assert (prepared.subject, prepared.sort_subject) == ("Re: 가나다", "가나다")
    assert (prepared.sort_from, prepared.sort_to, prepared.sort_cc) == (
        "kim",
        "g",  # the group, as ENVELOPE has it
        "",
    )
    assert (prepared.message_id, prepared.references) == ("<2@x>", "<0@x> <1@x>")
    assert prepared.preview == "가 b & c"
    assert prepared.sent_date == 1795492800


def test_search_sees_every_text() -> None:
    octets = (
        b"Subject: s\n\xb0\xa1: no field\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\nContent-Type: text/plain; charset=ks_c_5601-1987\n\n\x8cc\n"
        b"--b\nContent-Type: text/html\n\n<p>html<script>no()</script></p>\n"
        b"--b\nContent-Type: message/rfc822\n\nSubject: inner\n\nwithin\n"
        b'--b\nContent-Type: application/x; name="=?euc-kr?B?sKE=?=.hwp"\n\nx\n--b--\n'
    )
    found = searchable(octets)
    for wanted in ("똠", "html", "inner", "within"):
        assert wanted in found.body
    assert "no()" not in found.body
    assert found.attachments == ["가.hwp"]
    assert found.headers[0] == ("Subject", "s")


def test_texts_are_compared_without_form_and_case() -> None:
    assert normalise("ＡＢＣ Straße ㈜") == "abc strasse (주)"
    assert normalise("ABC") == "abc"


def test_deep_html_is_read_without_a_tree() -> None:
    assert html_text("<div>" * 10_000 + "a &lt; b").strip() == "a < b"


@pytest.mark.parametrize("encoding", ["x-zip", "8bit; evil", "base-64"])
def test_an_unknown_encoding_is_no_text(encoding: str) -> None:
    """RFC 2045 §6.4: application/octet-stream, whatever Content-Type says."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Transfer-Encoding: %b\r\n\r\ncoded words\r\n--b\r\n"
        b"Content-Type: text/plain\r\n\r\nclear words\r\n--b--\r\n"
    ) % encoding.encode()
    root = scan(octets)
    assert root.children[0].type == "text/plain"  # as BODYSTRUCTURE tells it
    assert root.children[0].read_type == "application/octet-stream"
    assert searchable(octets, root).body == "clear words"
    assert preview(octets, root) == "clear words"
    alone = scan(b"Content-Transfer-Encoding: %b\r\n\r\nwords" % encoding.encode())
    assert preview(b"", alone) == ""


def test_wrong_names_of_the_identity_are_known() -> None:
    """`8-bit` and `utf-8` are written by programs that coded nothing."""
    octets = "Content-Transfer-Encoding: UTF-8\r\n\r\n편지".encode()
    root = scan(octets)
    assert preview(octets, root) == searchable(octets, root).body == "편지"
    assert [defect.what for defect in root.defects] == ["unknown transfer encoding"]


def test_an_unknown_disposition_is_an_attachment() -> None:
    """RFC 2183 §2.8."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Disposition: signal\r\n\r\nnot this\r\n--b\r\n"
        b"Content-Disposition: Inline\r\n\r\nthis\r\n--b--\r\n"
    )
    assert preview(octets, scan(octets)) == "this"
