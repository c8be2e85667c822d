"""A whole letter: what a person fills in, and the octets that it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - a field of a dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message import convert
from pyeonji.message.compose.entities import (
    Described,
    Entity,
    file_entity,
    message_entity,
    multipart,
    text_entity,
    write_message,
)
from pyeonji.message.compose.errors import (
    BadValue,
    EncodingImpossible,
    MissingField,
)
from pyeonji.message.compose.fields import (
    MAX_REFERENCES,
    address_list,
    check_name,
    message_ids,
    plain,
    unstructured,
)
from pyeonji.message.compose.mailboxes import (
    Address,
    Group,
    Mailbox,
    check_value,
    mailboxes_of,
    wire_address,
)
from pyeonji.message.compose.transfer import Encoding
from pyeonji.message.date import format_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OWN_FIELDS: Final = frozenset(
    {
        "return-path", "received", "date", "from", "subject", "sender", "to", "cc",
        "bcc", "reply-to", "message-id", "in-reply-to", "references", "mime-version",
        "content-type", "content-transfer-encoding", "content-disposition",
        "content-id",
    }
)  # fmt: skip
"""Fields that have a place in `Letter` and cannot be given as others."""

_DOT_ATOM: Final = re.compile(r"[A-Za-z0-9!#$&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9_\-]+)*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9]{16,64}")
_MEDIA_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
)  # RFC 6838 §4.2

UNDISCLOSED: Final = Group(name="undisclosed-recipients")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to go along; its octets arrive unchanged.

    A `message/rfc822` file travels as a message (line ends become CRLF, 8-bit
    parts are coded); one that cannot is sent as application/octet-stream.
    """

    name: str
    content: bytes
    media_type: str = "application/octet-stream"
    description: str = ""
    charset: str = ""  # charset parameter, for text


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a letter says. Texts are any characters, with any line ends.

    Chance and time are given: `token` (16 to 64 letters and digits) makes the
    Message-ID and the boundaries, `date` is aware.
    """

    date: datetime
    token: str
    from_: tuple[Mailbox, ...]
    sender: Mailbox | None = None
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    message_id: str = ""  # "<…>"; "" makes one of token and domain
    domain: str = ""  # of the Message-ID; "" is the author's
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # X-… and others, in order
    text: str | None = None
    html: str | None = None
    inline: tuple[File, ...] = ()  # the HTML refers to them as cid:name
    attachments: tuple[File, ...] = ()
    parts: tuple[Entity, ...] = ()  # finished parts after the attachments
    charset: str = ""  # preferred one where us-ascii does not suffice
    encoding: Encoding = Encoding.AUTO  # of text and HTML
    keep_bcc: bool = False  # write Bcc into the header (a copy for ourselves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A letter ready to go."""

    octets: bytes
    message_id: str
    reverse_path: str  # for MAIL FROM
    recipients: tuple[str, ...]  # for RCPT TO: To, Cc and Bcc, each once
    eight_bit: bool  # BODY=8BITMIME is needed
    smtputf8: bool  # an address in the header or envelope needs SMTPUTF8


def compose(letter: Letter) -> Composed:
    """Write a letter (RFC 5322, RFC 2045 to 2049, 2183, 2231).

    Raises:
        MissingField: no author or no recipient.
        UnsafeValue: CR, LF or NUL in a header value.
        BadValue: not an address, not a field name, not a charset …
        NotInCharset: the asked charset lacks a character of the text.
        EncodingImpossible: the asked encoding cannot carry the text.
    """
    if not letter.from_:
        raise MissingField("From")
    if not (letter.to or letter.cc or letter.bcc):
        raise MissingField("To, Cc or Bcc")
    if not _TOKEN.fullmatch(letter.token):
        raise BadValue("token", "16 to 64 letters and digits")
    author = letter.sender or letter.from_[0]
    message_id = letter.message_id or new_message_id(
        letter.token, letter.domain or author.address.rpartition("@")[2]
    )
    entity = _body(letter)
    fields = [*_fields(letter, message_id)]
    addressed = (*letter.to, *letter.cc, *letter.bcc)
    recipients = unique_addresses(mailboxes_of(addressed))
    reverse_path = wire_address(author.address, "From")
    octets = write_message(fields, entity)
    return Composed(
        octets=octets,
        message_id=message_id,
        reverse_path=reverse_path,
        recipients=recipients,
        eight_bit=entity.eight_bit,
        smtputf8=needs_smtputf8(fields)
        or not "".join((reverse_path, *recipients)).isascii(),
    )


def needs_smtputf8(fields: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a header has UTF-8 in it (RFC 6531 §3.4)."""
    return not all(field.isascii() for _, field in fields)


def unique_addresses(mailboxes: Iterable[Mailbox]) -> tuple[str, ...]:
    """Envelope addresses in order, each once (domains compare without case)."""
    found: dict[tuple[str, str], str] = {}
    for mailbox in mailboxes:
        address = wire_address(mailbox.address)
        local, _, domain = address.rpartition("@")
        found.setdefault((local, domain.lower()), address)
    return tuple(found.values())


def new_message_id(token: str, domain: str) -> str:
    """A Message-ID of chance and a domain (RFC 5322 §3.6.4)."""
    right = wire_address(f"x@{domain}", "Message-ID").partition("@")[2]
    return f"<{token}@{right}>"


def _fields(letter: Letter, message_id: str) -> Iterable[tuple[str, bytes]]:
    charset = letter.charset
    yield "Date", date_field("Date", letter.date)
    yield "From", address_list("From", letter.from_, charset)
    yield "Subject", unstructured("Subject", letter.subject, charset)
    sender = letter.sender
    if sender is None and len(letter.from_) > 1:
        sender = letter.from_[0]  # required with several authors (RFC 5322 §3.6.2)
    if sender is not None and (sender,) != letter.from_:
        yield "Sender", address_list("Sender", [sender], charset)
    yield from _addressees(letter)
    for name, ids in (
        ("Message-ID", (message_id,)),
        ("In-Reply-To", letter.in_reply_to),
        ("References", bounded_references(letter.references)),
    ):
        if ids:
            yield name, message_ids(name, ids)
    for name, value in letter.headers:
        check_name(name)
        if name.lower() in OWN_FIELDS:
            raise BadValue(name, "has its own place and cannot be given as a header")
        yield name, unstructured(name, value, charset)


def date_field(name: str, date: datetime) -> bytes:
    """A date as RFC 5322 §3.3 writes it, in any locale the same.

    Raises:
        BadValue: no time zone, or a year before 1900 (RFC 5322 §3.3).
    """
    offset = date.utcoffset()
    if offset is None:
        raise BadValue(name, "needs a time zone")
    if date.year < 1900:
        raise BadValue(name, "a year before 1900")
    return plain(
        name, format_date(int(date.timestamp()), int(offset.total_seconds()) // 60)
    )


def _addressees(letter: Letter) -> Iterable[tuple[str, bytes]]:
    charset = letter.charset
    bcc = letter.bcc if letter.keep_bcc else ()
    to = letter.to
    if not (to or letter.cc or bcc):
        to = (UNDISCLOSED,)  # only blind copies, of which nothing may be seen
    for name, addresses in (
        ("To", to),
        ("Cc", letter.cc),
        ("Bcc", bcc),
        ("Reply-To", letter.reply_to),
    ):
        if addresses:
            yield name, address_list(name, addresses, charset)


def bounded_references(ids: Sequence[str]) -> tuple[str, ...]:
    """The first id and the last ones, each once (RFC 5322 §3.6.4, RFC 1036)."""
    unique = tuple(dict.fromkeys(ids))
    if len(unique) <= MAX_REFERENCES:
        return unique
    return (unique[0], *unique[1 - MAX_REFERENCES :])


# -- the body ------------------------------------------------------------------


def _body(letter: Letter) -> Entity:
    """Text, alternative, related and mixed, as far as each is needed."""
    tokens = (f"{letter.token[:36]}{letter_}" for letter_ in "arm")
    alternative, related, mixed = tokens
    html = _html(letter, related)
    if letter.text is not None or html is None:
        body = text_entity(
            letter.text or "", charset=letter.charset, encoding=letter.encoding
        )
        if html is not None:
            body = multipart("alternative", [body, html], token=alternative)
    else:
        body = html
    others = [
        *(_attached(letter, file) for file in letter.attachments),
        *letter.parts,
    ]
    if html is None:  # nothing refers to them, but they were meant to be seen
        others = [*(_inline(letter, n) for n in range(len(letter.inline))), *others]
    if not others:
        return body
    if letter.text is None and letter.html is None:
        return multipart("mixed", others, token=mixed)
    return multipart("mixed", [body, *others], token=mixed)


def _html(letter: Letter, token: str) -> Entity | None:
    """The HTML part, with the files it shows (RFC 2387, RFC 2557)."""
    if letter.html is None:
        return None
    html = letter.html
    for number, file in enumerate(letter.inline):
        content_id = _content_id(letter, number)
        if content_id != f"<{file.name}>":
            html = html.replace(f"cid:{file.name}", f"cid:{content_id[1:-1]}")
    page = text_entity(
        html, subtype="html", charset=letter.charset, encoding=letter.encoding
    )
    if not letter.inline:
        return page
    shown = [_inline(letter, number) for number in range(len(letter.inline))]
    return multipart(
        "related", [page, *shown], token=token, parameters=[("type", "text/html")]
    )


def _content_id(letter: Letter, number: int) -> str:
    """What `cid:` and the file's name refers to (RFC 2392).

    LIBERTY: a plain file name stands there as it is, without the @ that a
    message id has, so that the HTML need not be changed; every reader compares
    the whole. For other names an id is made and the HTML is changed.
    """
    name = letter.inline[number].name
    if _DOT_ATOM.fullmatch(name) and len(name) <= 200:
        return f"<{name}>"
    right = new_message_id("x", letter.from_[0].address.rpartition("@")[2])
    return f"<{letter.token}.{number}{right[2:]}"


def _inline(letter: Letter, number: int) -> Entity:
    return _file(letter, letter.inline[number], "inline", _content_id(letter, number))


def _attached(letter: Letter, file: File) -> Entity:
    return _file(letter, file, "attachment", "")


def _file(letter: Letter, file: File, disposition: str, content_id: str) -> Entity:
    check_value("file name", file.name)
    if not _MEDIA_TYPE.fullmatch(file.media_type):
        raise BadValue("Content-Type", f"{file.media_type[:80]!r} is no media type")
    described = Described(
        disposition=disposition,
        filename=file.name,
        content_id=content_id,
        description=file.description,
        charset=letter.charset,
    )
    media_type = file.media_type.lower()
    if media_type == "message/rfc822":
        message = as_message_entity(file.content, described)
        if message is not None:
            return message
    if media_type.startswith(("message/", "multipart/")):
        media_type = "application/octet-stream"
    parameters = [("charset", file.charset)] if file.charset else []
    return file_entity(
        file.content, media_type, described=described, parameters=parameters
    )


def as_message_entity(octets: bytes, described: Described) -> Entity | None:
    """A message as a message/rfc822 part, 7-bit if that can be.

    None if it cannot travel as lines at all.
    """
    lines = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    converted = convert.to_seven_bit(lines)
    try:
        return message_entity(
            lines if converted.obstacles else converted.octets, described=described
        )
    except EncodingImpossible:
        return None
