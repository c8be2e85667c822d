"""Arguments of commands about the connection itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.protocol.imap.commands import Compress

if TYPE_CHECKING:
    from pyeonji.protocol.imap.tokens import Arguments


def parse_compress(tag: bytes, arguments: Arguments) -> Compress:
    """COMPRESS SP algorithm (RFC 4978 §5)."""
    arguments.space()
    algorithm = arguments.word().decode("ascii").upper()
    arguments.end()
    return Compress(tag=tag, algorithm=algorithm)
