"""Body sections: of one message from its parts, of many from their headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.fields import COMMON_FIELDS, common_fields
from pyeonji.message.prepare import prepare
from pyeonji.mra.imap.sections import (
    BinaryReader,
    Message,
    SectionReader,
    UnknownEncoding,
    header_values,
    is_of_common_fields,
)
from pyeonji.protocol.imap.commands import Binary, Section, SectionText
from pyeonji.storage.content import StoredOctets

PIECES = st.sampled_from(
    [
        b"From: a@example.test", b"Subject: s", b"SUBJECT : t", b"Date: now", b"\r\n",
        b"\r\n", b"\n", b" folded", b"\tfolded", b"X-From: no", b"no colon", b":",
        b"\0", b"Subject:", b"\xed\x8e\xb8", b"\r", b" ", b"From", b"\r\n\r\n",
    ]
)  # fmt: skip


def stored(octets: bytes, prefix: bytes = b"") -> Message:
    return Message.of(
        StoredOctets(prefix=prefix, body=octets), prepare(octets).parts, len(prefix)
    )


def section(text: SectionText, partial: tuple[int, int] | None) -> Section:
    fields = () if text is SectionText.HEADER else (b"FROM", b"SUBJECT", b"DATE")
    return Section(label=b"", text=text, fields=fields, partial=partial)


@given(
    messages=st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=5),
    text=st.sampled_from(
        [
            SectionText.HEADER,
            SectionText.HEADER_FIELDS,
            SectionText.HEADER_FIELDS_NOT,
        ]
    ),
    partial=st.sampled_from([None, (0, 5), (3, 100), (500, 1)]),
)
def test_many_headers_are_read_as_one_by_one(
    messages: list[bytes], text: SectionText, partial: tuple[int, int] | None
) -> None:
    """RFC 3501 §6.4.5: HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT."""
    item = section(text, partial)
    whole = SectionReader(Section(label=b"", text=SectionText.HEADER))
    found = [stored(octets) for octets in messages]
    headers = [whole.octets(message) or b"" for message in found]
    assert header_values(item, headers) == [
        SectionReader(item).value(message) for message in found
    ]


@given(
    messages=st.lists(
        st.lists(PIECES, max_size=12).map(b"".join), min_size=1, max_size=5
    ),
    names=st.lists(
        st.sampled_from([b"from", b"subject", b"date"])
        | st.sampled_from(sorted(COMMON_FIELDS)),
        min_size=1,
        max_size=4,
    ),
    partial=st.sampled_from([None, (0, 5), (3, 100), (500, 1)]),
)
def test_common_fields_say_what_headers_say(
    messages: list[bytes], names: list[bytes], partial: tuple[int, int] | None
) -> None:
    fields = tuple(name.title() for name in names)
    item = Section(
        label=b"", text=SectionText.HEADER_FIELDS, fields=fields, partial=partial
    )
    assert is_of_common_fields(item)
    whole = SectionReader(Section(label=b"", text=SectionText.HEADER))
    headers = [whole.octets(stored(octets)) or b"" for octets in messages]
    common = [common_fields(header) for header in headers]
    expected = header_values(item, headers)
    assert header_values(item, common, common=True) == expected


LEAF = b"Content-Transfer-Encoding: %b\r\n\r\n%b"


@pytest.mark.parametrize(
    ("octets", "item", "value"),
    [
        (LEAF % (b"base64", b"AAEC"), Binary(label=b"", path=(1,)), b"~{3}\r\n\0\1\2"),
        (LEAF % (b"base64", b"YWJj"), Binary(label=b"", path=(1,)), b"{3}\r\nabc"),
        (
            LEAF % (b"base64", b"YWJj"),
            Binary(label=b"", path=(1,), partial=(1, 9)),
            b"{2}\r\nbc",
        ),
        (LEAF % (b"base64", b"YWJj"), Binary(label=b"", path=(1,), size=True), b"3"),
        (
            LEAF % (b"quoted-printable", b"=E9=\r\nx"),
            Binary(label=b"", path=(1,)),
            b"{2}\r\n\xe9x",
        ),
        (LEAF % (b"7bit", b"abc"), Binary(label=b"", path=(2,)), b"NIL"),
        (LEAF % (b"7bit", b"abc"), Binary(label=b"", path=(2,), size=True), b"0"),
        (LEAF % (b"7bit", b"abc"), Binary(label=b"", size=True), b"38"),
    ],
)
def test_binary(octets: bytes, item: Binary, value: bytes) -> None:
    """Decoded, a literal8 only where there is NUL (RFC 3516 §4.3)."""
    assert BinaryReader(item).value(stored(octets)) == value
    prefixed = stored(octets, b"Received: here\r\n")
    if item.path:
        assert BinaryReader(item).value(prefixed) == value


def test_binary_of_an_unknown_encoding() -> None:
    """RFC 3516 §4.3: UNKNOWN-CTE."""
    with pytest.raises(UnknownEncoding):
        BinaryReader(Binary(label=b"", path=(1,))).value(stored(LEAF % (b"x-o", b"a")))
