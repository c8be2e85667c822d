"""INPROGRESS (RFC 9585): a command that takes long says that it goes on.

Only commands whose responses are written whole are watched: what is said here
must not fall into the middle of a literal, so FETCH and APPEND are not.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import commands, responses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.mra.imap.session import Session

SLOW: Final = frozenset(
    {
        commands.Search,
        commands.Sort,
        commands.Thread,
        commands.Store,
        commands.Copy,
        commands.Expunge,
        commands.Select,
        commands.Close,
        commands.Delete,
        commands.Rename,
    }
)
"""Commands whose time grows with the mailbox."""


@contextmanager
def told(session: Session, command: commands.Command) -> Iterator[None]:
    """While this lasts, the client hears every some seconds that it lasts."""
    loop = asyncio.get_running_loop()
    every_s = session.house.options.progress_every_s
    timer: asyncio.TimerHandle

    def tell() -> None:
        nonlocal timer
        # a tag with "]" cannot stand in a response code (RFC 9585 §4)
        tag = b"NIL" if b"]" in command.tag else responses.string(command.tag)
        session.write(b"* OK [INPROGRESS (%b NIL NIL)] Still at it.\r\n" % tag)
        session.connection.flush()
        timer = loop.call_later(every_s, tell)

    timer = loop.call_later(every_s, tell)
    try:
        yield
    finally:
        timer.cancel()
