"""Reports of strangers: read in every packing, bounded in every way."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import zipfile
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.scan import scan
from pyeonji.mta.reports import unpack
from pyeonji.mta.reports.arf import AbuseReport, Complaint, compose_complaint
from pyeonji.mta.reports.dmarc import (
    AggregateReport,
    MethodResult,
    PublishedPolicy,
    ReportRow,
    file_name,
    read_aggregate,
    subject,
    write_aggregate,
)
from pyeonji.mta.reports.letter import reports_in
from pyeonji.mta.reports.tls import TlsReport, read_tls
from pyeonji.mta.reports.tree import MAX_DEPTH, NotReadable, parse_xml
from pyeonji.mta.reports.unpack import unpacked

REPORT = AggregateReport(
    org_name="Receiver & Sons",
    email="dmarc@receiver.test",
    report_id="1.2@receiver.test",
    begin=1_700_000_000,
    end=1_700_086_399,
    published=PublishedPolicy(
        domain="example.test",
        policy="reject",
        subdomains="quarantine",
        adkim="s",
        aspf="r",
        percent="100",
    ),
    rows=(
        ReportRow(
            source="192.0.2.1",
            count=17,
            disposition="none",
            dkim="pass",
            spf="fail",
            header_from="example.test",
            envelope_from="bounce.example.test",
            reasons=("forwarded: known <list>",),
            dkim_results=(
                MethodResult(domain="example.test", result="pass", selector="s1"),
            ),
            spf_results=(
                MethodResult(domain="list.test", result="pass", scope="mfrom"),
            ),
        ),
        ReportRow(
            source="2001:db8::1",
            count=1,
            disposition="reject",
            dkim="fail",
            spf="fail",
            header_from="sub.example.test",
        ),
    ),
)
XML = write_aggregate(REPORT)

TLS = {
    "organization-name": "Sender Inc.",
    "date-range": {
        "start-datetime": "2026-11-24T00:00:00Z",
        "end-datetime": "2026-11-24T23:59:59Z",
    },
    "contact-info": "tls@sender.test",
    "report-id": "7",
    "policies": [
        {
            "policy": {
                "policy-type": "sts",
                "policy-string": ["version: STSv1"],
                "policy-domain": "Example.test",
                "mx-host": "*.example.test",
            },
            "summary": {
                "total-successful-session-count": 5326,
                "total-failure-session-count": 303,
            },
            "failure-details": [
                {
                    "result-type": "certificate-expired",
                    "sending-mta-ip": "2001:db8::1",
                    "receiving-mx-hostname": "mx1.example.test",
                    "failed-session-count": 100,
                }
            ],
        }
    ],
}


def zipped(
    octets: bytes, name: str = "r.xml", method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr(name, octets)
    return made.getvalue()


def letter(octets: bytes, media_type: str, name: str) -> bytes:
    made = EmailMessage()
    made["From"] = "dmarc@receiver.test"
    made["Subject"] = "Report Domain: example.test"
    made.set_content("A report.")
    major, _, minor = media_type.partition("/")
    made.add_attachment(octets, maintype=major, subtype=minor, filename=name)
    return made.as_bytes(policy=made.policy.clone(linesep="\r\n"))


# -- DMARC


def test_what_we_write_we_read_back() -> None:
    assert read_aggregate(XML) == REPORT


@pytest.mark.parametrize(
    ("octets", "media_type", "name"),
    [
        (gzip.compress(XML), "application/gzip", "a!b!1!2.xml.gz"),
        (gzip.compress(XML), "application/octet-stream", "a.gz"),
        (zipped(XML), "application/zip", "a.zip"),
        (zipped(XML), "application/x-zip-compressed", "a.zip"),
        (XML, "text/xml", "a.xml"),
        (XML, "application/xml", "a.xml"),
    ],
)
def test_every_packing(octets: bytes, media_type: str, name: str) -> None:
    assert reports_in(letter(octets, media_type, name)).reports == [REPORT]
    assert reports_in(octets).reports == [REPORT]


def test_the_new_namespace_and_unknown_elements() -> None:
    """RFC 9990's schema has a namespace and more elements; both are no hindrance."""
    text = XML.decode().replace(
        "<feedback>", '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><extension/>'
    )
    text = text.replace(
        "<p>reject</p>", "<p>reject</p><np>reject</np><testing>n</testing>"
    )
    assert read_aggregate(text.encode()) == REPORT
    prefixed = text.replace("<", "<d:").replace("<d:/", "</d:").replace("<d:?", "<?")
    prefixed = prefixed.replace("xmlns=", "xmlns:d=")
    assert read_aggregate(prefixed.encode()) == REPORT


def test_what_cannot_be_a_row_is_left_out() -> None:
    text = XML.decode()
    for old, new in (
        ("<source_ip>192.0.2.1<", "<source_ip>300.0.2.1<"),
        ("<count>17<", "<count>-1<"),
        ("<count>17<", f"<count>{'9' * 400}<"),
        ("<count>17<", "<count>٣<"),
    ):
        read = read_aggregate(text.replace(old, new).encode())
        assert [row.source for row in read.rows] == ["2001:db8::1"], new
    odd = text.replace("<disposition>none<", "<disposition>discard<")
    assert read_aggregate(odd.encode()).rows[0].disposition == "none"


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"<a/>", "no DMARC report"),
        (b"<feedback/>", "of no domain"),
        (b"<feedback><policy_published/></feedback>", "of no domain"),
        (b"<feedback>", "not XML"),
        (b"", "not XML"),
        (b'<?xml version="1.0" encoding="utf-77"?><a/>', "not XML"),
        (b"<!DOCTYPE a><feedback/>", "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "document type"),
        (b"<a>&x;</a>", "not XML"),
        (b"<a>" * (MAX_DEPTH + 1), "deeper"),
        (b"<a>" + b"<b/>" * 500_001 + b"</a>", "more elements"),
    ],
)
def test_what_is_no_report(octets: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        read_aggregate(octets)


# -- bombs


def test_bombs() -> None:
    """Nothing is unpacked beyond MAX_REPORT, whatever the packing says."""
    too_long = b"x" * (unpack.MAX_REPORT + 1)
    for octets in (gzip.compress(too_long), zipped(too_long)):
        assert len(octets) < 100_000
        with pytest.raises(NotReadable, match="unpacks to more"):
            unpacked(octets)
    lying = bytearray(zipped(too_long))
    # the sizes in both headers say 1 octet
    for at in (22, lying.rindex(b"PK\x01\x02") + 24):
        lying[at : at + 4] = (1).to_bytes(4, "little")
    with pytest.raises(NotReadable):
        unpacked(bytes(lying))


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (gzip.compress(XML)[:-9], "too early"),
        (b"\x1f\x8bx" * 10, "broken gzip"),
        (zipped(XML)[:-30], "broken zip"),
        (zipped(XML, method=zipfile.ZIP_LZMA), "never are"),
        (zipped(XML, method=zipfile.ZIP_BZIP2), "never are"),
        (zipped(b"", "folder/"), "without a file"),
    ],
)
def test_broken_packing(octets: bytes, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        unpacked(octets)
    found = reports_in(letter(octets, "application/zip", "a.zip"))
    assert found.reports == []
    assert len(found.refused) == 1


def test_a_long_text_is_cut() -> None:
    assert len(parse_xml(b"<a>" + b"x" * 100_000 + b"</a>").text) == 4096


# -- TLS


def test_a_tls_report() -> None:
    """RFC 8460 §4.4, gzipped or not."""
    octets = json.dumps(TLS).encode()
    read = read_tls(octets)
    assert (read.organization, read.report_id) == ("Sender Inc.", "7")
    assert read.end - read.begin == 86399
    [policy] = read.policies
    assert (policy.domain, policy.kind) == ("example.test", "sts")
    assert (policy.successful, policy.failed) == (5326, 303)
    [failure] = policy.failures
    assert (failure.result, failure.sessions) == ("certificate-expired", 100)
    packed = letter(gzip.compress(octets), "application/tlsrpt+gzip", "a.json.gz")
    assert reports_in(packed).reports == [read]
    assert reports_in(letter(octets, "application/tlsrpt+json", "a")).reports == [read]


@pytest.mark.parametrize(
    "octets",
    [
        b"[]",
        b"{}",
        b'{"policies": 1}',
        b"{",
        b"[" * 5000,
        b'{"a":' + b"1" * 9000 + b"}",
    ],
)
def test_what_is_no_tls_report(octets: bytes) -> None:
    with pytest.raises(NotReadable):
        read_tls(octets)


def test_odd_values_of_a_tls_report() -> None:
    odd = {
        "policies": [
            3,
            {"policy": {"policy-domain": 3}},
            {
                "policy": {"policy-domain": "a.test"},
                "summary": {"total-successful-session-count": "7"},
                "failure-details": {"a": 1},
            },
            {
                "policy": {"policy-domain": "b.test"},
                "summary": {"total-failure-session-count": -3},
                "failure-details": [None, {"failed-session-count": True}],
            },
        ],
        "date-range": {"start-datetime": "0001-01-01T00:00:00+23:59"},
    }
    read = read_tls(json.dumps(odd).encode())
    assert [each.domain for each in read.policies] == ["a.test", "b.test"]
    assert all(x.successful == x.failed == 0 for x in read.policies)
    assert read.begin == 0


# -- abuse

LETTER = b"From: spam@example.test\r\nMessage-ID: <1@example.test>\r\n\r\nBuy!\r\n"

COMPLAINT = Complaint(
    reporting_mta="mail.receiver.test",
    sender="postmaster@receiver.test",
    to="abuse@example.test",
    letter=LETTER,
    mail_from="spam@example.test",
    rcpt_to=("kim@receiver.test", "lee@receiver.test"),
    source_ip="192.0.2.1",
    arrived_at=1_700_000_000,
    reported_at=1_700_000_100,
    user_agent="pyeonji/1",
    token="0123456789abcdef",
)


def test_an_abuse_report_there_and_back() -> None:
    """RFC 5965 §2: three parts; §3: the fields."""
    octets = compose_complaint(COMPLAINT)
    assert octets.isascii()
    root = scan(octets)
    assert [part.type for part in root.children] == [
        "text/plain",
        "message/feedback-report",
        "message/rfc822",
    ]
    [read] = reports_in(octets).reports
    assert isinstance(read, AbuseReport)
    assert read == AbuseReport(
        feedback_type="abuse",
        user_agent="pyeonji/1",
        original_mail_from="spam@example.test",
        original_rcpt_to=("kim@receiver.test", "lee@receiver.test"),
        source_ip="192.0.2.1",
        arrival_date=read.arrival_date,
        reporting_mta="mail.receiver.test",
        message_id="<1@example.test>",
        message_from="spam@example.test",
    )
    assert read.arrival_date.startswith("Tue, 14 Nov 2023 22:13:20")


def test_a_letter_that_is_not_seven_bit_is_told_by_its_header() -> None:
    from dataclasses import replace

    raw = replace(
        COMPLAINT, letter=b"Subject: \xff\r\nMessage-ID: <2@a>\r\n\r\nx\x00\r\n"
    )
    octets = compose_complaint(raw)
    assert scan(octets).children[2].type == "text/rfc822-headers"
    [read] = reports_in(octets).reports
    assert isinstance(read, AbuseReport)
    assert read.message_id == "<2@a>"


def test_lines_cannot_be_slipped_in() -> None:
    from dataclasses import replace

    octets = compose_complaint(replace(COMPLAINT, mail_from="a\r\nIncidents: 99"))
    [read] = reports_in(octets).reports
    assert isinstance(read, AbuseReport)
    assert read.incidents == 1


def test_an_old_report() -> None:
    """RFC 5965 §3.2: Received-Date is Arrival-Date; an address in brackets."""
    text = compose_complaint(COMPLAINT).replace(b"Arrival-Date", b"Received-Date")
    text = text.replace(b"Source-IP: 192.0.2.1", b"Source-IP: [IPv6:2001:db8::1]")
    text = text.replace(b"Version: 1", b"Version: 1\r\nIncidents: 99999999999")
    [read] = reports_in(text).reports
    assert isinstance(read, AbuseReport)
    assert read.arrival_date
    assert read.source_ip == "2001:db8::1"
    assert read.incidents == 1


# -- any octets

PIECES = st.sampled_from(
    [
        b"<feedback>", b"</feedback>", b"<policy_published>", b"<domain>a</domain>",
        b"</policy_published>", b"<record>", b"<row>", b"<count>1</count>",
        b"<source_ip>::1</source_ip>", b"</row>", b"</record>", b"&lt;", b"<![CDATA[",
        b"]]>", b"<!--", b"-->", b"\xff", b"<?xml version='1.0'?>", b"<auth_results/>",
        b"{", b"}", b'"policies":', b"[", b"]", b",", b'"a"', b"1e999", b"\x1f\x8b\x08",
        b"PK\x03\x04", b"Content-Type: multipart/report; boundary=b;",
        b" report-type=feedback-report\r\n", b"\r\n\r\n--b\r\n", b"--b--",
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: x\r\n",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=20))
def test_any_octets_never_raise(pieces: list[bytes]) -> None:
    octets = b"".join(pieces)
    found = reports_in(octets)
    for each in found.reports:
        assert isinstance(each, AggregateReport | TlsReport | AbuseReport)
    for read in (read_aggregate, read_tls, unpacked):
        with contextlib.suppress(NotReadable):
            read(octets)


@given(st.binary(max_size=300))
def test_any_attachment_never_raises(octets: bytes) -> None:
    for head in (b"", b"\x1f\x8b\x08\x00", b"PK\x03\x04"):
        reports_in(letter(head + octets, "application/octet-stream", "a"))


# -- names


def test_names_of_a_report() -> None:
    """RFC 7489 §7.2.1.1."""
    assert file_name("mail.r.test", "example.test", 1, 2, "9f") == (
        "mail.r.test!example.test!1!2!9f.xml.gz"
    )
    assert subject("mail.r.test", "example.test", "9f@r.test") == (
        "Report Domain: example.test Submitter: mail.r.test Report-ID: <9f@r.test>"
    )


def test_any_damage_to_a_zip_is_only_unreadable() -> None:
    """Zip files of strangers: whatever is in them, NotReadable is all they can do."""
    chance = random.Random(5)
    whole = zipped(XML)
    spoilt = []
    for _ in range(3000):
        octets = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            octets[chance.randrange(4, len(octets))] = chance.choice((0, 255, 80))
        spoilt.append(bytes(octets))
    # its name has no characters
    at = whole.rindex(b"PK\x01\x02")
    nameless = bytearray(whole)
    nameless[at + 28 : at + 30] = b"\0\0"
    nameless[at + 30 : at + 32] = b"\5\0"
    for one in (bytes(nameless), *spoilt):
        with contextlib.suppress(NotReadable):
            unpacked(one)
