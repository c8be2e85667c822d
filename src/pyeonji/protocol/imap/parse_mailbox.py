"""Parsing the commands that are not about single messages (RFC 3501 §6.1-6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.commands import (
    Authenticate,
    Create,
    Delete,
    Enable,
    Id,
    Login,
    Rename,
    Select,
    Status,
    Subscribe,
)
from pyeonji.protocol.imap.encoding import BadBase64, decode_base64
from pyeonji.protocol.imap.limits import MAX_PATTERN_OCTETS
from pyeonji.protocol.imap.parse_list import status_items
from pyeonji.protocol.imap.parse_sync import select_parameters
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments

_MAX_ID_FIELDS: Final = 30  # RFC 2971 §3.3


def _utf8(octets: bytes, what: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadSyntax(f"{what} is not UTF-8") from None


def mailbox(arguments: Arguments) -> str:
    """A mailbox name, decoded; INBOX in any case is "INBOX"."""
    return mailbox_name(arguments.astring(), utf8=arguments.utf8)


def mailbox_name(octets: bytes, *, utf8: bool = False) -> str:
    """A mailbox name from an astring; INBOX in any case is "INBOX".

    `utf8`: the client has enabled UTF-8 (RFC 6855 §3); else modified UTF-7.
    """
    if len(octets) > MAX_PATTERN_OCTETS:
        raise BadSyntax("mailbox name too long")
    try:
        # 8-bit octets can only be meant as UTF-8, enabled or not
        as_utf8 = utf8 or not octets.isascii()
        name = (names.decode_utf8 if as_utf8 else names.decode)(octets)
    except names.BadName as error:
        raise BadSyntax(str(error)) from None
    return "INBOX" if name.upper() == "INBOX" else name


def parse_id(tag: bytes, arguments: Arguments) -> Id:
    """ID SP (nil / "(" field value … ")") (RFC 2971 §4)."""
    arguments.space()
    fields: dict[str, str | None] = {}
    if arguments.take(b"("):
        while not arguments.take(b")"):
            if fields:
                arguments.space()
            if len(fields) == _MAX_ID_FIELDS:
                raise BadSyntax("too many fields")
            name = arguments.string().decode("utf-8", "replace").lower()
            arguments.space()
            fields[name] = _nstring(arguments)
    elif arguments.word() != b"NIL":
        raise BadSyntax("expected NIL or a list")
    arguments.end()
    return Id(tag=tag, fields=fields)


def _nstring(arguments: Arguments) -> str | None:
    if arguments.peek() == 0x22 or arguments.at_literal():
        return arguments.string().decode("utf-8", "replace")
    if arguments.word() != b"NIL":
        raise BadSyntax("expected NIL or a string")
    return None


def parse_authenticate(tag: bytes, arguments: Arguments) -> Authenticate:
    """AUTHENTICATE SP mechanism [SP initial response] (RFC 4959 §7)."""
    arguments.space()
    mechanism = arguments.word().decode("ascii")
    initial = None
    if not arguments.at_end():
        arguments.space()
        coded = arguments.rest()
        try:
            initial = b"" if coded == b"=" else decode_base64(coded)
        except BadBase64:
            raise BadSyntax("bad base64") from None
    arguments.end()
    return Authenticate(tag=tag, mechanism=mechanism, initial=initial)


def parse_login(tag: bytes, arguments: Arguments) -> Login:
    """LOGIN SP userid SP password."""
    arguments.space()
    user = _utf8(arguments.astring(), "user name")
    arguments.space()
    password = _utf8(arguments.astring(), "password")
    arguments.end()
    return Login(tag=tag, user=user, password=password)


def parse_enable(tag: bytes, arguments: Arguments) -> Enable:
    """ENABLE 1*(SP capability)."""
    wanted = []
    while not arguments.at_end():
        arguments.space()
        wanted.append(arguments.word())
    if not wanted:
        raise BadSyntax("missing argument")
    return Enable(tag=tag, capabilities=tuple(wanted))


def parse_select(tag: bytes, arguments: Arguments) -> Select:
    """SELECT SP mailbox [SP "(" parameters ")"]."""
    return _select(tag, arguments, read_only=False)


def parse_examine(tag: bytes, arguments: Arguments) -> Select:
    """EXAMINE SP mailbox [SP "(" parameters ")"]."""
    return _select(tag, arguments, read_only=True)


def _select(tag: bytes, arguments: Arguments, *, read_only: bool) -> Select:
    arguments.space()
    name = mailbox(arguments)
    condstore, resync = False, None
    if not arguments.at_end():
        condstore, resync = select_parameters(arguments)
    arguments.end()
    return Select(
        tag=tag, mailbox=name, read_only=read_only, condstore=condstore, resync=resync
    )


def _only_mailbox(arguments: Arguments) -> str:
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    return name


def parse_create(tag: bytes, arguments: Arguments) -> Create:
    r"""CREATE SP mailbox [SP "(USE (\attribute …))"] (RFC 6154 §6)."""
    arguments.space()
    octets = arguments.astring()
    if octets.endswith(b"/") and len(octets) > 1:
        octets = octets[:-1]  # "names below will come" (RFC 3501 §6.3.3)
    uses: tuple[bytes, ...] = ()
    if not arguments.at_end():
        arguments.space()
        arguments.expect(b"(")
        if arguments.word() != b"USE":
            raise BadSyntax("unknown CREATE parameter")
        arguments.space()
        uses = arguments.flag_list()
        arguments.expect(b")")
        arguments.end()
    return Create(tag=tag, mailbox=mailbox_name(octets, utf8=arguments.utf8), uses=uses)


def parse_delete(tag: bytes, arguments: Arguments) -> Delete:
    """DELETE SP mailbox."""
    return Delete(tag=tag, mailbox=_only_mailbox(arguments))


def parse_rename(tag: bytes, arguments: Arguments) -> Rename:
    """RENAME SP mailbox SP mailbox."""
    arguments.space()
    old = mailbox(arguments)
    return Rename(tag=tag, mailbox=old, new_name=_only_mailbox(arguments))


def parse_subscribe(tag: bytes, arguments: Arguments) -> Subscribe:
    """SUBSCRIBE SP mailbox."""
    return Subscribe(tag=tag, mailbox=_only_mailbox(arguments), wanted=True)


def parse_unsubscribe(tag: bytes, arguments: Arguments) -> Subscribe:
    """UNSUBSCRIBE SP mailbox."""
    return Subscribe(tag=tag, mailbox=_only_mailbox(arguments), wanted=False)


def parse_status(tag: bytes, arguments: Arguments) -> Status:
    """STATUS SP mailbox SP "(" status-att … ")"."""
    arguments.space()
    name = mailbox(arguments)
    arguments.space()
    items = status_items(arguments)
    arguments.end()
    return Status(tag=tag, mailbox=name, items=items)
