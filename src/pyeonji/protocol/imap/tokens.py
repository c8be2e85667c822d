"""Reading the words of a command (RFC 3501 §9), each octet once.

A command is a run of fragments: line, literal, line, literal, …, line. A line
that a literal follows has lost its `{n}`, so a literal stands wherever a line
ends and another fragment comes.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap.limits import MAX_FLAGS
from pyeonji.protocol.imap.sequences import SequenceSet

if TYPE_CHECKING:
    from collections.abc import Sequence


class BadSyntax(ValueError):
    """The command is not of the grammar; the text says where, for people.

    `code` is the response code, where a standard asks for one.
    """

    code = b""


class ClientBug(BadSyntax):
    """What no client that works would say (RFC 5530 §3)."""

    code = b"CLIENTBUG"


# ATOM-CHAR, ASTRING-CHAR and list-char of RFC 3501 §9
_ATOM: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST: Final = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_FLAG: Final = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_NUMBER: Final = re.compile(rb"[0-9]{1,10}(?![0-9])")
_NUMBER64: Final = re.compile(rb"[0-9]{1,19}(?![0-9])")
_SEQUENCE: Final = re.compile(rb"[0-9*:,]+|\$")
# 8-bit octets are taken as UTF-8 where clients send them without being asked
_PLAIN_QUOTED: Final = re.compile(rb'"([^\x00\r\n"\\]*)"')
_QUOTED: Final = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
_ESCAPE: Final = re.compile(rb"\\(.)")


class Arguments:
    """A cursor over the fragments of one command."""

    __slots__ = ("_at", "_fragments", "_index", "_line", "utf8")

    def __init__(
        self, fragments: Sequence[bytes], at: int = 0, *, utf8: bool = False
    ) -> None:
        """`utf8`: the client has enabled UTF-8 in names (RFC 6855 §3)."""
        self.utf8 = utf8
        self._fragments = fragments
        self._index = 0
        self._line = fragments[0]
        self._at = at

    # -- where we are

    def at_literal(self) -> bool:
        """Whether a literal comes next, also one that has not arrived."""
        return self._at == len(self._line) and self._index + 1 < len(self._fragments)

    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._at == len(self._line) and self._index + 1 == len(self._fragments)

    def end(self) -> None:
        """Nothing more may come."""
        if not self.at_end():
            raise BadSyntax("too many arguments")

    def peek(self) -> int:
        """The next octet of the line, or -1 at its end."""
        return self._line[self._at] if self._at < len(self._line) else -1

    def mark(self) -> tuple[int, int]:
        """Where we are, for `reset`."""
        return self._index, self._at

    def reset(self, mark: tuple[int, int]) -> None:
        """Go back to where `mark` was asked for."""
        self._index, self._at = mark
        self._line = self._fragments[self._index]

    def take(self, octets: bytes) -> bool:
        """Step over these octets if they come next."""
        if self._line.startswith(octets, self._at):
            self._at += len(octets)
            return True
        return False

    def take_word(self, word: bytes) -> bool:
        """Step over this keyword, in any case, if a space follows it."""
        end = self._at + len(word)
        if (
            self._line[self._at : end].upper() != word
            or self._line[end : end + 1] != b" "
        ):
            return False
        self._at = end
        return True

    def expect(self, octets: bytes) -> None:
        """These octets must come next."""
        if not self.take(octets):
            raise BadSyntax(f"expected {octets.decode('ascii')!r}")

    def space(self) -> None:
        """Exactly one space must come next."""
        if not self.take(b" "):
            raise BadSyntax(
                "too many spaces or a missing one"
                if self._at < len(self._line)
                else "missing argument"
            )

    # -- words

    def matched(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Octets of a pattern that must come next."""
        found = pattern.match(self._line, self._at)
        if found is None:
            raise BadSyntax(f"expected {what}")
        self._at = found.end()
        return found.group()

    def atom(self) -> bytes:
        """An atom."""
        return self.matched(_ATOM, "an atom")

    def word(self) -> bytes:
        """An atom in upper case: a keyword of the protocol."""
        return self.matched(_ATOM, "a word").upper()

    def number(self) -> int:
        """0 to 4294967295."""
        value = int(self.matched(_NUMBER, "a number"))
        if value > 0xFFFFFFFF:
            raise BadSyntax("number too large")
        return value

    def number64(self) -> int:
        """0 to 2^63-1, for modification sequences and sizes."""
        value = int(self.matched(_NUMBER64, "a number"))
        if value > 0x7FFFFFFFFFFFFFFF:
            raise BadSyntax("number too large")
        return value

    def string(self) -> bytes:
        """A quoted string or literal."""
        if self.peek() == 0x22:
            return self._quoted()
        if self.at_literal():
            return self._literal()
        raise BadSyntax("expected a string")

    def astring(self) -> bytes:
        """An atom (where "]" is allowed) or a string."""
        found = _ASTRING.match(self._line, self._at)
        if found is None:
            return self.string()
        self._at = found.end()
        return found.group()

    def list_mailbox(self) -> bytes:
        """A LIST pattern: an atom with wildcards, or a string."""
        found = _LIST.match(self._line, self._at)
        if found is None:
            return self.string()
        self._at = found.end()
        return found.group()

    def sequence_set(self) -> SequenceSet:
        """A sequence set, or "$" (RFC 5182 §5)."""
        try:
            return SequenceSet.parse(self.matched(_SEQUENCE, "a sequence set"))
        except ValueError:
            raise BadSyntax("bad sequence set") from None

    def flag(self) -> bytes:
        """A flag as written."""
        return self.matched(_FLAG, "a flag")

    def flag_list(self) -> tuple[bytes, ...]:
        """Flags in parentheses, perhaps none."""
        self.expect(b"(")
        flags: list[bytes] = []
        while not self.take(b")"):
            if flags:
                self.space()
            if len(flags) == MAX_FLAGS:
                raise BadSyntax("too many flags")
            flags.append(self.flag())
        return tuple(flags)

    def rest(self) -> bytes:
        """The rest of the line."""
        rest = self._line[self._at :]
        self._at = len(self._line)
        return rest

    def _quoted(self) -> bytes:
        found = _PLAIN_QUOTED.match(self._line, self._at)
        if found is not None:
            self._at = found.end()
            return self._checked(found.group(1))
        found = _QUOTED.match(self._line, self._at)
        if found is None:
            raise BadSyntax("bad quoted string")
        self._at = found.end()
        return self._checked(_ESCAPE.sub(rb"\1", found.group(1)))

    def _checked(self, text: bytes) -> bytes:
        """What is quoted must be UTF-8 where that was enabled (RFC 6855 §3)."""
        if self.utf8 and not text.isascii():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError:
                raise BadSyntax("not UTF-8") from None
        return text

    def string8(self) -> bytes:
        """A string, or a literal8, which may have NUL (RFC 3516 §7)."""
        if self.take(b"~"):
            if not self.at_literal():
                raise BadSyntax("expected a literal8")
            return self._literal(nul=True)
        return self.string()

    def _literal(self, *, nul: bool = False) -> bytes:
        literal = self._fragments[self._index + 1]
        if b"\0" in literal and not nul:
            raise BadSyntax("NUL in a literal")
        self._index += 2
        self._line = self._fragments[self._index]
        self._at = 0
        return literal
