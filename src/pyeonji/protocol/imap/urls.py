"""IMAP URLs that name octets of a message here (RFC 5092).

Read are the forms that CATENATE needs: an absolute path
`/mailbox[;UIDVALIDITY=n]/;UID=n[/;SECTION=s][/;PARTIAL=first[.octets]]`, and
the same behind `imap://[user@]host[:port]`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from pyeonji.protocol.imap.names import BadName, decode_utf8
from pyeonji.protocol.imap.parse_fetch import parse_section
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from pyeonji.protocol.imap.commands import Section

MAX_URL_OCTETS: Final = 4096

_URL: Final = re.compile(
    rb"""(?:imap://(?:(?P<user>[^@/;:]*)(?:;AUTH=[^@/;]*)?@)?
             (?P<host>[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)?
         /(?P<mailbox>[^;]+?)
         (?:;UIDVALIDITY=(?P<validity>[0-9]{1,10}))?
         /?;UID=(?P<uid>[0-9]{1,10})
         (?:/;SECTION=(?P<section>[^;]+?))?
         (?:/;PARTIAL=(?P<first>[0-9]{1,18})(?:\.(?P<octets>[0-9]{1,18}))?)?""",
    re.VERBOSE | re.IGNORECASE,
)
_ESCAPED: Final = re.compile(rb"(?:[^%]|%[0-9A-Fa-f]{2})*")


class BadUrl(ValueError):
    """Not a URL of a message's octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageUrl:
    """What a URL names; `user` and `host` are "" where it does not say."""

    user: str
    host: str
    mailbox: str
    uid_validity: int | None
    uid: int
    section: Section


def parse_message_url(url: bytes) -> MessageUrl:
    """Read a URL.

    Raises:
        BadUrl: too long, not one of the forms, or it names no octets.
    """
    found = _URL.fullmatch(url)
    if found is None or len(url) > MAX_URL_OCTETS or not _ESCAPED.fullmatch(url):
        raise BadUrl("not a message URL")
    validity, uid = found["validity"], int(found["uid"])
    if not 0 < uid <= 0xFFFFFFFF:
        raise BadUrl("no such uid")
    try:
        mailbox = decode_utf8(unquote_to_bytes(found["mailbox"]))
        section = parse_section(
            unquote_to_bytes(found["section"] or b""), _partial(found)
        )
    except (BadName, BadSyntax) as error:
        raise BadUrl(str(error)) from None
    return MessageUrl(
        user=unquote_to_bytes(found["user"] or b"").decode("utf-8", "replace"),
        host=(found["host"] or b"").decode("ascii"),
        mailbox="INBOX" if mailbox.upper() == "INBOX" else mailbox,
        uid_validity=None if validity is None else int(validity),
        uid=uid,
        section=section,
    )


def _partial(found: re.Match[bytes]) -> tuple[int, int] | None:
    if found["first"] is None:
        return None
    octets = 1 << 62 if found["octets"] is None else int(found["octets"])
    if not octets:
        raise BadUrl("empty partial")
    return int(found["first"]), octets
