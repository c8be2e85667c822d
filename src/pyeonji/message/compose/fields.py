"""Header fields, one function for each syntax; all give folded lines with CRLF.

No value can leave its field: CR, LF and NUL are refused everywhere
(`UnsafeValue`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.characters import choose_charset
from pyeonji.message.compose.errors import BadValue
from pyeonji.message.compose.fold import PREFERRED, fold
from pyeonji.message.compose.mailboxes import address_units, check_value
from pyeonji.message.compose.words import MAX_WORD, encoded_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.message.compose.mailboxes import Address

MAX_NAME: Final = 70  # octets of a field name: it must fit a line with a value
MAX_PARAMETER: Final = 60  # octets of a parameter's value before it is cut up
MAX_SPACES: Final = 8  # more spaces in a row are kept by encoding them
MAX_MESSAGE_ID: Final = 900  # octets; a longer one cannot be referred to
MAX_REFERENCES: Final = 25  # ids kept in References: the first and the last ones

_NAME: Final = re.compile(r"[!-9;-~]+")  # RFC 5322 §2.2
_PIECE: Final = re.compile(r" *[^ ]+| +\Z")
_PLAIN: Final = re.compile(r"[!-~]+")
# RFC 2045 §5.1, without * ' %, which readers of RFC 2231 look for
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&+\-.^_`{|}~]+")
_PRINTABLE: Final = re.compile(r"[ -~]*")
_MESSAGE_ID: Final = re.compile(r"<[!-;=?-~]+>")
_ATTRIBUTE: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`{|}~"
)  # RFC 2231 §7 attribute-char
_UNSTRUCTURED: Final = frozenset(
    {"subject", "comments", "content-description", "organization", "thread-topic"}
)

_ORDER: Final = {
    name: place
    for place, name in enumerate(
        (
            "return-path",
            "received",
            "date",
            "from",
            "subject",
            "sender",
            "to",
            "cc",
            "bcc",
            "reply-to",
            "message-id",
            "in-reply-to",
            "references",
            "mime-version",
        )
    )
}


def field_place(name: str) -> int:
    """Where a field stands in a header: sort by this, keeping equals in order."""
    lower = name.lower()
    if lower.startswith("content-"):
        return len(_ORDER)
    if lower.startswith("x-"):
        return len(_ORDER) + 2
    return _ORDER.get(lower, len(_ORDER) + 1)


def check_name(name: str) -> None:
    """Refuse what is not a field name (RFC 5322 §2.2)."""
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise BadValue("header", f"{name[:MAX_NAME]!r} is not a field name")


def unstructured(name: str, text: str, charset: str = "") -> bytes:
    """A field of free text (RFC 5322 §2.2.1), characters as encoded words.

    From the first to the last word that needs it all is encoded; what stands
    before and after stays plain. A word too long for a line is encoded too, so
    that it can be folded, where the field is known to be free text.
    """
    check_value(name, text)
    pieces = _PIECE.findall(text)
    splittable = name.lower() in _UNSTRUCTURED or name.lower().startswith("x-")
    longest = PREFERRED if splittable else len(text)
    marked = [
        index
        for index, piece in enumerate(pieces)
        if _must_encode(piece, longest, first=index == 0)
    ]
    if not marked:
        return fold(name, [[piece.encode("ascii")] for piece in _spaced(pieces)])
    first, last = marked[0], marked[-1]
    head = [piece.encode("ascii") for piece in _spaced(pieces)[:first]]
    middle = "".join(pieces[first : last + 1])
    if first:
        middle = middle[1:]  # this space stands outside
    column = len(fold(name, [[token] for token in head]).rsplit(b"\r\n", 2)[-2])
    words = encoded_words(middle, charset, min(PREFERRED - column - 1, MAX_WORD))
    tail = [piece.encode("ascii") for piece in pieces[last + 1 :]]
    return fold(name, [[t] for t in (*head, *(b" " + w for w in words), *tail)])


def _spaced(pieces: list[str]) -> list[str]:
    return [" " + pieces[0], *pieces[1:]] if pieces else []


def _must_encode(piece: str, longest: int, *, first: bool) -> bool:
    body = piece.lstrip(" ")
    spaces = len(piece) - len(body)
    return (
        not _PLAIN.fullmatch(body)
        or "=?" in body
        or len(body) > longest
        or spaces > (0 if first else MAX_SPACES)
    )


def address_list(name: str, addresses: Sequence[Address], charset: str = "") -> bytes:
    """A field of addresses (RFC 5322 §3.6.2 and §3.6.3)."""
    return fold(name, address_units(addresses, charset, name, len(name) + 2))


def message_ids(name: str, ids: Sequence[str]) -> bytes:
    """A field of message ids (RFC 5322 §3.6.4).

    Raises:
        BadValue: an id is not of the form <…>, all ASCII without spaces.
    """
    for message_id in ids:
        check_value(name, message_id)
        if not is_message_id(message_id):
            raise BadValue(name, f"{message_id[:80]!r} is not a message id")
    return fold(name, [[b" " + message_id.encode("ascii")] for message_id in ids])


def is_message_id(text: str) -> bool:
    """Whether this may stand in Message-ID, also where it lacks the @."""
    return len(text) <= MAX_MESSAGE_ID and _MESSAGE_ID.fullmatch(text) is not None


def plain(name: str, value: str) -> bytes:
    """A field whose value is ASCII and short, such as a date or a version."""
    check_value(name, value)
    if not _PRINTABLE.fullmatch(value):
        raise BadValue(name, f"{value[:80]!r}: only printable ASCII can stand here")
    return fold(name, [[b" " + word.encode("ascii")] for word in value.split(" ")])


def parametrised(
    name: str,
    value: str,
    parameters: Iterable[tuple[str, str]],
    charset: str = "",
) -> bytes:
    """A field such as Content-Type: a value and parameters (RFC 2045 §5.1).

    Values that are not ASCII or too long for a line are written by RFC 2231.
    """
    check_value(name, value)
    units: list[list[bytes]] = [[b" " + value.encode("ascii")]]
    for attribute, text in parameters:
        check_value(name, text)
        for token in _parameter(attribute, text, charset):
            units[-1][-1] += b";"
            units.append([b" " + token])
    return fold(name, units)


def _parameter(attribute: str, text: str, charset: str) -> list[bytes]:
    if not _PRINTABLE.fullmatch(text) or text != text.strip():
        return _extended(attribute, text, charset)  # readers strip outer spaces
    if _TOKEN.fullmatch(text) and len(text) <= MAX_PARAMETER:
        return [f"{attribute}={text}".encode("ascii")]
    if len(text) <= MAX_PARAMETER:
        return [_quoted(attribute, text)]
    return [
        _quoted(f"{attribute}*{number}", text[start : start + MAX_PARAMETER])
        for number, start in enumerate(range(0, len(text), MAX_PARAMETER))
    ]


def _quoted(attribute: str, text: str) -> bytes:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{attribute}="{escaped}"'.encode("ascii")


def _extended(attribute: str, text: str, charset: str) -> list[bytes]:
    """Characters in a parameter (RFC 2231 §4), in pieces if long (§3)."""
    label, octets = choose_charset(text, charset)
    pieces = [f"{label}''".encode("ascii")]
    for octet in octets:
        coded = bytes([octet]) if octet in _ATTRIBUTE else b"%%%02X" % octet
        if len(pieces[-1]) + len(coded) > MAX_PARAMETER:
            pieces.append(b"")
        pieces[-1] += coded
    key = attribute.encode("ascii")
    if len(pieces) == 1:
        return [b"%b*=%b" % (key, pieces[0])]
    return [b"%b*%d*=%b" % (key, n, piece) for n, piece in enumerate(pieces)]
