"""Letters with UTF-8 headers for clients that did not say UTF8 (RFC 6856 §2.1).

What stands in fields of free text becomes encoded words. A display name does,
too; an address that is not ASCII has no other form, so it becomes the name of
an empty group (RFC 6858 §2.1.1): it can be read, but not answered by mistake.
In all other fields each octet that is not ASCII becomes a question mark. The
body stays as it is.

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
from pyeonji.message.compose.fields import address_list, unstructured
from pyeonji.message.compose.mailboxes import Group
from pyeonji.message.compose.replies import written_addresses
from pyeonji.message.words import decode_unstructured
from pyeonji.storage.content import StoredOctets

if TYPE_CHECKING:
    from pyeonji.message.compose.mailboxes import Address

_ADDRESSES: Final = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc"
    b" resent-bcc resent-reply-to disposition-notification-to".split()
)
_FREE_TEXT: Final = frozenset(
    b"subject comments keywords content-description organization thread-topic".split()
)
_FIELD: Final = re.compile(rb"[^\n]*\n(?:[ \t][^\n]*\n)*|[^\n]+\Z")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")


def surrogate(message: StoredOctets) -> StoredOctets:
    """The letter as a client without UTF8 may get it; most are as they are."""
    prefix, body = message.prefix, message.body
    if isinstance(body, bytes) and prefix.isascii() and body.isascii():
        return message
    end = 0
    if not body[:2].startswith((b"\r\n", b"\n")):
        limit = min(len(body), MAX_HEADER_OCTETS)
        found = _HEADER_END.search(body, 0, limit)
        end = found.end() if found is not None else limit
    header = prefix + body[:end]
    if header.isascii():
        return message
    try:
        header.decode()
    except UnicodeDecodeError:
        return message
    rewritten = b"".join(map(_ascii, _FIELD.findall(header)))
    return StoredOctets(prefix=rewritten, body=body[end:])


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
