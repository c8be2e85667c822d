"""Opening the mailbox that the command line names, over IMAP or POP3."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pyeonji.mua.agent.errors import NotConfigured, NotFound
from pyeonji.mua.agent.imap import ImapSession
from pyeonji.mua.agent.pop3 import Pop3Session
from pyeonji.mua.cli.output import progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyeonji.mua.cli.options import Access

DEFAULT_FOLDER = "INBOX"


@asynccontextmanager
async def imap(
    access: Access, folder: str = "", *, read_only: bool = False
) -> AsyncIterator[ImapSession]:
    """An IMAP session, with the folder open unless it is ""."""
    profile = access.profile
    if profile.pop3 and not profile.imap:
        raise NotConfigured("POP3 knows no folders and flags: this needs --imap")
    server = profile.server("imap")
    session = await ImapSession.open(server, profile.login, access.password("imap"))
    try:
        if folder:
            await session.select(folder, read_only=read_only)
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def pop3(access: Access) -> AsyncIterator[Pop3Session]:
    """A POP3 session; what was deleted goes only if nothing went wrong."""
    profile = access.profile
    server = profile.server("pop3")
    session = await Pop3Session.open(server, profile.login, access.password("pop3"))
    try:
        yield session
    except BaseException:
        await session.abort()
        raise
    await session.close()


def uses_pop3(access: Access, folder: str) -> bool:
    """Whether letters are read over POP3. Raises NotFound for other folders."""
    if access.profile.imap or not access.profile.pop3:
        return False
    if folder.upper() != DEFAULT_FOLDER:
        raise NotFound(f"POP3 has only {DEFAULT_FOLDER}, not {folder}")
    return True


async def fetch(
    access: Access, letter: int, folder: str, *, seen: bool = False
) -> bytes:
    """One whole letter, with a bar while a long one comes.

    Raises:
        NotFound: no such folder or letter.
    """
    if uses_pop3(access, folder):
        async with pop3(access) as session:
            size = (await session.sizes()).get(letter)
            with progress("receiving", size) as told:
                return await session.octets(letter, told=told)
    async with imap(access, folder, read_only=not seen) as box:
        found = await box.summaries([letter])
        if not found:
            raise NotFound(f"there is no letter {letter} in {folder}")
        with progress("receiving", found[0].size_octets) as told:
            return await box.octets(letter, seen=seen, told=told)
