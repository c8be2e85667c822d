"""Bodies: parts and how they are put together (RFC 2045, 2046, 2183, 2387).

An `Entity` is a finished part: header fields and coded body. Its body is a
run of pieces that are joined once, when the whole message is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.characters import (
    choose_charset,
    encode_text,
    mime_charset,
)
from pyeonji.message.compose.errors import BadValue, EncodingImpossible, MissingField
from pyeonji.message.compose.fields import (
    check_name,
    field_place,
    message_ids,
    parametrised,
    plain,
    unstructured,
)
from pyeonji.message.compose.mailboxes import check_value
from pyeonji.message.compose.transfer import (
    Encoding,
    canonical_lines,
    encode,
    has_lone_line_end,
    why_not_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_BOUNDARY: Final = 70  # octets (RFC 2046 §5.1.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A finished part: its own header fields, and its body in pieces."""

    fields: tuple[tuple[str, bytes], ...]  # name, whole field with CRLF
    body: tuple[bytes, ...]
    eight_bit: bool = False  # there are octets over 127 in the body

    def pieces(self) -> Iterable[bytes]:
        """Header, empty line and body."""
        yield from (field for _, field in self.fields)
        yield b"\r\n"
        yield from self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What may be said of a part beside its content."""

    disposition: str = ""  # inline or attachment (RFC 2183)
    filename: str = ""
    content_id: str = ""  # <…> (RFC 2392)
    description: str = ""
    charset: str = ""  # for characters in the file name and the description


NOTHING: Final = Described()


def _described_fields(described: Described) -> list[tuple[str, bytes]]:
    fields = []
    if described.disposition:
        name = "Content-Disposition"
        parameters = [("filename", described.filename)] if described.filename else []
        field = parametrised(name, described.disposition, parameters, described.charset)
        fields.append((name, field))
    if described.content_id:
        name = "Content-ID"
        fields.append((name, message_ids(name, [described.content_id])))
    if described.description:
        name = "Content-Description"
        fields.append(
            (name, unstructured(name, described.description, described.charset))
        )
    return fields


def _entity(
    media_type: str,
    parameters: Sequence[tuple[str, str]],
    encoding: Encoding,
    body: Sequence[bytes],
    described: Described = NOTHING,
) -> Entity:
    fields = []
    if media_type:
        name = "Content-Type"
        fields.append((name, parametrised(name, media_type, parameters)))
    if encoding is not Encoding.SEVEN_BIT:  # what none says (RFC 2045 §6.1)
        name = "Content-Transfer-Encoding"
        fields.append((name, plain(name, encoding.value)))
    return Entity(
        fields=(*fields, *_described_fields(described)),
        body=tuple(body),
        eight_bit=encoding is Encoding.EIGHT_BIT,
    )


def text_entity(
    text: str,
    *,
    subtype: str = "plain",
    charset: str = "",
    encoding: Encoding = Encoding.AUTO,
    described: Described = NOTHING,
    parameters: Sequence[tuple[str, str]] = (),
) -> Entity:
    """A text part.

    Args:
        text: any line ends; CRLF is written.
        subtype: plain, html …
        charset: what must be used where us-ascii does not suffice; "" is UTF-8.
        encoding: what must be used, or AUTO.
        described: disposition, file name, Content-ID, description.
        parameters: further parameters of Content-Type.

    Raises:
        NotInCharset: the asked charset lacks a character of the text.
        EncodingImpossible: the asked encoding cannot carry it.
    """
    lines = canonical_lines(text)
    name, octets = choose_charset(lines, charset)
    if charset and name != "us-ascii":
        name = mime_charset(charset)
        octets = encode_text(lines, name)
    used, body = encode(octets, encoding, text=True)
    if name == "us-ascii" and subtype == "plain" and not parameters:
        # text/plain in us-ascii is what no Content-Type says (RFC 2045 §5.2)
        needed = used is not Encoding.SEVEN_BIT or described is not NOTHING
        media_type = "text/plain" if needed else ""
    else:
        media_type = f"text/{subtype}"
    return _entity(
        media_type, [("charset", name), *parameters], used, [body], described
    )


def file_entity(
    octets: bytes,
    media_type: str,
    *,
    described: Described,
    parameters: Sequence[tuple[str, str]] = (),
    encoding: Encoding = Encoding.AUTO,
) -> Entity:
    """A file, whose octets come back exactly.

    Raises:
        BadValue: multipart and message types are built by their own functions.
        EncodingImpossible: 7bit or 8bit was asked and cannot carry it.
    """
    major = media_type.partition("/")[0].lower()
    if major in ("multipart", "message"):
        raise BadValue("Content-Type", f"{media_type} is not a file's type")
    lines = major == "text" and not has_lone_line_end(octets)
    used, body = encode(octets, encoding, text=lines)
    return _entity(media_type, parameters, used, [body], described)


def message_entity(octets: bytes, *, described: Described = NOTHING) -> Entity:
    """A whole message as a part, 7bit or 8bit, never coded (RFC 2046 §5.2.1).

    Args:
        octets: a message with CRLF line ends. Where it must travel in 7 bits,
            convert it before (`message.convert`).
        described: disposition, file name, Content-ID, description.

    Raises:
        EncodingImpossible: NUL, lone CR or LF, or a line over 998 octets.
    """
    why = why_not_lines(octets)
    if why:
        raise EncodingImpossible("message/rfc822", why)
    used = Encoding.SEVEN_BIT if octets.isascii() else Encoding.EIGHT_BIT
    return _entity("message/rfc822", [], used, [octets], described)


def external_body(
    access_type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    media_type: str,
    content_id: str,
    described: Described = NOTHING,
) -> Entity:
    """A part that says where its content is to be had (RFC 2046 §5.2.3).

    Args:
        access_type: url, anon-ftp, ftp, tftp, mail-server, local-file …
        parameters: of that access type, e.g. URL (RFC 2017), name, site.
        media_type: of the content.
        content_id: of the content, <…>; required.
        described: of the part itself.

    Raises:
        MissingField: no Content-ID.
    """
    if not content_id:
        raise MissingField("Content-ID")
    phantom = _entity(
        media_type, [], Encoding.SEVEN_BIT, [], Described(content_id=content_id)
    )
    return _entity(
        "message/external-body",
        [("access-type", access_type), *parameters],
        Encoding.SEVEN_BIT,
        [b"".join(phantom.pieces())],
        described,
    )


def multipart(
    subtype: str,
    children: Sequence[Entity],
    *,
    token: str,
    parameters: Sequence[tuple[str, str]] = (),
) -> Entity:
    """Parts together, under a boundary that occurs in none of them.

    Args:
        subtype: mixed, alternative, related, report …
        children: one at least.
        token: chance, as letters and digits, up to 40; the boundary holds it.
        parameters: further parameters of Content-Type.
    """
    if not children:
        raise MissingField("parts of multipart")
    pieces = [list(child.pieces()) for child in children]
    boundary = _unused_boundary(token, pieces)
    delimiter = b"--" + boundary.encode("ascii")
    body = []
    for part in pieces:
        body.append(delimiter + b"\r\n")
        body += part
        body.append(b"\r\n")  # belongs to the next delimiter (RFC 2046 §5.1.1)
    body.append(delimiter + b"--\r\n")
    # multipart is 7bit or 8bit, as its parts are (RFC 2045 §6.4)
    eight_bit = any(child.eight_bit for child in children)
    return _entity(
        f"multipart/{subtype}",
        [*parameters, ("boundary", boundary)],
        Encoding.EIGHT_BIT if eight_bit else Encoding.SEVEN_BIT,
        body,
    )


def _unused_boundary(token: str, parts: Sequence[Sequence[bytes]]) -> str:
    """A boundary that no piece contains; "=_" keeps it out of coded ones."""
    number = 0
    while True:
        boundary = f"=_{token[:40]}.{number}"
        wanted = b"--" + boundary.encode("ascii")
        if not any(wanted in piece for part in parts for piece in part):
            return boundary
        number += 1


def write_message(fields: Iterable[tuple[str, bytes]], entity: Entity) -> bytes:
    """Put a header over an entity: the finished message.

    MIME-Version is added where the entity has MIME fields. Fields are put in
    the usual order (`field_place`).
    """
    header = list(fields)
    for name, field in header:
        check_name(name)
        check_value(name, field.decode("utf-8").replace("\r\n", ""))
    if entity.fields:
        header.append(("MIME-Version", b"MIME-Version: 1.0\r\n"))
        header += entity.fields
    header.sort(key=lambda pair: field_place(pair[0]))
    pieces = [*(field for _, field in header), b"\r\n", *entity.body]
    last = next((piece for piece in reversed(pieces) if piece), b"")
    if not last.endswith(b"\r\n"):
        pieces.append(b"\r\n")  # a message is lines (RFC 5322 §2.1)
    return b"".join(pieces)
