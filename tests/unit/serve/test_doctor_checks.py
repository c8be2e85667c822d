"""What the doctor says of facts, and in which words; nothing is asked of anybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pyeonji.serve.doctor import gather
from pyeonji.serve.doctor.checks import check_host
from pyeonji.serve.doctor.facts import (
    AddressAsked,
    CertificateSeen,
    ClockKept,
    DiskSeen,
    HostAsked,
    QueueSeen,
)
from pyeonji.serve.doctor.findings import Severity
from pyeonji.serve.doctor.words import WORDS

NOW = 1_800_000_000.0


def codes(**facts: object) -> dict[str, Severity]:
    asked = HostAsked(hostname="mail.example.test", now=NOW, **facts)  # type: ignore[arg-type]
    return {each.code: each.severity for each in check_host(asked)}


DAY = 86400.0
GOOD = {"file": "c.pem", "names": ("mail.example.test",)}


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ({"not_after": NOW + 60 * DAY}, "certificate"),
        ({"not_after": NOW + 13 * DAY}, "certificate.expires"),
        ({"not_after": NOW - 2 * DAY}, "certificate.expired"),
        ({"not_after": NOW + DAY, "not_before": NOW + 1}, "certificate.future"),
        ({"not_after": NOW + 60 * DAY, "chain_error": "?"}, "certificate.chain"),
        ({"not_after": NOW + 60 * DAY, "needed": ("a.test",)}, "certificate.names"),
        ({"not_after": NOW + 60 * DAY, "key_readable": True}, "certificate.key"),
        (
            {"not_after": NOW + 60 * DAY, "shown_digest": "a", "file_digest": "b"},
            "certificate.stale",
        ),
        ({"error": "gone"}, "certificate.unreadable"),
    ],
)
def test_certificates(seen: dict[str, object], code: str) -> None:
    found = codes(certificate=CertificateSeen(**{**GOOD, **seen}))  # type: ignore[arg-type]
    assert code in found


def test_a_wildcard_covers_one_label() -> None:
    """RFC 6125 §6.4.3."""
    seen = CertificateSeen(
        file="c",
        names=("*.example.test",),
        needed=("mail.example.test", "a.b.example.test", "example.test"),
        not_after=NOW + 60 * DAY,
    )
    asked = HostAsked(hostname="mail.example.test", now=NOW, certificate=seen)
    [missing] = [x for x in check_host(asked) if x.code == "certificate.names"]
    assert missing.values["names"] == "a.b.example.test, example.test"


def test_disk_and_queue() -> None:
    full = DiskSeen(
        folder="d",
        free_octets=1,
        total_octets=100,
        free_inodes=5,
        total_inodes=100,
        loose=("a", "b", "c", "d"),
    )
    found = codes(disk=full, queue=QueueSeen(letters=20_000, held=1, oldest_s=2 * DAY))
    assert found["disk.out"] is Severity.PROBLEM
    assert found["inodes.low"] is Severity.WARNING
    assert found["data.loose"] is Severity.PROBLEM
    assert {"queue.held", "queue.old", "queue.long"} <= found.keys()
    free = DiskSeen(folder="d", free_octets=50, total_octets=100)
    assert {"disk", "data", "queue"} <= codes(disk=free, queue=QueueSeen()).keys()


def test_a_hook_that_hangs() -> None:
    asked = HostAsked(hostname="mail.example.test", now=NOW, hanging={"a:B": 3})
    [found] = [x for x in check_host(asked) if x.code == "hook.hangs"]
    assert (found.severity, found.subject) == (Severity.WARNING, "a:B")
    assert found.values["count"] == "3"
    assert "hook.hangs" not in codes()


def test_a_private_address_is_told() -> None:
    from pyeonji.base.dns import DnsAnswer, DnsStatus

    private = AddressAsked(
        address="192.168.1.2",
        reverse=DnsAnswer(status=DnsStatus.NO_NAME),
        forward={},
        listed={},
    )
    assert {"address.private", "reverse.missing"} <= codes(addresses=(private,)).keys()


@pytest.mark.parametrize(
    ("kept", "error_s", "code"),
    [
        (True, 0.02, "clock.kept"),
        (True, 40.0, "clock.alone"),
        (False, 0.0, "clock.alone"),
    ],
)
def test_a_clock_that_the_kernel_knows_of(
    kept: bool, error_s: float, code: str
) -> None:
    found = codes(clock=ClockKept(kept=kept, error_s=error_s), clock_source="kernel")
    assert code in found


def test_every_code_has_words() -> None:
    """The codes in the checks' source; each in both languages."""
    folder = Path(gather.__file__).parent
    used: set[str] = set()
    for file in (folder / "checks.py", folder / "zone_checks.py"):
        calls = r'(?:well|note|warning|problem)\(\s*f?"([a-z_.-]+)"'
        used |= set(re.findall(calls, file.read_text()))
    assert len(used) > 40
    assert used <= WORDS.keys()
    assert {"disk", "disk.low", "disk.out", "inodes.out", "spf.missing"} <= WORDS.keys()
    for english, korean in WORDS.values():
        assert english[0].isascii()
        assert not korean[0].isascii()
        assert bool(english[1]) == bool(korean[1])
