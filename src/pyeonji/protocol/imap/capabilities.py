"""What the server announces, and when (RFC 3501 §7.2.1). Only what works whole."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence


class When(Enum):
    """In which part of a conversation a capability means something."""

    ALWAYS = "always"
    BEFORE_LOGIN = "before login"
    AFTER_LOGIN = "after login"


@dataclass(frozen=True, slots=True)
class Capability:
    """A name and when it is told."""

    name: bytes
    when: When = When.ALWAYS


TABLE: Final = (
    Capability(b"IMAP4rev1"),  # RFC 3501
    Capability(b"IMAP4rev2"),  # RFC 9051
    Capability(b"LITERAL-", When.BEFORE_LOGIN),  # RFC 7888: 4096 octets are enough
    Capability(b"LITERAL+", When.AFTER_LOGIN),  # RFC 7888
    Capability(b"SASL-IR", When.BEFORE_LOGIN),  # RFC 4959
    Capability(b"ID"),  # RFC 2971
    Capability(b"COMPRESS=DEFLATE", When.AFTER_LOGIN),  # RFC 4978
    Capability(b"ENABLE"),  # RFC 5161
    Capability(b"IDLE"),  # RFC 2177
    Capability(b"NAMESPACE", When.AFTER_LOGIN),  # RFC 2342
    Capability(b"UIDPLUS", When.AFTER_LOGIN),  # RFC 4315
    Capability(b"MULTIAPPEND", When.AFTER_LOGIN),  # RFC 3502
    Capability(b"CATENATE", When.AFTER_LOGIN),  # RFC 4469
    Capability(b"BINARY", When.AFTER_LOGIN),  # RFC 3516
    Capability(b"UTF8=ACCEPT", When.AFTER_LOGIN),  # RFC 6855
    Capability(b"PREVIEW", When.AFTER_LOGIN),  # RFC 8970
    Capability(b"SAVEDATE", When.AFTER_LOGIN),  # RFC 8514
    Capability(b"OBJECTID", When.AFTER_LOGIN),  # RFC 8474
    Capability(b"REPLACE", When.AFTER_LOGIN),  # RFC 8508
    Capability(b"MOVE", When.AFTER_LOGIN),  # RFC 6851
    Capability(b"UNSELECT", When.AFTER_LOGIN),  # RFC 3691
    Capability(b"CHILDREN", When.AFTER_LOGIN),  # RFC 3348
    Capability(b"SPECIAL-USE", When.AFTER_LOGIN),  # RFC 6154
    Capability(b"CONDSTORE", When.AFTER_LOGIN),  # RFC 7162
    Capability(b"QRESYNC", When.AFTER_LOGIN),  # RFC 7162
    Capability(b"UIDONLY", When.AFTER_LOGIN),  # RFC 9586
    Capability(b"UIDBATCHES", When.AFTER_LOGIN),  # RFC 10022
    Capability(b"INPROGRESS", When.AFTER_LOGIN),  # RFC 9585
    Capability(b"UNAUTHENTICATE", When.AFTER_LOGIN),  # RFC 8437
    Capability(b"CREATE-SPECIAL-USE", When.AFTER_LOGIN),  # RFC 6154
    Capability(b"LIST-EXTENDED", When.AFTER_LOGIN),  # RFC 5258
    Capability(b"LIST-STATUS", When.AFTER_LOGIN),  # RFC 5819
    Capability(b"LIST-MYRIGHTS", When.AFTER_LOGIN),  # RFC 8440
    Capability(b"LIST-METADATA", When.AFTER_LOGIN),  # RFC 9590
    Capability(b"STATUS=SIZE", When.AFTER_LOGIN),  # RFC 8438
    Capability(b"METADATA", When.AFTER_LOGIN),  # RFC 5464
    Capability(b"ACL", When.AFTER_LOGIN),  # RFC 4314
    Capability(b"RIGHTS=texk", When.AFTER_LOGIN),
    Capability(b"QUOTA", When.AFTER_LOGIN),  # RFC 9208
    Capability(b"QUOTA=RES-STORAGE", When.AFTER_LOGIN),
    Capability(b"QUOTA=RES-MESSAGE", When.AFTER_LOGIN),
    Capability(b"QUOTA=RES-MAILBOX", When.AFTER_LOGIN),
    Capability(b"QUOTASET", When.AFTER_LOGIN),
    Capability(b"NOTIFY", When.AFTER_LOGIN),  # RFC 5465
    Capability(b"ESEARCH", When.AFTER_LOGIN),  # RFC 4731
    Capability(b"SEARCHRES", When.AFTER_LOGIN),  # RFC 5182
    Capability(b"WITHIN", When.AFTER_LOGIN),  # RFC 5032
    Capability(b"SORT", When.AFTER_LOGIN),  # RFC 5256
    Capability(b"SORT=DISPLAY", When.AFTER_LOGIN),  # RFC 5957
    Capability(b"THREAD=ORDEREDSUBJECT", When.AFTER_LOGIN),  # RFC 5256
    Capability(b"THREAD=REFERENCES", When.AFTER_LOGIN),
    Capability(b"THREAD=REFS", When.AFTER_LOGIN),
    Capability(b"ESORT", When.AFTER_LOGIN),  # RFC 5267
    Capability(b"CONTEXT=SEARCH", When.AFTER_LOGIN),
    Capability(b"CONTEXT=SORT", When.AFTER_LOGIN),
    Capability(b"PARTIAL", When.AFTER_LOGIN),  # RFC 9394
    Capability(b"MULTISEARCH", When.AFTER_LOGIN),  # RFC 7377
    Capability(b"SEARCH=FUZZY", When.AFTER_LOGIN),  # RFC 6203
    Capability(b"FILTERS", When.AFTER_LOGIN),  # RFC 5466
    Capability(b"I18NLEVEL=1", When.AFTER_LOGIN),  # RFC 5255
)


def before_login(*, starttls: bool, login: bool, mechanisms: Sequence[str]) -> bytes:
    """The list for a client that is still unknown.

    Args:
        starttls: TLS can be started now.
        login: LOGIN is allowed now; else LOGINDISABLED (RFC 3501 §6.2.3).
        mechanisms: SASL mechanisms allowed now.
    """
    found = [row.name for row in TABLE if row.when is not When.AFTER_LOGIN]
    if starttls:
        found.append(b"STARTTLS")
    if not login:
        found.append(b"LOGINDISABLED")
    found.extend(b"AUTH=" + name.encode("ascii") for name in mechanisms)
    return b" ".join(found)


_AFTER_LOGIN: Final = b" ".join(
    row.name for row in TABLE if row.when is not When.BEFORE_LOGIN
)


def after_login(
    *,
    message_octets: int,
    message_limit: int | None = None,
    save_limit: int | None = None,
) -> bytes:
    """The list for a client that has logged in.

    `message_octets`: the largest message that may be appended (RFC 7889 §2).
    `message_limit`: messages that one command may be about (RFC 9738 §3).
    `save_limit`: the same of APPEND and COPY alone.
    """
    told = b"%b APPENDLIMIT=%d" % (_AFTER_LOGIN, message_octets)
    if message_limit is not None:
        told += b" MESSAGELIMIT=%d" % message_limit
    if save_limit is not None:
        told += b" SAVELIMIT=%d" % save_limit
    return told
