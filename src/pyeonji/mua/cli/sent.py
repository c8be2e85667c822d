"""Keeping a copy of what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.base.errors import PyeonjiError
from pyeonji.mua.agent.imap import ImapSession
from pyeonji.mua.cli.output import say

if TYPE_CHECKING:
    from pyeonji.mua.cli.options import Access


async def keep_sent(access: Access, octets: bytes) -> str:
    """Store a copy in the Sent folder; its name, or "" without IMAP.

    The letter has gone already, so a failure here is said but is no failure of
    the command.
    """
    profile = access.profile
    if not profile.imap:
        return ""
    try:
        server = profile.server("imap")
        session = await ImapSession.open(server, profile.login, access.password("imap"))
        try:
            folder = await session.sent_folder(profile.sent)
            await session.append(folder, octets, [r"\Seen"])
        finally:
            await session.close()
    except PyeonjiError as error:
        say(f"sent, but no copy was kept: {error}")
        return ""
    return folder if isinstance(folder, str) else folder.decode("ascii", "replace")
