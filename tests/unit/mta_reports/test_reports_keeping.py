"""What is kept of a report, and which letters are taken for one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below
from tests.unit.mta_reports.test_reports_read import COMPLAINT, REPORT, letter

from pyeonji.mta.reports.arf import AbuseReport, AuthFailure, compose_complaint
from pyeonji.mta.reports.keeping import (
    HEAD_OCTETS,
    about,
    is_vouched_for,
    kept,
    looks_like_a_report,
)
from pyeonji.mta.reports.letter import reports_in
from pyeonji.mta.reports.tls import PolicyOutcome, TlsFailure, TlsReport
from pyeonji.storage.reports import KeptRow

OURS = {"example.test": "example.test"}
TLS = TlsReport(
    organization="Sender",
    contact="tls@sender.test",
    report_id="7",
    begin=1,
    end=2,
    policies=(
        PolicyOutcome(
            domain="example.test",
            kind="sts",
            successful=100,
            failed=7,
            failures=(
                TlsFailure(result="certificate-expired", sessions=5, receiving_mx="mx"),
            ),
        ),
        PolicyOutcome(domain="other.test", kind="sts", successful=9, failed=0),
    ),
)


def test_dmarc() -> None:
    assert about(REPORT) == {"example.test"}
    [found] = kept(REPORT, OURS, 5.0)
    assert (found.kind, found.domain, found.received_at) == (
        "dmarc",
        "example.test",
        5.0,
    )
    assert found.rows[0] == KeptRow(
        source="192.0.2.1",
        name="example.test",
        outcome="none",
        dkim="pass",
        spf="fail",
        count=17,
    )
    assert list(kept(REPORT, {}, 5.0)) == []
    # a domain below ours is counted for ours
    below = replace(
        REPORT, published=replace(REPORT.published, domain="in.example.test")
    )
    [found] = kept(below, {"in.example.test": "example.test"}, 5.0)
    assert found.domain == "example.test"


def test_tls() -> None:
    """Failures that no detail tells of are counted, too; others' domains are not."""
    assert about(TLS) == {"example.test", "other.test"}
    [found] = kept(TLS, OURS, 5.0)
    assert found.rows == (
        KeptRow(source="", name="sts", outcome="", count=100),
        KeptRow(source="mx", name="sts", outcome="certificate-expired", count=5),
        KeptRow(source="", name="sts", outcome="failure", count=2),
    )


def test_abuse() -> None:
    [report] = reports_in(compose_complaint(COMPLAINT)).reports
    [found] = kept(report, OURS, 5.0)
    assert (found.kind, found.report_id) == ("abuse", "<1@example.test>")
    assert found.rows == (
        KeptRow(source="192.0.2.1", name="spam@example.test", outcome="abuse", count=1),
    )


FAILURE = b"""\
From: reports@receiver.test\r
Content-Type: multipart/report; report-type=feedback-report; boundary=b\r
\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: auth-failure\r
User-Agent: Lua/1.0\r
Version: 1\r
Original-Mail-From: bounce@forger.test\r
Arrival-Date: Wed, 25 Nov 2026 04:00:00 +0000\r
Source-IP: 192.0.2.77\r
Reported-Domain: EXAMPLE.test\r
Auth-Failure: dmarc (p=reject)\r
Delivery-Result: reject\r
Identity-Alignment: spf\r
DKIM-Domain: forger.test\r
DKIM-Selector: s1\r
SPF-DNS: txt : forger.test : "v=spf1 +all"\r
\r
--b\r
Content-Type: text/rfc822-headers\r
\r
From: Kim <kim@example.test>\r
Message-ID: <9@forger.test>\r
\r
--b--\r
"""


def test_a_letter_that_failed() -> None:
    """RFC 6591 §3.1, RFC 7489 §7.3.1: what failed, and what became of it."""
    [report] = reports_in(FAILURE).reports
    assert isinstance(report, AbuseReport)
    assert report.failure == AuthFailure(
        kind="dmarc",
        delivery="reject",
        aligned=("spf",),
        dkim_domain="forger.test",
        dkim_selector="s1",
    )
    assert about(report) == {"example.test"}
    [found] = kept(report, OURS, 5.0)
    assert (found.kind, found.organization) == ("failure", "Lua/1.0")
    assert found.rows == (
        KeptRow(
            source="192.0.2.77",
            name="forger.test",
            outcome="dmarc reject",
            dkim="fail",
            spf="pass",
            count=1,
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "domains", "dkim", "outcome"),
    [
        (b"Reported-Domain: EXAMPLE.test\r\n", b"", {"example.test"}, "fail", "dmarc"),
        (b"Identity-Alignment: spf\r\n", b"", {"example.test"}, "", "dmarc"),
        (b": spf\r\n", b": dkim, spf\r\n", {"example.test"}, "pass", "dmarc"),
        (b": spf\r\n", b": none\r\n", {"example.test"}, "fail", "dmarc"),
        (b"Auth-Failure: dmarc", b"X: y", {"example.test"}, "fail", "unknown"),
    ],
)
def test_reports_of_failures_that_say_less(
    old: bytes, new: bytes, domains: set[str], dkim: str, outcome: str
) -> None:
    assert old in FAILURE
    [report] = reports_in(FAILURE.replace(old, new)).reports
    assert about(report) == domains
    [found] = kept(report, OURS, 5.0)
    assert found.rows[0].dkim == dkim
    assert found.rows[0].outcome.split()[0] == outcome


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"Subject: Report Domain: example.test Submitter: a\r\n\r\n", True),
        (b"From: a\r\nSubject: [x]\r\n Report\tDomain: example.test\r\n\r\n", True),
        (b"TLS-Report-Domain: example.test\r\n\r\n", True),
        (
            b"Content-Type: multipart/report;\r\n report-type=feedback-report\r\n\r\n",
            True,
        ),
        (b'Content-Type: multipart/report; report-type="tlsrpt"\r\n\r\n', True),
        (b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n", False),
        (b"Subject: a report\r\nX: Domain:\r\n\r\n", False),
        (b"Subject: hello\r\n\r\nSubject: Report Domain: x\r\n", False),
        (b"", False),
    ],
)
def test_which_letters_are_read(head: bytes, expected: bool) -> None:
    assert looks_like_a_report(head) is expected


def test_our_own_are() -> None:
    assert looks_like_a_report(letter(b"x", "application/gzip", "a")[:HEAD_OCTETS])
    assert looks_like_a_report(compose_complaint(COMPLAINT)[:HEAD_OCTETS])


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        (b"Received: x\r\n", True),
        (b"Authentication-Results: mx; spf=pass;\r\n\tdkim=pass header.d=a\r\n", True),
        (b"Authentication-Results: mx; dkim=fail;\r\n\tdmarc=pass (p)\r\n", True),
        (b"Authentication-Results: mx; spf=pass smtp.helo=a; dkim=none\r\n", False),
        (b"Authentication-Results: mx; dkim=fail (not dkim=passed)\r\n", False),
        (b"Authentication-Results: mx; dkim=none (; dkim=pass )\r\n", False),
        (
            (
                b"Authentication-Results: mx;\r\n"
                b'\tspf=none smtp.mailfrom="\\"x; dkim=pass\\"@c.test"; dkim=none\r\n'
            ),
            False,
        ),
        (
            (
                b'Received: x\r\n\tfor <"a dkim=pass b"@c.test>;\r\n\tnow\r\n'
                b"Authentication-Results: mx; dkim=none\r\n"
            ),
            False,
        ),
    ],
)
def test_who_is_believed(prefix: bytes, expected: bool) -> None:
    """RFC 8460 §3: a report without a good signature is ignored."""
    assert is_vouched_for(prefix) is expected


def test_long_subjects_take_no_long_time() -> None:
    """Time grows as the header does, however it is folded."""
    head = b"Subject: " + b"report\r\n " * (HEAD_OCTETS // 9) + b"x"
    with cpu_time_below(1.0):
        assert not looks_like_a_report(head)


@given(st.binary(max_size=200))
def test_any_octets_never_raise(octets: bytes) -> None:
    looks_like_a_report(b"eport" + octets)
    is_vouched_for(octets)
