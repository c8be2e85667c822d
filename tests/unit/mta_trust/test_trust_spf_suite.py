"""The published tests of RFC 7208: tests/corpus/published/rfc7208-tests.yml."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from tests.unit.mta_trust.zones import Zone

from pyeonji.mta.trust.spf import check_spf

SUITE = Path(__file__).parents[2] / "corpus" / "published" / "rfc7208-tests.json"
SCENARIOS = json.loads(SUITE.read_text("utf-8"))
CASES = [
    pytest.param(scenario["zone"], test, id=f"{scenario['description']}: {name}")
    for scenario in SCENARIOS
    for name, test in scenario["tests"].items()
]


def test_all_are_there() -> None:
    assert len(CASES) == 203
    assert len(SCENARIOS) == 16


@pytest.mark.parametrize(("zone", "test"), CASES)
def test_case(zone: dict[str, Any], test: dict[str, Any]) -> None:
    """The first of several results that are allowed is the preferred one."""
    verdict = Zone(zone).run(
        check_spf(
            ip_address(test["host"]),
            helo=test["helo"],
            mail_from=test["mailfrom"] or "",
            receiver="mail.pyeonji.test",
            unix_second=1_700_000_000,
        )
    )
    results = test["result"]
    preferred = results[0] if isinstance(results, list) else results
    assert verdict.result == preferred, verdict.reason
    assert verdict.reason
    expected = test.get("explanation", "DEFAULT")
    if verdict.result == "fail":
        assert verdict.explanation == ("" if expected == "DEFAULT" else expected)
