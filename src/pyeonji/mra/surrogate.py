"""Letters with UTF-8 headers for clients that did not say UTF8 (RFC 6856 §2.1).

What stands in fields of free text becomes encoded words. A display name does,
too; an address that is not ASCII has no other form, so it becomes the name of
an empty group (RFC 6858 §2.1.1): it can be read, but not answered by mistake.
Names of files are written by RFC 2231. In all other fields each octet that is
not ASCII becomes a question mark. Headers of parts are treated as the letter's
own, but not below a signature; what stands in the parts stays as it is.

LIBERTY: LIST keeps saying the size of the letter itself, which only a client
that says UTF8 gets octet for octet (RFC 6856 §2.1 says SHOULD).
QUIRK: octets that are no UTF-8 (Korean mail of the nineties, and much spam) go
as they came; clients have always had to guess there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_HEADER_OCTETS
from pyeonji.message.address import parse_addresses
from pyeonji.message.compose.errors import BadValue
from pyeonji.message.compose.fields import address_list, parametrised, unstructured
from pyeonji.message.compose.mailboxes import Group
from pyeonji.message.compose.replies import written_addresses
from pyeonji.message.parameters import decode_parameters, parse_parametrised
from pyeonji.message.scan import scan
from pyeonji.message.words import decode_unstructured
from pyeonji.storage.content import StoredOctets

if TYPE_CHECKING:
    import mmap

    from pyeonji.message.compose.mailboxes import Address

MAX_SCANNED: Final = 1024 * 1024
"""Larger letters are not looked through for headers of parts."""

_ADDRESSES: Final = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc"
    b" resent-bcc resent-reply-to disposition-notification-to".split()
)
_FREE_TEXT: Final = frozenset(
    b"subject comments keywords content-description organization thread-topic".split()
)
_PARAMETRISED: Final = frozenset((b"content-type", b"content-disposition"))
_CLOSED: Final = frozenset(("multipart/signed", "multipart/encrypted"))
_COMPOSITE: Final = re.compile(rb"(?im)^content-type:\s*(?:multipart|message)/")
_FIELD: Final = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*|[^\n]+\Z")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")


def surrogate(message: StoredOctets) -> StoredOctets:
    """The letter as a client without UTF8 may get it; most are as they are."""
    prefix, body = message.prefix, message.body
    if isinstance(body, bytes) and prefix.isascii() and body.isascii():
        return message
    end = _header_end(body)
    header = prefix + body[:end]
    rest = _with_parts(header, body, end)
    if _is_readable(header):
        return message if rest is None else StoredOctets(prefix=header, body=rest)
    return StoredOctets(
        prefix=_rewritten(header), body=body[end:] if rest is None else rest
    )


def _header_end(body: bytes | mmap.mmap) -> int:
    end = 0
    if not body[:2].startswith((b"\r\n", b"\n")):
        limit = min(len(body), MAX_HEADER_OCTETS)
        found = _HEADER_END.search(body, 0, limit)
        end = found.end() if found is not None else limit
    return end


def _is_readable(header: bytes) -> bool:
    """Whether a header needs no rewriting, or cannot be helped."""
    if header.isascii():
        return True
    try:
        header.decode()
    except UnicodeDecodeError:
        return True
    return False


def _rewritten(header: bytes) -> bytes:
    return b"".join(map(_ascii, _FIELD.findall(header)))


def _with_parts(header: bytes, body: bytes | mmap.mmap, end: int) -> bytes | None:
    """What follows the header, with headers of parts in ASCII; None: as it is."""
    if not isinstance(body, bytes) or len(body) > MAX_SCANNED or body.isascii():
        return None
    if _COMPOSITE.search(header) is None:
        return None
    octets = header + body[end:]
    edits: list[tuple[int, int]] = []
    waiting = [scan(octets, all_lines=False)]
    while waiting:
        part = waiting.pop()
        if part.header_start and not _is_readable(
            octets[part.header_start : part.body_start]
        ):
            edits.append((part.header_start, part.body_start))
        if part.type in _CLOSED:  # one changed octet breaks it (RFC 1847 §2.1)
            continue
        waiting += part.children
        waiting += [part.message] if part.message is not None else []
    if not edits:
        return None
    pieces = []
    at = len(header)
    for first, last in sorted(edits):
        pieces += [octets[at:first], _rewritten(octets[first:last])]
        at = last
    return b"".join([*pieces, octets[at:]])


def _ascii(field: bytes) -> bytes:
    if field.isascii():
        return field
    name, colon, value = field.partition(b":")
    key = name.strip().lower()
    try:
        if colon and name.isascii() and key in _ADDRESSES:
            addresses = written_addresses(parse_addresses(value))
            rewritten = address_list(name.decode(), [_nameable(a) for a in addresses])
            if rewritten.isascii():
                return rewritten
        elif colon and name.isascii() and (key in _FREE_TEXT or key[:2] == b"x-"):
            return unstructured(name.decode(), decode_unstructured(value))
        elif colon and name.isascii() and key in _PARAMETRISED:
            said = parse_parametrised(value)
            if said.value.isascii():
                given = decode_parameters(said.parameters)
                return parametrised(name.decode(), said.value, given.items())
    except BadValue:
        pass
    return _NOT_ASCII.sub(b"?", field)


def _nameable(address: Address) -> Address:
    """An address that ASCII can hold, or a group that is named like it."""
    if isinstance(address, Group):
        if all(member.address.isascii() for member in address.members):
            return address
        listed = ", ".join(member.address for member in address.members)
        return Group(name=f"{address.name}: {listed}", members=())
    if address.address.isascii():
        return address
    name = f"{address.name} {address.address}" if address.name else address.address
    return Group(name=name, members=())
