"""Reports that come by mail are delivered, read in passing, and summed up."""

from __future__ import annotations

import gzip
import smtplib
import time
from pathlib import Path
from typing import Any

from tests.running import DOMAIN, HOST, Server
from tests.unit.mta_reports.test_reports_keeping import FAILURE
from tests.unit.mta_reports.test_reports_read import COMPLAINT, REPORT, letter

from pyeonji.mta.reports.arf import compose_complaint
from pyeonji.mta.reports.dmarc import write_aggregate

NOW = int(time.time())


def until(true: Any) -> Any:
    deadline = time.monotonic() + 20
    while not (found := true()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_reports_by_mail_and_by_hand(tmp_path: Path) -> None:
    from dataclasses import replace

    recent = replace(REPORT, begin=NOW - 86400, end=NOW)
    octets = letter(gzip.compress(write_aggregate(recent)), "application/gzip", "r.gz")
    complaint = compose_complaint(COMPLAINT)
    assert recent.published.domain == DOMAIN
    with Server(accounts=("kim",)) as server:
        with smtplib.SMTP(HOST, server.port("smtp")) as smtp:
            for each in (octets, complaint, FAILURE):
                smtp.sendmail("r@receiver.test", f"postmaster@{DOMAIN}", each)
        said = until(
            lambda: (x := server.run_json("reports", "dmarc", DOMAIN))["rows"] and x
        )
        assert (said["letters"], said["passed"]) == (18, 17)
        assert said["reporters"] == [
            {"organization": "Receiver & Sons", "reports": 1, "count": 18}
        ]
        assert said["rows"][0] == {
            "source": "192.0.2.1",
            "header_from": DOMAIN,
            "disposition": "none",
            "dkim": "pass",
            "spf": "fail",
            "count": 17,
        }
        told = until(lambda: server.run_json("reports", "abuse", DOMAIN)["complaints"])
        assert told == [
            {
                "type": "abuse",
                "mail_from": f"spam@{DOMAIN}",
                "source": "192.0.2.1",
                "count": 1,
            }
        ]
        [failed] = until(
            lambda: server.run_json("reports", "failures", DOMAIN)["failures"]
        )
        assert (failed["failed"], failed["delivery"]) == ("dmarc", "reject")
        assert b"192.0.2.77" in server.run("reports", "failures", DOMAIN)
        # the same by hand is known; a broken one is told
        file = tmp_path / "r.eml"
        file.write_bytes(octets)
        assert (
            server.run("reports", "read", str(file))
            == b"kept: 0, known: 1, foreign: 0\n"
        )
        server.run("reports", "read", "-", stdin=b"hello\r\n\r\n", code=1)
        assert b"17 of 18 letters passed" in server.run("reports", "dmarc", DOMAIN)
        assert b"no TLS reports" in server.run("reports", "tls", DOMAIN)
        server.run("reports", "dmarc", "other.test", code=1)
        # what we complain of, another reads
        made = server.run("reports", "complain", str(file), "--to", "abuse@a.test")
        assert b"Feedback-Type: abuse\r\n" in made
