"""Whole header fields by their names, as octets; and those that clients ask for."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

COMMON_FIELDS: Final = frozenset(
    b"""
    auto-submitted bcc cc chat-version content-description content-disposition
    content-language content-transfer-encoding content-type date delivered-to
    disposition-notification-to followup-to from importance in-reply-to lines
    list-archive list-help list-id list-owner list-post list-subscribe
    list-unsubscribe list-unsubscribe-post mail-followup-to mail-reply-to
    message-id mime-version newsgroups organization original-message-id precedence
    priority references reply-to resent-bcc resent-cc resent-date resent-from
    resent-message-id resent-sender resent-to return-receipt-to sender sensitivity
    status subject to user-agent x-beenthere x-forwarded-message-id
    x-k9mail-identity x-keywords x-label x-loop x-mailer x-mailing-list
    x-original-to x-priority x-recipient x-spam x-spam-flag x-status
    x-uniform-type-identifier x-universally-unique-identifier
    """.split()
)
"""Names, in lower case, of what lists of messages are made of.

The fields of these names are kept beside the header. Another name needs a
migration that makes them anew.
"""


@lru_cache(maxsize=256)
def fields_pattern(names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Whole fields of these names, folded lines included."""
    either = b"|".join(map(re.escape, names))
    return re.compile(
        rb"^(?:" + either + rb")[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+",
        re.IGNORECASE | re.MULTILINE,
    )


_COMMON: Final = fields_pattern(tuple(sorted(COMMON_FIELDS, reverse=True)))


def common_fields(header: bytes) -> bytes:
    """The fields of a header section that have these names, in their order."""
    if header and not header.endswith(b"\n"):
        header += b"\r\n"
    return b"".join(_COMMON.findall(header))
