"""Make rfc7208-tests.json from rfc7208-tests.yml: `python spf_as_json.py`.

Only this needs PyYAML; the tests read the JSON, and quicker. What the suite
leaves to its drivers is done here: entries of type SPF stand for TXT, too,
unless TXT is given.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-not-found,import-untyped,unused-ignore]

HERE = Path(__file__).parent


def zone(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """{owner: {type: [text, …] or "TIMEOUT"}}; "*" is any other type."""
    return {str(owner).lower().rstrip("."): node(e) for owner, e in data.items()}


def node(entries: list[Any]) -> dict[str, Any]:
    records: dict[str, Any] = {}
    spf: list[str] = []
    for entry in entries:
        if entry == "TIMEOUT":
            records["*"] = "TIMEOUT"
            continue
        ((kind, value),) = entry.items()
        if kind == "SPF":
            spf.append(text(value))
        elif value == "NONE":
            records.setdefault(kind, [])
        else:
            records.setdefault(kind, []).append(text(value))
    if spf and "TXT" not in records:
        records["TXT"] = spf
    if records.get("TXT") == [] and "*" in records:
        del records["TXT"]  # it times out
    return records


def text(value: Any) -> str:
    if isinstance(value, dict):
        ((_, value),) = value.items()
    if isinstance(value, list) and value and isinstance(value[0], int):
        return " ".join(str(item) for item in value)  # MX
    return "".join(value) if isinstance(value, list) else str(value)


def main() -> None:
    suite = (HERE / "rfc7208-tests.yml").read_text("utf-8")
    scenarios = [
        {
            "description": scenario["description"],
            "tests": scenario["tests"],
            "zone": zone(scenario["zonedata"]),
        }
        for scenario in yaml.safe_load_all(suite)
    ]
    (HERE / "rfc7208-tests.json").write_text(
        json.dumps(scenarios, indent=1, ensure_ascii=True) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main()
