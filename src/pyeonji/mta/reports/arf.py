"""Abuse reports (ARF, RFC 5965): "your user sent me this"; read and written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from pyeonji.message.compose.entities import (
    NOTHING,
    Entity,
    file_entity,
    message_entity,
    multipart,
    text_entity,
    write_message,
)
from pyeonji.message.compose.fields import (
    address_list,
    message_ids,
    plain,
    unstructured,
)
from pyeonji.message.compose.mailboxes import Mailbox
from pyeonji.message.compose.transfer import why_not_lines
from pyeonji.message.convert import to_seven_bit
from pyeonji.message.date import format_date
from pyeonji.message.encoding import decode
from pyeonji.message.header import Header
from pyeonji.message.report import clean

if TYPE_CHECKING:
    from pyeonji.message.scan import Part

MAX_FEEDBACK: Final = 64 * 1024
"""Octets of the facts for programs that are read."""

MAX_WORD: Final = 255
MAX_LISTED: Final = 100
"""Recipients, domains and URIs of one report that are kept."""

MAX_COUNT: Final = 2**32 - 1

_COMMENT: Final = re.compile(r"\([^()]*+\)")
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthFailure:
    """What a failure report says beside the rest (RFC 6591 §3.1, RFC 7489 §7.3.1)."""

    kind: str  # "dmarc", "spf", "signature", "bodyhash", "revoked" …
    delivery: str = ""  # "delivered", "spam", "policy", "reject", "other"
    aligned: tuple[str, ...] | None = None  # "dkim", "spf" that passed; None: not said
    dkim_domain: str = ""
    dkim_selector: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AbuseReport:
    """What a report says; texts "" where a field was missing."""

    feedback_type: str  # "abuse", "fraud", "virus", "other", "auth-failure" …
    user_agent: str
    original_mail_from: str = ""
    original_rcpt_to: tuple[str, ...] = ()
    source_ip: str = ""
    arrival_date: str = ""
    reporting_mta: str = ""
    incidents: int = 1
    reported_domains: tuple[str, ...] = ()
    reported_uris: tuple[str, ...] = ()
    authentication_results: tuple[str, ...] = ()
    message_id: str = ""  # of the letter that is reported
    message_from: str = ""
    failure: AuthFailure | None = None  # with the type "auth-failure"


def read_abuse(octets: bytes, root: Part) -> AbuseReport | None:
    """The report in a letter that is one (RFC 5965 §2), or None.

    Args:
        octets: the letter.
        root: as `message.scan` found it.
    """
    if (
        root.type != "multipart/report"
        or root.parameters.get("report-type", "").lower() != "feedback-report"
    ):
        return None
    feedback = next(
        (each for each in root.children if each.type == "message/feedback-report"), None
    )
    if feedback is None:
        return None
    end = min(feedback.body_end, feedback.body_start + MAX_FEEDBACK)
    # some programs leave an empty line before the first field
    body = decode(octets[feedback.body_start : end], feedback.encoding)
    header = Header(body.lstrip(b"\r\n"))
    kind = _word(header, b"feedback-type").lower()
    if not kind:
        return None
    original = _original(octets, root)
    return AbuseReport(
        feedback_type=kind,
        user_agent=_word(header, b"user-agent"),
        original_mail_from=_path(_word(header, b"original-mail-from")),
        original_rcpt_to=tuple(
            map(_path, _words(header, b"original-rcpt-to")),
        ),
        source_ip=_address(_word(header, b"source-ip")),
        # RFC 5965 §3.2: the name of old
        arrival_date=_word(header, b"arrival-date") or _word(header, b"received-date"),
        reporting_mta=_word(header, b"reporting-mta").rpartition(";")[2].strip(),
        incidents=_number(_word(header, b"incidents")),
        reported_domains=_words(header, b"reported-domain"),
        reported_uris=_words(header, b"reported-uri"),
        authentication_results=_words(header, b"authentication-results"),
        message_id=_word(original, b"message-id"),
        message_from=_word(original, b"from"),
        failure=_failure(header) if kind == "auth-failure" else None,
    )


def _failure(header: Header) -> AuthFailure:
    aligned = header.first(b"identity-alignment")
    methods = set(_bare(_word(header, b"identity-alignment")).replace(",", " ").split())
    return AuthFailure(
        kind=_bare(_word(header, b"auth-failure")) or "unknown",
        delivery=_bare(_word(header, b"delivery-result")),
        aligned=None
        if aligned is None
        else tuple(name for name in ("dkim", "spf") if name in methods),
        dkim_domain=_word(header, b"dkim-domain").lower(),
        dkim_selector=_word(header, b"dkim-selector").lower(),
    )


def _bare(text: str) -> str:
    """In lower case, without comments (they are not nested here)."""
    return " ".join(_COMMENT.sub(" ", text).lower().split())


def _original(octets: bytes, root: Part) -> Header:
    """The header of the letter that is reported (RFC 5965 §2, third part)."""
    for part in root.children:
        if part.message is not None:
            return part.message.header
        if part.type == "text/rfc822-headers":
            end = min(part.body_end, part.body_start + MAX_FEEDBACK)
            return Header(decode(octets[part.body_start : end], part.encoding))
    return Header(b"")


def _word(header: Header, name: bytes) -> str:
    return _short(header.text(name))


def _words(header: Header, name: bytes) -> tuple[str, ...]:
    values = header.all(name)[:MAX_LISTED]
    return tuple(
        _short(b" ".join(value.split()).decode("utf-8", "replace")) for value in values
    )


def _short(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.strip()[:MAX_WORD])


def _path(text: str) -> str:
    return text.strip().removeprefix("<").removesuffix(">")


def _address(text: str) -> str:
    bare = text.strip("[]")
    if bare[:5].lower() == "ipv6:":
        bare = bare[5:]
    try:
        return str(ip_address(bare))
    except ValueError:
        return ""


def _number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        return 1
    return min(max(int(text), 1), MAX_COUNT)


# -- writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """A report of ours about a letter. Times are Unix seconds."""

    reporting_mta: str  # our host name
    sender: str  # our address
    to: str  # who is responsible
    feedback_type: str = "abuse"
    letter: bytes  # as it came; at least its header
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    source_ip: str = ""
    arrived_at: float | None = None
    reported_at: float
    user_agent: str
    token: str  # chance: letters and digits, 16 or more


def compose_complaint(complaint: Complaint) -> bytes:
    """Write an abuse report (RFC 5965 §2): for people, for programs, the letter.

    It is 7-bit.

    Raises:
        ComposeError: an address that is none.
    """
    fields = [
        ("Date", plain("Date", format_date(int(complaint.reported_at)))),
        ("From", address_list("From", [Mailbox(address=complaint.sender)])),
        ("To", address_list("To", [Mailbox(address=complaint.to)])),
        (
            "Subject",
            unstructured("Subject", f"Abuse report ({complaint.feedback_type})"),
        ),
        (
            "Message-ID",
            message_ids(
                "Message-ID",
                [f"<{complaint.token}.arf@{complaint.sender.rpartition('@')[2]}>"],
            ),
        ),
        ("Auto-Submitted", plain("Auto-Submitted", "auto-generated")),
    ]
    body = multipart(
        "report",
        [_for_people(complaint), _for_programs(complaint), _reported(complaint)],
        token=complaint.token,
        parameters=[("report-type", "feedback-report")],
    )
    return write_message(fields, body)


def _for_people(complaint: Complaint) -> Entity:
    came = f" from {complaint.source_ip}" if complaint.source_ip else ""
    text = (
        f"이 편지에 대한 신고입니다 ({complaint.feedback_type}).\n\n"
        f"This is a report ({complaint.feedback_type}) about the letter below, "
        f"which {complaint.reporting_mta} received{came}.\n"
    )
    return text_entity(text, described=NOTHING)


def _for_programs(complaint: Complaint) -> Entity:
    """RFC 5965 §3.1, §3.2, §3.3."""
    lines = [
        f"Feedback-Type: {clean(complaint.feedback_type, 40)}",
        f"User-Agent: {clean(complaint.user_agent, 100)}",
        "Version: 1",
        f"Reporting-MTA: dns; {clean(complaint.reporting_mta, MAX_WORD)}",
        f"Original-Mail-From: <{clean(complaint.mail_from, MAX_WORD)}>",
    ]
    lines += [
        f"Original-Rcpt-To: <{clean(each, MAX_WORD)}>"
        for each in complaint.rcpt_to[:MAX_LISTED]
    ]
    if complaint.source_ip:
        lines.append(f"Source-IP: {clean(complaint.source_ip, 50)}")
    if complaint.arrived_at is not None:
        lines.append(f"Arrival-Date: {format_date(int(complaint.arrived_at))}")
    body = "".join(f"{line}\r\n" for line in lines).encode("ascii")
    content_type = b"Content-Type: message/feedback-report\r\n"
    return Entity(fields=(("Content-Type", content_type),), body=(body,))


def _reported(complaint: Complaint) -> Entity:
    """The letter, or its header where it can't travel in 7 bits unchanged."""
    converted = to_seven_bit(complaint.letter)
    if not converted.obstacles and not why_not_lines(converted.octets):
        return message_entity(converted.octets)
    end = _HEADER_END.search(complaint.letter)
    header = complaint.letter[: end.start()] if end else complaint.letter
    header = re.sub(rb"\r\n|\r|\n", b"\r\n", header[:MAX_FEEDBACK])
    return file_entity(
        header.rstrip(b"\r\n") + b"\r\n", "text/rfc822-headers", described=NOTHING
    )
