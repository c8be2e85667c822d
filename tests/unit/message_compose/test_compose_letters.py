"""Letters as they leave: goldens, properties, and what must not be possible."""

from __future__ import annotations

import email
import email.policy
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.message.compose import (
    BadValue,
    ComposeError,
    Encoding,
    EncodingImpossible,
    File,
    Group,
    Letter,
    Mailbox,
    MissingField,
    NotInCharset,
    UnsafeValue,
    compose,
    external_body,
    field_place,
    multipart,
    text_entity,
)
from pyeonji.message.scan import scan
from pyeonji.message.text import part_octets, part_text

LETTER = Letter(
    date=datetime(2026, 11, 24, 13, 0, tzinfo=timezone(timedelta(hours=9))),
    token="abcdef0123456789",
    from_=(Mailbox(address="kim@example.test"),),
    to=(Mailbox(address="lee@example.test"),),
    subject="hello",
    text="hello\n",
)


def lines_of(letter: Letter) -> list[str]:
    return compose(letter).octets.decode("ascii").split("\r\n")


def body_of(letter: Letter) -> bytes:
    return compose(letter).octets.partition(b"\r\n\r\n")[2]


def test_a_plain_ascii_letter_has_only_the_fields_it_needs() -> None:
    """MIME fields may be left out where their defaults hold (RFC 2045 §5.2, §6.1)."""
    assert compose(LETTER).octets == (
        b"Date: Tue, 24 Nov 2026 13:00:00 +0900\r\n"
        b"From: kim@example.test\r\n"
        b"Subject: hello\r\n"
        b"To: lee@example.test\r\n"
        b"Message-ID: <abcdef0123456789@example.test>\r\n"
        b"\r\n"
        b"hello\r\n"
    )


def test_the_textbook_in_base64() -> None:
    """가나다 in EUC-KR (RFC 2045 §6.8)."""
    letter = replace(LETTER, text="가나다", charset="EUC-KR")
    assert body_of(letter) == b"sKGzqrTZ\r\n"


def test_the_textbook_in_quoted_printable() -> None:
    """가나 다 in EUC-KR (RFC 2045 §6.7)."""
    letter = replace(
        LETTER, text="가나 다", charset="euc-kr", encoding=Encoding.QUOTED_PRINTABLE
    )
    assert body_of(letter) == b"=B0=A1=B3=AA =B4=D9\r\n"


def test_fields_stand_in_the_usual_order() -> None:
    names = ["X-A", "Content-Type", "References", "Cc", "Received", "To", "Date",
             "Return-Path", "Sender", "Subject", "List-Id", "From", "MIME-Version",
             "Message-ID", "Reply-To", "In-Reply-To"]  # fmt: skip
    assert sorted(names, key=field_place) == [
        "Return-Path", "Received", "Date", "From", "Subject", "Sender", "To", "Cc",
        "Reply-To", "Message-ID", "In-Reply-To", "References", "MIME-Version",
        "Content-Type", "List-Id", "X-A",
    ]  # fmt: skip


def test_alternative_related_and_mixed_nest_as_needed() -> None:
    """RFC 2046 §5.1.3, §5.1.4 and RFC 2387."""
    letter = replace(
        LETTER,
        html='<img src="cid:a.png">',
        inline=(File(name="a.png", content=b"\x89PNG\0", media_type="image/png"),),
        attachments=(File(name="보고서.pdf", content=b"%PDF\xff"),),
    )
    root = scan(compose(letter).octets)
    assert [part.type for part in root.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/octet-stream",
    ]
    parts = {part.type: part for part in root.walk()}
    assert parts["image/png"].id == "<a.png>"
    assert parts["multipart/related"].parameters["type"] == "text/html"
    assert parts["application/octet-stream"].file_name == "보고서.pdf"


def test_a_cid_of_a_name_that_is_no_id_is_replaced() -> None:
    """A Content-ID is ASCII without spaces (RFC 2392)."""
    letter = replace(
        LETTER,
        html='<img src="cid:내 그림.png">',
        inline=(File(name="내 그림.png", content=b"\0", media_type="image/png"),),
    )
    octets = compose(letter).octets
    root = scan(octets)
    html = next(part for part in root.walk() if part.type == "text/html")
    image = next(part for part in root.walk() if part.type == "image/png")
    assert part_text(octets, html).text == f'<img src="cid:{image.id[1:-1]}">'


def test_blind_copies_are_in_the_envelope_only() -> None:
    """RFC 5322 §3.6.3."""
    secret = (Mailbox(address="secret@example.test"),)
    composed = compose(replace(LETTER, bcc=secret))
    assert b"secret" not in composed.octets
    assert composed.recipients == ("lee@example.test", "secret@example.test")
    assert b"Bcc: secret@" in compose(replace(LETTER, bcc=secret, keep_bcc=True)).octets
    alone = compose(replace(LETTER, to=(), bcc=secret)).octets
    assert b"To: undisclosed-recipients:;" in alone


def test_required_fields_are_required() -> None:
    """RFC 5322 §3.6."""
    for lacking in (replace(LETTER, from_=()), replace(LETTER, to=())):
        with pytest.raises(MissingField):
            compose(lacking)
    with pytest.raises(BadValue):
        compose(replace(LETTER, date=datetime(2026, 1, 1)))  # noqa: DTZ001 - meant


def test_several_authors_need_a_sender() -> None:
    """RFC 5322 §3.6.2."""
    two = (Mailbox(address="a@example.test"), Mailbox(address="b@example.test"))
    assert "Sender: a@example.test" in lines_of(replace(LETTER, from_=two))


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\0b"])
def test_no_value_ends_its_line(bad: str) -> None:
    """RFC 5322 §2.2; what a value holds never becomes another field."""
    box = (Mailbox(address="lee@example.test", name=bad),)
    address = (Mailbox(address=f"{bad}@example.test"),)
    file = File(name=bad, content=b"x")
    letters = [
        replace(LETTER, subject=bad),
        replace(LETTER, from_=box),
        replace(LETTER, to=box),
        replace(LETTER, to=address),
        replace(LETTER, cc=(Group(name=bad),)),
        replace(LETTER, reply_to=box),
        replace(LETTER, headers=(("X-A", bad),)),
        replace(LETTER, in_reply_to=(f"<{bad}@x>",)),
        replace(LETTER, references=(f"<{bad}@x>",)),
        replace(LETTER, message_id=f"<{bad}@x>"),
        replace(LETTER, attachments=(file,)),
        replace(LETTER, attachments=(replace(file, name="a", description=bad),)),
        replace(LETTER, attachments=(replace(file, name="a", charset=bad),)),
    ]
    for letter in letters:
        with pytest.raises(UnsafeValue):
            compose(letter)
    for letter in (
        replace(LETTER, headers=((bad, "x"),)),
        replace(LETTER, attachments=(replace(file, name="a", media_type=bad),)),
        replace(LETTER, charset=bad, text="가"),
        replace(LETTER, domain=bad),
    ):
        with pytest.raises(ComposeError):
            compose(letter)


@pytest.mark.parametrize("name", ["From", "bcc", "Content-Type", "mime-version"])
def test_a_field_with_its_own_place_is_no_other_header(name: str) -> None:
    with pytest.raises(BadValue):
        compose(replace(LETTER, headers=((name, "x"),)))


def test_a_syllable_that_euc_kr_lacks_is_said() -> None:
    """KS X 1001 has 2,350 syllables; 똠 is none of them."""
    with pytest.raises(NotInCharset, match="똠"):
        compose(replace(LETTER, text="abcdefgh 똠", charset="EUC-KR"))
    subject = replace(LETTER, subject="똠방각하", charset="EUC-KR")
    assert b"=?UTF-8?B?" in compose(subject).octets


def test_encodings_that_cannot_carry_a_text_are_said() -> None:
    """RFC 2045 §2.7 and §2.8."""
    with pytest.raises(EncodingImpossible):
        compose(replace(LETTER, text="가", encoding=Encoding.SEVEN_BIT))
    with pytest.raises(EncodingImpossible):
        compose(replace(LETTER, text="x" * 999, encoding=Encoding.EIGHT_BIT))
    assert compose(replace(LETTER, text="가", encoding=Encoding.EIGHT_BIT)).eight_bit
    assert not compose(replace(LETTER, encoding=Encoding.EIGHT_BIT)).eight_bit


def test_a_domain_in_any_script_is_carried_by_every_server() -> None:
    """RFC 5890; a local part in another script needs SMTPUTF8 (RFC 6531)."""
    ascii_local = compose(replace(LETTER, to=(Mailbox(address="lee@한국.kr"),)))
    assert ascii_local.recipients == ("lee@xn--3e0b707e.kr",)
    assert not ascii_local.smtputf8
    other = compose(replace(LETTER, to=(Mailbox(address="이@한국.kr"),)))
    assert other.smtputf8
    assert other.recipients == ("이@한국.kr",)


@pytest.mark.parametrize(
    "address",
    ["", "a", "@b", "a@", "a b@c.d", "a@b..c", "a@-b", "<a@b>", "a@b>", 'a"b@c.d',
     "x" * 65 + "@b.c", "a@" + "b" * 64, "\ud800@b.c", "a,b@c.d", "a@b@c", "(x)a@b.c"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    """RFC 5321 §4.1.2."""
    with pytest.raises(BadValue):
        compose(replace(LETTER, to=(Mailbox(address=address),)))


def test_references_stay_bounded() -> None:
    """The first and the last ids remain (RFC 5322 §3.6.4)."""
    chain = tuple(f"<{n}@x>" for n in range(500))
    octets = compose(replace(LETTER, references=chain)).octets
    assert b"<0@x>" in octets
    assert b"<499@x>" in octets
    assert octets.count(b"@x>") == 25


def test_a_boundary_is_never_in_the_content() -> None:
    """RFC 2046 §5.1.1."""
    text = "--=_tokentokentoken1.0\r\n--=_tokentokentoken1.1--\r\n"
    whole = multipart("mixed", [text_entity(text)], token="tokentokentoken1")
    assert b"--=_tokentokentoken1.2--" in b"".join(whole.body)


def test_an_external_body_has_a_content_id() -> None:
    """RFC 2046 §5.2.3 requires one."""
    with pytest.raises(MissingField):
        external_body("url", [], media_type="image/png", content_id="")
    entity = external_body(
        "URL", [("URL", "https://example.test/a")], media_type="image/png",
        content_id="<a@example.test>",
    )  # fmt: skip
    assert b"".join(entity.pieces()) == (
        b"Content-Type: message/external-body; access-type=URL;\r\n"
        b' URL="https://example.test/a"\r\n'
        b"\r\n"
        b"Content-Type: image/png\r\nContent-ID: <a@example.test>\r\n\r\n"
    )


def test_a_message_part_is_never_coded() -> None:
    """RFC 2046 §5.2.1: what it holds is converted instead."""
    inner = (
        "Subject: x\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n가나다\r\n"
    )
    file = File(name="a.eml", content=inner.encode(), media_type="message/rfc822")
    octets = compose(replace(LETTER, attachments=(file,))).octets
    assert octets.isascii()
    part = next(p for p in scan(octets).walk() if p.type == "message/rfc822")
    assert part.encoding == "7bit"
    assert part.message is not None
    assert part_text(octets, part.message).text.strip() == "가나다"


# -- properties ------------------------------------------------------------------

WORDS = st.sampled_from(
    ["안녕", "하세요", "hello", " ", "  ", "Re:", "=?utf-8?B?aGk=?=", "\t", "😀", "é",
     "x" * 90, "=", "_", "?", '"', "\\", "(", "가" * 60, "ㅎ", "\x1b[31m", ",", "<a@b>"]
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=8).map("".join)
LINES = st.lists(
    st.sampled_from(["가나다", "hello ", "\n", "\r\n", ".", "\n.\n", "From me", "=20",
                     "x" * 1200, "😀", "--", "\t", "é"]),
    max_size=12,
).map("".join)  # fmt: skip
CHARSETS = st.sampled_from(["", "EUC-KR", "UTF-8", "ISO-2022-KR", "windows-1252"])


def parsed(octets: bytes) -> Any:
    return email.message_from_bytes(octets, policy=email.policy.default)


def canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@settings(deadline=None, max_examples=150)
@given(subject=TEXTS, name=TEXTS, extra=TEXTS, charset=CHARSETS)
def test_header_texts_come_back(
    subject: str, name: str, extra: str, charset: str
) -> None:
    """Folding and encoded words change nothing (RFC 5322 §2.2.3, RFC 2047)."""
    letter = replace(
        LETTER,
        subject=subject,
        to=(Mailbox(address="lee@example.test", name=name),),
        headers=(("X-Extra", extra),),
        charset=charset,
    )
    octets = compose(letter).octets
    assert octets.isascii()
    header = octets.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert max(map(len, header)) <= 78
    assert all(line.strip() for line in header)
    ours = scan(octets).header
    squeezed = " ".join(subject.split())
    assert " ".join(ours.text(b"subject").split()) == squeezed
    assert " ".join(ours.text(b"x-extra").split()) == " ".join(extra.split())


@settings(deadline=None, max_examples=150)
@given(text=LINES, html=LINES, charset=st.sampled_from(["", "UTF-8"]))
def test_texts_come_back_from_two_parsers(text: str, html: str, charset: str) -> None:
    """What we write, the standard library and our scanner read alike."""
    octets = compose(replace(LETTER, text=text, html=html, charset=charset)).octets
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.count(b"\r") == octets.count(b"\n") == octets.count(b"\r\n")
    leaves = [part for part in scan(octets).walk() if not part.children]
    ours = [part_text(octets, part).text for part in leaves]
    assert [canonical(one) for one in ours] == [canonical(text), canonical(html)]
    theirs = [part for part in parsed(octets).walk() if not part.is_multipart()]
    decoded = [part.get_payload(decode=True).decode() for part in theirs]
    assert [canonical(one) for one in decoded] == [canonical(text), canonical(html)]


@settings(deadline=None, max_examples=100)
@given(
    names=st.lists(TEXTS.filter(bool), min_size=1, max_size=3),
    content=st.lists(
        st.sampled_from(
            [b"\0", b"a", b"\r\n", b"\n", b"\r", b"\xff", b" ", b"x" * 999]
        ),
        max_size=12,
    ).map(b"".join),
    kind=st.sampled_from(["application/pdf", "text/plain", "text/csv", "image/png"]),
)
def test_files_come_back_octet_for_octet(
    names: list[str], content: bytes, kind: str
) -> None:
    """RFC 2045 §6, RFC 2183, RFC 2231."""
    files = tuple(File(name=n, content=content, media_type=kind) for n in names)
    octets = compose(replace(LETTER, attachments=files)).octets
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    found = [p for p in scan(octets).walk() if p.disposition is not None]
    assert [part_octets(octets, part) for part in found] == [content] * len(names)
    theirs = list(parsed(octets).iter_attachments())
    assert [part.get_payload(decode=True) for part in theirs] == [content] * len(names)


@settings(deadline=None, max_examples=100)
@given(name=st.text(min_size=1, max_size=120).filter(lambda t: t.isprintable()))
def test_file_names_come_back(name: str) -> None:
    """RFC 2231 §3 and §4."""
    file = File(name=name, content=b"x")
    octets = compose(replace(LETTER, attachments=(file,))).octets
    ours = next(p for p in scan(octets).walk() if p.disposition is not None)
    assert ours.file_name == unicodedata.normalize("NFC", name)
    theirs = next(iter(parsed(octets).iter_attachments()))
    assert (theirs.get_filename() or "").strip() == name.strip()


@settings(deadline=None, max_examples=200)
@given(value=st.text(max_size=40), name=st.text(max_size=10))
def test_no_undocumented_exception(value: str, name: str) -> None:
    letter = replace(
        LETTER,
        subject=value,
        to=(Mailbox(address=value, name=name),),
        headers=((name, value),),
        in_reply_to=(value,),
        charset=name,
        text=value,
        date=datetime(2026, 1, 1, tzinfo=UTC),
    )
    try:
        octets = compose(letter).octets
    except ComposeError:
        return
    assert octets.partition(b"\r\n\r\n")[0].count(b"\r\nTo:") == 1
