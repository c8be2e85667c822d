"""COMPRESS=DEFLATE (RFC 4978)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands


async def compress(session: Session, command: commands.Compress) -> None:
    """Deflate both ways after the tagged OK (RFC 4978 §3)."""
    if command.algorithm != "DEFLATE":
        await session.no(command.tag, "Only DEFLATE.", b"CANNOT")
    elif session.connection.compressed:
        await session.no(
            command.tag, "COMPRESS is active already.", b"COMPRESSIONACTIVE"
        )
    else:
        await session.ok(command.tag, "DEFLATE from here on.")
        session.connection.start_compression()
