"""The reports in a letter, whichever way its parts were packed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.message.encoding import decode
from pyeonji.message.scan import scan
from pyeonji.mta.reports.arf import AbuseReport, read_abuse
from pyeonji.mta.reports.dmarc import AggregateReport, read_aggregate
from pyeonji.mta.reports.tls import TlsReport, read_tls
from pyeonji.mta.reports.tree import NotReadable
from pyeonji.mta.reports.unpack import MAX_PACKED, unpacked

if TYPE_CHECKING:
    from pyeonji.message.scan import Part

MAX_REPORTS: Final = 16
"""Of one letter that are read; there should be one."""

PACKED_TYPES: Final = frozenset(
    {
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "application/x-zip",
        "application/x-zip-compressed",
        "application/octet-stream",
        "application/tlsrpt+gzip",
        "application/tlsrpt+json",
        "application/json",
        "application/xml",
        "text/xml",
    }
)
"""Types under which reports come; what is inside decides."""

Report = AggregateReport | TlsReport | AbuseReport


@dataclass(slots=True)
class Found:
    """The reports of a letter, and why parts that looked like some are none."""

    reports: list[Report] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def reports_in(octets: bytes) -> Found:
    """Look into a letter, or into a bare report's file; never fails."""
    found = Found()
    if _bare(octets):
        _look(octets, found)
        return found
    root = scan(octets)
    abuse = read_abuse(octets, root)
    if abuse is not None:
        found.reports.append(abuse)
        return found
    for part in root.walk():
        if part.type not in PACKED_TYPES:
            continue
        if len(found.reports) + len(found.refused) >= MAX_REPORTS:
            break
        _look(content_of(octets, part), found)
    return found


def content_of(octets: bytes, part: Part) -> bytes:
    """A part's decoded content, at most a little more than may be opened."""
    end = min(part.body_end, part.body_start + 2 * MAX_PACKED)
    return decode(bytes(octets[part.body_start : end]), part.encoding)


def _bare(octets: bytes) -> bool:
    head = octets[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"<", b"{"))


def _look(octets: bytes, found: Found) -> None:
    try:
        report = unpacked(octets)
        head = report[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(b"{"):
            found.reports.append(read_tls(report))
        else:
            found.reports.append(read_aggregate(report))
    except NotReadable as error:
        found.refused.append(str(error))
