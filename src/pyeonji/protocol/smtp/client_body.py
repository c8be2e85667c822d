"""A letter's octets on their way out (RFC 5321 §4.5.2, RFC 3030 §2)."""

from __future__ import annotations

from pyeonji.protocol.smtp.body import has_bare_newline


class Newlines:
    """Makes every line end CRLF, whatever pieces the octets come in."""

    def __init__(self) -> None:
        self._held_cr = False

    def feed(self, piece: bytes) -> bytes:
        """The piece, without a CR at its end that may be half of a CRLF."""
        if self._held_cr:
            piece = b"\r" + piece
        self._held_cr = piece.endswith(b"\r")
        if self._held_cr:
            piece = piece[:-1]
        if has_bare_newline(piece):
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            piece = piece.replace(b"\n", b"\r\n")
        return piece

    def end(self) -> bytes:
        """What is left."""
        return b"\r\n" if self._held_cr else b""


class DotStuffing:
    """Octets for DATA: strict lines, no line that could be taken for the end."""

    def __init__(self) -> None:
        self._newlines = Newlines()
        self._line_start = True

    def feed(self, piece: bytes) -> bytes:
        """The piece as it goes out."""
        piece = self._newlines.feed(piece)
        if not piece:
            return b""
        at_start = self._line_start
        self._line_start = piece.endswith(b"\r\n")
        if b"\n." in piece:
            piece = piece.replace(b"\r\n.", b"\r\n..")
        return b"." + piece if at_start and piece.startswith(b".") else piece

    def end(self) -> bytes:
        """What ends the letter."""
        rest = self._newlines.end()
        if rest or self._line_start:
            return rest + b".\r\n"
        return b"\r\n.\r\n"


class Chunks:
    """Octets for BDAT; one piece is held back, so that the last one says LAST."""

    def __init__(self, *, binary: bool) -> None:
        self._newlines = None if binary else Newlines()
        self._held: bytes | None = None

    def feed(self, piece: bytes) -> bytes:
        """A command with the piece before, or b""."""
        if self._newlines is not None:
            piece = self._newlines.feed(piece)
        if not piece:
            return b""
        held, self._held = self._held, piece
        return b"" if held is None else b"BDAT %d\r\n" % len(held) + held

    def end(self) -> bytes:
        """The last command."""
        held = self._held or b""
        if self._newlines is not None:
            held += self._newlines.end()
        return b"BDAT %d LAST\r\n" % len(held) + held
