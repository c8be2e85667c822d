"""Why a message cannot be written.

ComposeError
  UnsafeValue          CR, LF or NUL in a header value
  BadValue             a value that its field cannot hold
  MissingField         a required header field has no value
  NotInCharset         a text has characters that the charset lacks
  EncodingImpossible   the asked transfer encoding cannot carry the content
"""

from __future__ import annotations

from pyeonji.base.errors import PermanentError


class ComposeError(PermanentError):
    """A message that cannot be written as asked."""


class UnsafeValue(ComposeError):
    """A value that would end its header line and begin another."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: CR, LF or NUL in a header value")
        self.field = field


class BadValue(ComposeError):
    """A value that its field cannot hold; says which and why."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class MissingField(ComposeError):
    """A field that every message needs (RFC 5322 §3.6)."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: a message needs this")
        self.field = field


class NotInCharset(ComposeError):
    """A text with a character that the charset has not."""

    def __init__(self, charset: str, character: str) -> None:
        super().__init__(
            f"{charset} has no character {character!r} (U+{ord(character):04X});"
            " UTF-8 has"
        )
        self.charset = charset
        self.character = character


class EncodingImpossible(ComposeError):
    """A transfer encoding that cannot carry this content."""

    def __init__(self, encoding: str, why: str) -> None:
        super().__init__(f"{encoding} cannot carry this: {why}")
        self.encoding = encoding
        self.why = why
