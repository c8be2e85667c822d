"""Parsing the commands of RFC 5464, RFC 4314 and RFC 9208."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands import (
    DeleteAcl,
    GetAcl,
    GetMetadata,
    GetQuota,
    GetQuotaRoot,
    ListRights,
    MyRights,
    SetAcl,
    SetMetadata,
    SetQuota,
)
from pyeonji.protocol.imap.parse_list import MAX_ENTRIES, entry_name, entry_names
from pyeonji.protocol.imap.parse_mailbox import mailbox
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments

MAX_IDENTIFIER: Final = 512
"""Octets of an identifier or quota root."""

MAX_RESOURCES: Final = 16
"""Of one SETQUOTA."""

_DEPTHS: Final[dict[bytes, int | None]] = {b"0": 0, b"1": 1, b"INFINITY": None}


# -- METADATA (RFC 5464 §5)


def parse_get_metadata(tag: bytes, arguments: Arguments) -> GetMetadata:
    """GETMETADATA [SP options] SP mailbox [SP options] SP entries.

    The options stand before the mailbox in the grammar and behind it in the
    examples of RFC 5464 §4.2; both are taken (erratum 2785).
    """
    arguments.space()
    options: dict[bytes, int | None] = {}
    if arguments.take(b"("):
        options = _options(arguments)
        arguments.space()
    name = mailbox(arguments)
    arguments.space()
    mark = arguments.mark()
    if not options and arguments.take(b"("):
        word = arguments.peek()
        if word in b'/"' or arguments.at_literal():
            arguments.reset(mark)
        else:
            options = _options(arguments)
            arguments.space()
    entries = entry_names(arguments)
    arguments.end()
    return GetMetadata(
        tag=tag,
        mailbox=name,
        entries=entries,
        depth=options.get(b"DEPTH", 0),
        max_size=options.get(b"MAXSIZE"),
    )


def _options(arguments: Arguments) -> dict[bytes, int | None]:
    found: dict[bytes, int | None] = {}
    while not arguments.take(b")"):
        if found:
            arguments.space()
        word = arguments.word()
        if word in found:
            raise BadSyntax("an option is given twice")
        arguments.space()
        if word == b"MAXSIZE":
            found[word] = arguments.number()
        elif word == b"DEPTH":
            depth = arguments.word()
            if depth not in _DEPTHS:
                raise BadSyntax("DEPTH is 0, 1 or infinity")
            found[word] = _DEPTHS[depth]
        else:
            raise BadSyntax("unknown option")
    return found


def parse_set_metadata(tag: bytes, arguments: Arguments) -> SetMetadata:
    """SETMETADATA SP mailbox SP "(" entry SP value … ")"."""
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    arguments.expect(b"(")
    values: dict[str, bytes | None] = {}
    while True:
        entry = entry_name(arguments)
        if len(values) == MAX_ENTRIES:
            raise BadSyntax("too many entries")
        arguments.space()
        values[entry] = _value(arguments)
        if arguments.take(b")"):
            break
        arguments.space()
    arguments.end()
    return SetMetadata(tag=tag, mailbox=name, values=tuple(values.items()))


def _value(arguments: Arguments) -> bytes | None:
    if arguments.peek() == 0x22 or arguments.at_literal():
        return arguments.string()
    if arguments.word() != b"NIL":
        raise BadSyntax("expected NIL or a string")
    return None


# -- ACL (RFC 4314 §7)


def _text(arguments: Arguments, what: str) -> str:
    octets = arguments.astring()
    if len(octets) > MAX_IDENTIFIER:
        raise BadSyntax(f"{what} too long")
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax(f"{what} is not UTF-8") from None
    if any(unicodedata.category(character)[0] == "C" for character in text):
        raise BadSyntax(f"control characters in {what}")
    return text


def _mailbox_and(arguments: Arguments, what: str) -> tuple[str, str]:
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    return name, _text(arguments, what)


def _only_mailbox(arguments: Arguments) -> str:
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    return name


def parse_set_acl(tag: bytes, arguments: Arguments) -> SetAcl:
    """SETACL SP mailbox SP identifier SP mod-rights."""
    name, identifier = _mailbox_and(arguments, "identifier")
    arguments.space()
    rights = _text(arguments, "rights")
    arguments.end()
    return SetAcl(tag=tag, mailbox=name, identifier=identifier, rights=rights)


def parse_delete_acl(tag: bytes, arguments: Arguments) -> DeleteAcl:
    """DELETEACL SP mailbox SP identifier."""
    name, identifier = _mailbox_and(arguments, "identifier")
    arguments.end()
    return DeleteAcl(tag=tag, mailbox=name, identifier=identifier)


def parse_get_acl(tag: bytes, arguments: Arguments) -> GetAcl:
    """GETACL SP mailbox."""
    return GetAcl(tag=tag, mailbox=_only_mailbox(arguments))


def parse_list_rights(tag: bytes, arguments: Arguments) -> ListRights:
    """LISTRIGHTS SP mailbox SP identifier."""
    name, identifier = _mailbox_and(arguments, "identifier")
    arguments.end()
    return ListRights(tag=tag, mailbox=name, identifier=identifier)


def parse_my_rights(tag: bytes, arguments: Arguments) -> MyRights:
    """MYRIGHTS SP mailbox."""
    return MyRights(tag=tag, mailbox=_only_mailbox(arguments))


# -- QUOTA (RFC 9208 §7)


def parse_get_quota(tag: bytes, arguments: Arguments) -> GetQuota:
    """GETQUOTA SP quota-root-name."""
    arguments.space()
    root = _text(arguments, "quota root")
    arguments.end()
    return GetQuota(tag=tag, root=root)


def parse_get_quota_root(tag: bytes, arguments: Arguments) -> GetQuotaRoot:
    """GETQUOTAROOT SP mailbox."""
    return GetQuotaRoot(tag=tag, mailbox=_only_mailbox(arguments))


def parse_set_quota(tag: bytes, arguments: Arguments) -> SetQuota:
    """SETQUOTA SP quota-root-name SP "(" [resource SP limit …] ")"."""
    arguments.space()
    root = _text(arguments, "quota root")
    arguments.space()
    arguments.expect(b"(")
    limits: list[tuple[bytes, int]] = []
    while not arguments.take(b")"):
        if limits:
            arguments.space()
        if len(limits) == MAX_RESOURCES:
            raise BadSyntax("too many resources")
        resource = arguments.word()
        arguments.space()
        limits.append((resource, arguments.number64()))
    arguments.end()
    return SetQuota(tag=tag, root=root, limits=tuple(limits))
