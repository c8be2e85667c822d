"""IMAP BODYSTRUCTURE and BODY of a message, ready for the wire (RFC 3501 §7.4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.message.envelope import envelope
from pyeonji.message.scan import MESSAGE_TYPES
from pyeonji.message.wire import nstring, string

if TYPE_CHECKING:
    from pyeonji.message.parameters import Parametrised, RawParameters
    from pyeonji.message.scan import Part

_DEFAULT_CHARSET: Final = b'("charset" "us-ascii")'  # RFC 2045 §5.2
_NO_ENVELOPE: Final = b"(" + b" ".join([b"NIL"] * 10) + b")"
_NO_TEXT: Final = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
_NO_EXTENSION: Final = b" NIL NIL NIL NIL"


def body_structure(root: Part) -> bytes:
    """BODYSTRUCTURE octets, with all extension data."""
    return _write(root, extended=True)


def body(root: Part) -> bytes:
    """BODY octets: the same without extension data."""
    return _write(root, extended=False)


def _write(root: Part, *, extended: bool) -> bytes:
    """Write inner parts first; what is finished waits in `done` for its parent."""
    if not root.children and root.message is None:
        return _leaf(root, b"", extended=extended)
    done: dict[int, bytes] = {}
    for part in reversed(list(root.walk())):
        if part.is_multipart:
            inside = b"".join([done.pop(id(child)) for child in part.children])
            done[id(part)] = _multipart(part, inside, extended=extended)
        elif part.message is not None:
            held = b" %b %b" % (
                envelope(part.message.header),
                done.pop(id(part.message)),
            )
            done[id(part)] = _leaf(part, held, extended=extended)
        else:
            done[id(part)] = _leaf(part, b"", extended=extended)
    return done[id(root)]


def _multipart(part: Part, inside: bytes, *, extended: bool) -> bytes:
    subtype = string(part.type.partition("/")[2].encode())
    if not extended:
        return b"(%b %b)" % (inside, subtype)
    return b"(%b %b %b %b)" % (
        inside,
        subtype,
        parameter_list(part.content_type.parameters),
        _tail(part),
    )


def _leaf(part: Part, held: bytes, *, extended: bool) -> bytes:
    content_type, header = part.content_type, part.header
    main, _, subtype = content_type.value.partition("/")
    lines = b""
    parameters = parameter_list(content_type.parameters)
    if main == "text":
        lines = b" %d" % part.lines
        if content_type.first(b"charset") is None:
            parameters = _with_charset(parameters)
    elif content_type.value in MESSAGE_TYPES:
        if not held:
            tail = _NO_EXTENSION if extended else b""
            held = b" %b %b%b)" % (_NO_ENVELOPE, _NO_TEXT, tail)
        lines = b" %d" % part.lines
    written = b'("%b" %b %b %b %b %b %d%b%b' % (
        main.encode(),
        string(subtype.encode()),
        parameters,
        nstring(header.unfolded(b"content-id")),
        nstring(header.unfolded(b"content-description")),
        string(part.encoding.encode()),
        part.size_octets,
        held,
        lines,
    )
    if not extended:
        return written + b")"
    md5 = nstring(header.unfolded(b"content-md5"))
    return b"%b %b %b)" % (written, md5, _tail(part))


def _with_charset(parameters: bytes) -> bytes:
    if parameters == b"NIL":
        return _DEFAULT_CHARSET
    return parameters[:-1] + b" " + _DEFAULT_CHARSET[1:]


def _tail(part: Part) -> bytes:
    """Disposition, language and location."""
    header = part.header
    if (
        b"content-disposition" not in header
        and b"content-language" not in header
        and b"content-location" not in header
    ):
        return b"NIL NIL NIL"
    return b"%b %b %b" % (
        _disposition(part.disposition),
        _language(part.language),
        nstring(header.unfolded(b"content-location")),
    )


def _disposition(disposition: Parametrised | None) -> bytes:
    if disposition is None or not disposition.value:
        return b"NIL"
    kind = string(disposition.value.encode("ascii", "replace"))
    return b"(%b %b)" % (kind, parameter_list(disposition.parameters))


def _language(tags: tuple[str, ...]) -> bytes:
    if not tags:
        return b"NIL"
    if len(tags) == 1:
        return string(tags[0].encode("ascii", "replace"))
    return b"(%b)" % b" ".join([string(t.encode("ascii", "replace")) for t in tags])


def parameter_list(parameters: RawParameters) -> bytes:
    """Names and values as they stand there, or NIL for none."""
    if not parameters:
        return b"NIL"
    written: list[bytes] = []
    for name, value in parameters:
        written += (string(name), string(value))
    return b"(%b)" % b" ".join(written)
