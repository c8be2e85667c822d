r"""Reading APPEND and REPLACE, a line at a time, while their messages stream.

    APPEND SP mailbox 1*message       REPLACE SP number SP mailbox message
    message = [SP flags] [SP date-time] SP data
    data    = literal / literal8 / "UTF8" SP "(" literal8 ")"
            / "CATENATE" SP "(" part *(SP part) ")"
    part    = "URL" SP astring / "TEXT" SP literal / "UTF8" SP "(" literal8 ")"

(RFC 3501 §9, RFC 3502 §6.3.11, RFC 3516 §7, RFC 4469 §5, RFC 6855 §4, RFC 8508 §5.)

The grammar is a generator: it yields an event, or STRING where a literal is a
short string of the command itself, and is sent the next line when what it
yielded has been dealt with, or None where the line goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyeonji.protocol.imap.commands.append import (
    Append,
    MessageBegun,
    MessageForm,
    Replaced,
    TextPart,
    UrlPart,
)
from pyeonji.protocol.imap.dates import parse_date_time
from pyeonji.protocol.imap.limits import MAX_APPEND_MESSAGES, MAX_CATENATE_PARTS
from pyeonji.protocol.imap.parse_mailbox import mailbox_name
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax

if TYPE_CHECKING:
    from collections.abc import Generator

STRING: Final = "string"
"""Yielded where the announced literal belongs to the command, not to a message."""

COMMANDS: Final = frozenset({b"APPEND", b"REPLACE", b"UID REPLACE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the command, and the literal announced at its end.

    `string` has the octets that STRING asked for: they stand before the line.
    """

    octets: bytes
    announced: int | None  # octets
    waits: bool = False
    string: bytes = b""


Said = Append | MessageBegun | TextPart | UrlPart | Literal["string"]


def read_append(
    tag: bytes, name: bytes, line: Line, at: int, *, utf8_names: bool = False
) -> Generator[Said, Line | None, None]:
    """The grammar of one command, from its first line behind its name.

    Raises:
        BadSyntax: from `send`, where the command is not of the grammar.
    """
    return _Reader(line, at, utf8_names=utf8_names).command(tag, name)


class _Reader:
    """The cursor, and the rules of the grammar as generators."""

    def __init__(self, line: Line, at: int, *, utf8_names: bool) -> None:
        self._utf8_names = utf8_names
        self._go_on(line, at)

    def _go_on(self, line: Line | None, at: int = 0) -> Line:
        if line is None:
            raise BadSyntax("the line ends too early")
        fragments = [line.octets] if line.announced is None else [line.octets, b""]
        self._line = line
        self._words = Arguments(fragments, at)
        return line

    def command(self, tag: bytes, name: bytes) -> Generator[Said, Line | None, None]:
        words = self._words
        words.space()
        replaced = None
        if name != b"APPEND":
            replaced = self._replaced(by_uid=name != b"REPLACE")
        mailbox = mailbox_name((yield from self._astring()), utf8=self._utf8_names)
        first = self._head()
        line = yield Append(
            tag=tag,
            mailbox=mailbox,
            first=first,
            replaced=replaced,
            waits=self._line.waits or first.form is MessageForm.CATENATE,
        )
        yield from self._data(first, line)
        count = 1
        while not self._words.at_end():
            if replaced is not None or count == MAX_APPEND_MESSAGES:
                raise BadSyntax("too many messages")
            count += 1
            head = self._head()
            line = yield head
            yield from self._data(head, line)

    def _replaced(self, *, by_uid: bool) -> Replaced:
        number = 0
        if not self._words.take(b"*"):
            number = self._words.number()
            if not number:
                raise BadSyntax("no message has the number 0")
        self._words.space()
        return Replaced(number=number, by_uid=by_uid)

    def _head(self) -> MessageBegun:
        """What stands before a message's octets."""
        words = self._words
        words.space()
        flags: tuple[bytes, ...] = ()
        date: int | None = None
        if words.peek() == 0x28:
            flags = words.flag_list()
            words.space()
        if words.peek() == 0x22:
            try:
                date = parse_date_time(words.string())
            except ValueError:
                raise BadSyntax("bad date-time") from None
            words.space()
        form = self._form()
        size = 0 if form is MessageForm.CATENATE else self._announced()
        return MessageBegun(
            flags=flags, internal_date=date, form=form, size_octets=size
        )

    def _form(self) -> MessageForm:
        words = self._words
        if words.take_word(b"CATENATE"):
            words.expect(b" (")
            return MessageForm.CATENATE
        if words.take_word(b"UTF8"):
            words.expect(b" (~")
            return MessageForm.UTF8
        if words.take(b"~"):
            return MessageForm.BINARY
        return MessageForm.LITERAL

    def _announced(self) -> int:
        if not self._words.at_literal() or self._line.announced is None:
            raise BadSyntax("expected a literal")
        return self._line.announced

    def _data(
        self, head: MessageBegun, line: Line | None
    ) -> Generator[Said, Line | None, None]:
        """What stands after a message's octets, or its parts."""
        if head.form is MessageForm.CATENATE:
            yield from self._parts()
            return
        self._go_on(line)
        if head.form is MessageForm.UTF8:
            self._words.expect(b")")

    def _parts(self) -> Generator[Said, Line | None, None]:
        for count in range(MAX_CATENATE_PARTS):
            if count:
                if self._words.take(b")"):
                    return
                self._words.space()
            words = self._words
            if words.take_word(b"URL"):
                words.space()
                yield UrlPart(url=(yield from self._astring()))
                continue
            utf8 = words.take_word(b"UTF8")
            words.expect(b" (~" if utf8 else b"TEXT ")
            self._go_on((yield TextPart(size_octets=self._announced(), utf8=utf8)))
            if utf8:
                self._words.expect(b")")
        if not self._words.take(b")"):
            raise BadSyntax("too many parts")

    def _astring(self) -> Generator[Said, Line | None, bytes]:
        if not self._words.at_literal():
            return self._words.astring()
        line = self._go_on((yield STRING))
        if b"\0" in line.string:
            raise BadSyntax("NUL in a literal")
        return line.string
