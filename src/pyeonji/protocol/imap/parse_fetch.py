"""Parsing FETCH, STORE, COPY, MOVE and EXPUNGE (RFC 3501 §6.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.commands import (
    Binary,
    Copy,
    Expunge,
    Fetch,
    FetchItem,
    Section,
    SectionText,
    Simple,
    Store,
    StoreMode,
)
from pyeonji.protocol.imap.limits import (
    MAX_FETCH_ITEMS,
    MAX_FIELD_NAMES,
    MAX_SECTION_DEPTH,
)
from pyeonji.protocol.imap.parse_mailbox import mailbox
from pyeonji.protocol.imap.parse_sync import fetch_modifiers, unchanged_since
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax

if TYPE_CHECKING:
    from collections.abc import Mapping

_FAST: Final = (Simple.FLAGS, Simple.INTERNALDATE, Simple.RFC822_SIZE)
MACROS: Final[dict[bytes, tuple[FetchItem, ...]]] = {
    b"ALL": (*_FAST, Simple.ENVELOPE),
    b"FAST": _FAST,
    b"FULL": (*_FAST, Simple.ENVELOPE, Simple.BODY),
}

ITEMS: Final[Mapping[bytes, FetchItem]] = {item.value: item for item in Simple} | {
    b"RFC822": Section(label=b"RFC822"),
    b"RFC822.HEADER": Section(
        label=b"RFC822.HEADER", text=SectionText.HEADER, peek=True
    ),
    b"RFC822.TEXT": Section(label=b"RFC822.TEXT", text=SectionText.TEXT),
}

_BINARY: Final = frozenset({b"BINARY", b"BINARY.PEEK", b"BINARY.SIZE"})
_NAME: Final = re.compile(rb"[A-Za-z0-9.]+")
_PATH: Final = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*")
_SECTION_TEXT: Final = re.compile(rb"[A-Za-z.]+")
_TEXTS: Final = {text.value: text for text in SectionText if text.value}
_WITH_FIELDS: Final = frozenset(
    {SectionText.HEADER_FIELDS, SectionText.HEADER_FIELDS_NOT}
)
_QUOTE_NEEDED: Final = re.compile(rb'[\x00-\x20\x7f-\xff(){%*"\\\]]')


def parse_fetch(tag: bytes, arguments: Arguments) -> Fetch:
    """FETCH SP sequence-set SP (macro / item / list of items)."""
    return _fetch(tag, arguments, by_uid=False)


def parse_uid_fetch(tag: bytes, arguments: Arguments) -> Fetch:
    """UID FETCH; UID is among the items even if not named (RFC 3501 §6.4.8)."""
    return _fetch(tag, arguments, by_uid=True)


def _fetch(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Fetch:
    arguments.space()
    messages = arguments.sequence_set()
    arguments.space()
    found: list[FetchItem] = [Simple.UID] if by_uid else []
    if arguments.take(b"("):
        found.append(_item(arguments, arguments.matched(_NAME, "a fetch item")))
        while not arguments.take(b")"):
            arguments.space()
            if len(found) == MAX_FETCH_ITEMS:
                raise BadSyntax("too many fetch items")
            found.append(_item(arguments, arguments.matched(_NAME, "a fetch item")))
    else:
        name = arguments.matched(_NAME, "a fetch item")
        macro = MACROS.get(name.upper())
        found.extend(macro if macro is not None else [_item(arguments, name)])
    changed_since, vanished, partial = None, False, None
    if not arguments.at_end():
        changed_since, vanished, partial = fetch_modifiers(arguments, by_uid=by_uid)
        if changed_since is not None:
            found.append(Simple.MODSEQ)  # RFC 7162 §3.1.4.1
    arguments.end()
    return Fetch(
        tag=tag,
        by_uid=by_uid,
        messages=messages,
        items=tuple(dict.fromkeys(found)),
        changed_since=changed_since,
        vanished=vanished,
        partial=partial,
    )


def item_list(arguments: Arguments) -> tuple[FetchItem, ...]:
    """Fetch items in parentheses, one at least (RFC 5465 §8)."""
    arguments.expect(b"(")
    found = [_item(arguments, arguments.matched(_NAME, "a fetch item"))]
    while not arguments.take(b")"):
        arguments.space()
        if len(found) == MAX_FETCH_ITEMS:
            raise BadSyntax("too many fetch items")
        found.append(_item(arguments, arguments.matched(_NAME, "a fetch item")))
    return tuple(found)


def _item(arguments: Arguments, name: bytes) -> FetchItem:
    name = name.upper()
    if arguments.peek() == 0x5B and name in {b"BODY", b"BODY.PEEK"}:
        return _section(arguments, peek=name == b"BODY.PEEK")
    if arguments.peek() == 0x5B and name in _BINARY:
        return _binary(arguments, name)
    if name == b"PREVIEW" and arguments.take(b" ("):
        # LAZY may be answered as if it had not been said: ours are at hand
        if arguments.word() != b"LAZY":
            raise BadSyntax("unknown modifier of PREVIEW")
        arguments.expect(b")")
        return Simple.PREVIEW
    item = ITEMS.get(name)
    if item is None:
        raise BadSyntax("unknown fetch item")
    return item


def _binary(arguments: Arguments, name: bytes) -> Binary:
    """BINARY, BINARY.PEEK or BINARY.SIZE, a part in brackets (RFC 3516 §7)."""
    arguments.expect(b"[")
    path, written = _path(arguments)
    arguments.expect(b"]")
    size = name == b"BINARY.SIZE"
    label = b"%b[%b]" % (b"BINARY.SIZE" if size else b"BINARY", written)
    partial = None if size else _partial(arguments)
    if partial is not None:
        label += b"<%d>" % partial[0]
    return Binary(
        label=label, path=path, peek=name != b"BINARY", size=size, partial=partial
    )


def _section(arguments: Arguments, *, peek: bool) -> Section:
    arguments.expect(b"[")
    inside, path, text, fields = _section_spec(arguments)
    arguments.expect(b"]")
    label = b"BODY[%b]" % inside
    partial = _partial(arguments)
    if partial is not None:
        label += b"<%d>" % partial[0]
    return Section(
        label=label, path=path, text=text, fields=fields, peek=peek, partial=partial
    )


def parse_section(spec: bytes, partial: tuple[int, int] | None) -> Section:
    """A section by itself, as a URL has it (RFC 5092 §11: enc-section)."""
    arguments = Arguments([spec])
    inside, path, text, fields = _section_spec(arguments)
    arguments.end()
    return Section(
        label=inside, path=path, text=text, fields=fields, peek=True, partial=partial
    )


def _section_spec(
    arguments: Arguments,
) -> tuple[bytes, tuple[int, ...], SectionText, tuple[bytes, ...]]:
    """What stands between the brackets: as written, path, text, field names."""
    path, label = _path(arguments)
    text = SectionText.ALL
    if path and arguments.take(b"."):
        label += b"."
        text = _section_text(arguments, path)
    elif not path and arguments.peek() not in {0x5D, -1}:
        text = _section_text(arguments, path)
    label += text.value
    if text not in _WITH_FIELDS:
        return label, path, text, ()
    arguments.space()
    names = _header_list(arguments)
    label += b" (%b)" % b" ".join(map(_astring, names))
    return label, path, text, tuple(dict.fromkeys(name.upper() for name in names))


def _path(arguments: Arguments) -> tuple[tuple[int, ...], bytes]:
    """A part number, perhaps none, and how it was written."""
    if not 0x31 <= arguments.peek() <= 0x39:
        return (), b""
    written = arguments.matched(_PATH, "a part number")
    path = tuple(map(int, written.split(b".")))
    if len(path) > MAX_SECTION_DEPTH:
        raise BadSyntax("part path too long")
    return path, written


def _section_text(arguments: Arguments, path: tuple[int, ...]) -> SectionText:
    text = _TEXTS.get(arguments.matched(_SECTION_TEXT, "a section").upper())
    if text is None or (text is SectionText.MIME and not path):
        raise BadSyntax("unknown section")
    return text


def _header_list(arguments: Arguments) -> list[bytes]:
    arguments.expect(b"(")
    names = [_field_name(arguments)]
    while not arguments.take(b")"):
        arguments.space()
        if len(names) == MAX_FIELD_NAMES:
            raise BadSyntax("too many field names")
        names.append(_field_name(arguments))
    return names


def _field_name(arguments: Arguments) -> bytes:
    """A name, which no message has if it isn't ASCII (RFC 5322 §3.6.8).

    Refused, because a client would have to find a literal inside of BODY[…].
    """
    name = arguments.astring()
    if not name.isascii() or b"\r" in name or b"\n" in name:
        raise BadSyntax("not the name of a field")
    return name


def _astring(name: bytes) -> bytes:
    """A header field name as the client may read it back."""
    if name and not _QUOTE_NEEDED.search(name):
        return name
    return b'"%b"' % name.replace(b"\\", rb"\\").replace(b'"', rb"\"")


def _partial(arguments: Arguments) -> tuple[int, int] | None:
    if not arguments.take(b"<"):
        return None
    first = arguments.number64()
    arguments.expect(b".")
    octets = arguments.number64()
    arguments.expect(b">")
    if octets == 0:
        raise BadSyntax("empty partial")
    return first, octets


def parse_store(tag: bytes, arguments: Arguments) -> Store:
    """STORE SP sequence-set SP store-att-flags."""
    return _store(tag, arguments, by_uid=False)


def parse_uid_store(tag: bytes, arguments: Arguments) -> Store:
    """UID STORE."""
    return _store(tag, arguments, by_uid=True)


def _store(tag: bytes, arguments: Arguments, *, by_uid: bool) -> Store:
    arguments.space()
    messages = arguments.sequence_set()
    arguments.space()
    since = None
    if arguments.peek() == 0x28:
        since = unchanged_since(arguments)
        arguments.space()
    word = arguments.word()
    silent = word.endswith(b".SILENT")
    try:
        mode = StoreMode(word.removesuffix(b".SILENT").decode("ascii"))
    except ValueError:
        raise BadSyntax("expected FLAGS, +FLAGS or -FLAGS") from None
    arguments.space()
    if arguments.peek() == 0x28:
        flags = arguments.flag_list()
    else:
        bare = [arguments.flag()]
        while not arguments.at_end():
            arguments.space()
            bare.append(arguments.flag())
        flags = tuple(bare)
    arguments.end()
    return Store(
        tag=tag,
        by_uid=by_uid,
        messages=messages,
        mode=mode,
        silent=silent,
        flags=flags,
        unchanged_since=since,
    )


def parse_copy(tag: bytes, arguments: Arguments) -> Copy:
    """COPY SP sequence-set SP mailbox."""
    return _copy(tag, arguments, by_uid=False, move=False)


def parse_uid_copy(tag: bytes, arguments: Arguments) -> Copy:
    """UID COPY."""
    return _copy(tag, arguments, by_uid=True, move=False)


def parse_move(tag: bytes, arguments: Arguments) -> Copy:
    """MOVE SP sequence-set SP mailbox (RFC 6851 §3.1)."""
    return _copy(tag, arguments, by_uid=False, move=True)


def parse_uid_move(tag: bytes, arguments: Arguments) -> Copy:
    """UID MOVE (RFC 6851 §3.2)."""
    return _copy(tag, arguments, by_uid=True, move=True)


def _copy(tag: bytes, arguments: Arguments, *, by_uid: bool, move: bool) -> Copy:
    arguments.space()
    messages = arguments.sequence_set()
    arguments.space()
    name = mailbox(arguments)
    arguments.end()
    return Copy(tag=tag, by_uid=by_uid, messages=messages, mailbox=name, move=move)


def parse_expunge(tag: bytes, arguments: Arguments) -> Expunge:
    """EXPUNGE."""
    arguments.end()
    return Expunge(tag=tag, uids=None)


def parse_uid_expunge(tag: bytes, arguments: Arguments) -> Expunge:
    """UID EXPUNGE SP sequence-set (RFC 4315 §2.1)."""
    arguments.space()
    uids = arguments.sequence_set()
    arguments.end()
    return Expunge(tag=tag, uids=uids)
