"""Delivery status notifications: telling a sender what became of a letter.

A report is a multipart/report (RFC 6522) with a text for people in Korean and
English, the same facts for programs (RFC 3464), and the letter or its header.
It is always 7-bit, also for letters with SMTPUTF8 addresses (RFC 6533), and of
bounded size. It goes out under the null reverse path: `reverse_path` of the
report is "" whatever else, so that no report is ever made about a report.

What remote servers said is hostile text: it is escaped, cut and folded here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
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
from pyeonji.message.compose.fold import fold
from pyeonji.message.compose.mailboxes import Mailbox
from pyeonji.message.compose.transfer import Encoding, encode, why_not_lines
from pyeonji.message.convert import to_seven_bit
from pyeonji.message.date import format_date
from pyeonji.message.header import Header
from pyeonji.message.report_words import ENGLISH, KOREAN, SUBJECT, Action, why

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_RETURNED_OCTETS: Final = 256 * 1024
"""A larger letter is not returned; its header is (RFC 3461 §6.2 allows that)."""

MAX_RETURNED_HEADER: Final = 64 * 1024
"""Octets of the header that are returned."""

MAX_DIAGNOSTIC: Final = 1000
"""Characters of a remote server's reply that are repeated."""

MAX_TOLD_RECIPIENTS: Final = 100
"""Recipients listed in the text for people; the other part lists all."""

MAX_SUBJECT: Final = 200
"""Characters of the letter's subject that are repeated."""

MAX_ENVID: Final = 100
"""Characters of an envelope id (RFC 3461 §4.4)."""

_UNPRINTABLE: Final = re.compile(r"[^ -~]")
_NOT_QCHAR: Final = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 §3
_ADDRESS_TYPE: Final = re.compile(r"[A-Za-z0-9-]{1,20}")
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")  # RFC 3463 §2
_HOST: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")


_DEFAULT_STATUS: Final = {
    Action.FAILED: "5.0.0",
    Action.DELAYED: "4.0.0",
    Action.DELIVERED: "2.0.0",
    Action.RELAYED: "2.0.0",
    Action.EXPANDED: "2.0.0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReport:
    """What became of a letter for one recipient (RFC 3464 §2.3).

    Times are Unix seconds. No text needs to be clean.
    """

    final_recipient: str  # the address as we tried it
    action: Action
    status: str = ""  # enhanced status code, e.g. 5.1.1; "" gives x.0.0
    original_recipient: str = ""  # ORCPT, xtext decoded: "type;address"
    remote_mta: str = ""  # name of the server that replied
    diagnostic: str = ""  # what it said, reply code first; or what we found
    diagnostic_type: str = "smtp"  # "x-pyeonji" when the words are our own
    last_attempt_at: float | None = None
    will_retry_until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """All that a report says. Times are Unix seconds."""

    reporting_mta: str  # our host name
    to: str  # reverse path of the letter; never empty
    recipients: tuple[RecipientReport, ...]  # all with actions that go together
    original: bytes  # the letter, or at least its header
    return_full: bool = False  # RET=FULL; only the header for others than failures
    envid: str = ""  # ENVID, xtext decoded
    arrived_at: float | None = None
    deliver_by: float | None = None  # when it was to be there (RFC 2852 §5)
    future_release: str = ""  # "for;3600", "until;…" (RFC 4865 §5.1.2)
    reported_at: float
    token: str  # chance: letters and digits, 16 or more

    @property
    def message_id(self) -> str:
        """Message-ID of the report."""
        return f"<{self.token}.dsn@{_host(self.reporting_mta)}>"


def compose_report(report: DeliveryReport) -> bytes:
    """Write a delivery status notification (RFC 3464).

    Args:
        report: the facts. Send the result with the null reverse path.

    Returns:
        A whole message with CRLF lines, 7-bit unless `to` itself is not ASCII
        (then SMTPUTF8 is needed).

    Raises:
        ComposeError: `to` is no address.
    """
    host = _host(report.reporting_mta)
    sender = Mailbox(address=f"postmaster@{host}", name="Mail Delivery System")
    fields = [
        ("Date", plain("Date", format_date(int(report.reported_at)))),
        ("From", address_list("From", [sender])),
        ("Subject", unstructured("Subject", _subject(report.recipients))),
        ("To", address_list("To", [Mailbox(address=report.to)])),
        ("Message-ID", message_ids("Message-ID", [report.message_id])),
        ("Auto-Submitted", plain("Auto-Submitted", "auto-replied")),
    ]
    body = multipart(
        "report",
        [_for_people(report), _for_programs(report), _returned(report)],
        token=report.token,
        parameters=[("report-type", "delivery-status")],
    )
    return write_message(fields, body)


def _host(name: str) -> str:
    """A host name that can stand in an address."""
    return name if _HOST.fullmatch(name) and len(name) <= 255 else "localhost"


def clean(text: str, limit: int = MAX_DIAGNOSTIC) -> str:
    r"""Text of a stranger as printable ASCII on one line, at most so long.

    Line ends become spaces, other characters `\x{…}` with their code.
    """
    line = " ".join(text[:limit].split())
    escaped = _UNPRINTABLE.sub(lambda m: f"\\x{{{ord(m[0]):02X}}}", line)
    return escaped if len(escaped) <= limit else escaped[: limit - 1] + "\\"


# -- the text for people -------------------------------------------------------


def _actions(recipients: Sequence[RecipientReport]) -> list[Action]:
    """The actions that occur, the worst first."""
    present = {recipient.action for recipient in recipients}
    return [action for action in Action if action in present]


def _subject(recipients: Sequence[RecipientReport]) -> str:
    return SUBJECT[_actions(recipients)[0]]


def _for_people(report: DeliveryReport) -> Entity:
    blocks = []
    told = report.recipients[:MAX_TOLD_RECIPIENTS]
    for action in _actions(told):
        blocks += [KOREAN[action], ENGLISH[action]]
        blocks += [_told(one) for one in told if one.action is action]
    more = len(report.recipients) - len(told)
    if more:
        blocks.append(f"외 {more}명 / and {more} more")
    subject = _subject_of(report.original)
    if subject:
        blocks.append(f"편지의 제목 / subject of the letter: {subject}")
    blocks.append(f"{_host(report.reporting_mta)}의 우편 서버 / the mail server there")
    return text_entity("\r\n\r\n".join(blocks) + "\r\n", described=NOTHING)


def _subject_of(original: bytes) -> str:
    """The letter's subject, so that the sender knows which one it was."""
    end = _HEADER_END.search(original)
    header = original[: end.end()] if end else original
    text = Header(header[:MAX_RETURNED_HEADER]).text(b"subject")
    shown = "".join(c if c.isprintable() else " " for c in text[:MAX_SUBJECT])
    return " ".join(shown.split())


def _told(recipient: RecipientReport) -> str:
    address = "".join(c if c.isprintable() else "?" for c in recipient.final_recipient)
    lines = [f"  <{address[:320]}>"]
    reason = None
    if recipient.action in {Action.FAILED, Action.DELAYED}:
        reason = why(recipient.status)
    if reason is not None:
        lines.append(f"    {reason[0]} / {reason[1]}")
    if recipient.diagnostic:
        remote = clean(recipient.remote_mta, 255)
        says = f"{remote}: " if remote else ""
        lines.append(f"    {says}{clean(recipient.diagnostic)}")
    if recipient.will_retry_until is not None:
        until = format_date(int(recipient.will_retry_until))
        lines.append(f"    이때까지 시도합니다 / tried until: {until}")
    return "\r\n".join(lines)


# -- the facts for programs ----------------------------------------------------


def _for_programs(report: DeliveryReport) -> Entity:
    groups = [_per_message(report), *map(_per_recipient, report.recipients)]
    body = b"\r\n".join(groups)
    # 7bit is required for this type (RFC 3464 §2.1)
    content_type = b"Content-Type: message/delivery-status\r\n"
    return Entity(fields=(("Content-Type", content_type),), body=(body,))


def _per_message(report: DeliveryReport) -> bytes:
    """RFC 3464 §2.2."""
    lines = []
    if report.envid:
        lines.append(_line("Original-Envelope-Id", clean(report.envid, MAX_ENVID)))
    lines.append(_line("Reporting-MTA", f"dns; {_host(report.reporting_mta)}"))
    if report.arrived_at is not None:
        lines.append(_line("Arrival-Date", format_date(int(report.arrived_at))))
    if report.deliver_by is not None:
        lines.append(_line("Deliver-By-Date", format_date(int(report.deliver_by))))
    if report.future_release:
        lines.append(_line("Future-Release-Request", clean(report.future_release, 40)))
    return b"".join(lines)


def _per_recipient(recipient: RecipientReport) -> bytes:
    """RFC 3464 §2.3."""
    lines = []
    if recipient.original_recipient:
        typed = _typed_address(recipient.original_recipient)
        lines.append(_line("Original-Recipient", typed))
    status = recipient.status
    if not _STATUS.fullmatch(status):
        status = _DEFAULT_STATUS[recipient.action]
    lines += [
        _line("Final-Recipient", _address(recipient.final_recipient)),
        _line("Action", recipient.action.value),
        _line("Status", status),
    ]
    if recipient.remote_mta:
        lines.append(_line("Remote-MTA", f"dns; {clean(recipient.remote_mta, 255)}"))
    if recipient.diagnostic:
        kind = clean(recipient.diagnostic_type, 20)
        lines.append(_line("Diagnostic-Code", f"{kind}; {clean(recipient.diagnostic)}"))
    if recipient.last_attempt_at is not None:
        at = format_date(int(recipient.last_attempt_at))
        lines.append(_line("Last-Attempt-Date", at))
    if recipient.will_retry_until is not None:
        until = format_date(int(recipient.will_retry_until))
        lines.append(_line("Will-Retry-Until", until))
    return b"".join(lines)


def _line(name: str, value: str) -> bytes:
    """One field; a value without spaces for 900 octets is cut into several."""
    words = [
        word[start : start + 900]
        for word in value.split(" ")
        for start in range(0, max(len(word), 1), 900)
    ]
    return fold(name, [[b" " + word.encode("ascii")] for word in words])


def _typed_address(text: str) -> str:
    """ORCPT's "type;address" with both halves made safe (RFC 3461 §4.2)."""
    kind, semicolon, address = text.partition(";")
    if not semicolon or not _ADDRESS_TYPE.fullmatch(kind):
        return _address(text)
    if kind.lower() == "utf-8":
        return f"utf-8; {_unitext(address)}"
    return f"{kind}; {clean(address, 512)}"


def _address(address: str) -> str:
    if address.isascii():
        return f"rfc822; {clean(address, 512)}"
    return f"utf-8; {_unitext(address)}"


def _unitext(address: str) -> str:
    """The 7-bit form of an international address (RFC 6533 §3).

    What already has that form (an ORCPT) is kept.
    """
    text = address.strip()[:512]
    if text.isascii() and "\\x{" in text:
        return clean(text, 512)
    return _NOT_QCHAR.sub(lambda m: f"\\x{{{ord(m[0]):02X}}}", text)


# -- the letter ----------------------------------------------------------------


def _returned(report: DeliveryReport) -> Entity:
    failed = any(one.action is Action.FAILED for one in report.recipients)
    # RET matters for failures only; others give the header (RFC 3461 §4.3)
    if report.return_full and failed and len(report.original) <= MAX_RETURNED_OCTETS:
        whole = _whole(report.original)
        if whole is not None:
            return whole
    return _header_alone(report.original)


def _whole(original: bytes) -> Entity | None:
    """The letter as message/rfc822, or as message/global if its header is UTF-8.

    None where it cannot travel in 7 bits unchanged in meaning.
    """
    end = _HEADER_END.search(original)
    header = original[: end.end()] if end else original
    if not header.isascii():
        return _encoded("message/global", original) if _is_utf8(header) else None
    converted = to_seven_bit(original)
    if converted.obstacles or why_not_lines(converted.octets):
        return None
    return message_entity(converted.octets)


def _header_alone(original: bytes) -> Entity:
    end = _HEADER_END.search(original)
    header = original[: end.start()] if end else original
    if len(header) > MAX_RETURNED_HEADER:
        cut = header.rfind(b"\n", 0, MAX_RETURNED_HEADER)
        header = header[: cut if cut > 0 else MAX_RETURNED_HEADER]
    header = re.sub(rb"\r\n|\r|\n", b"\r\n", header).rstrip(b"\r\n") + b"\r\n"
    if not header.isascii() and _is_utf8(header):
        return _encoded("message/global-headers", header)
    return file_entity(header, "text/rfc822-headers", described=NOTHING)


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoded(media_type: str, octets: bytes) -> Entity:
    """A message/global type, which may be coded (RFC 6533 §4.4)."""
    used, body = encode(octets, Encoding.BASE64, text=False)
    fields = (
        ("Content-Type", plain("Content-Type", media_type)),
        (
            "Content-Transfer-Encoding",
            plain("Content-Transfer-Encoding", used.value),
        ),
    )
    return Entity(fields=fields, body=(body,))
