"""What the doctor says: a code, how bad it is, and the values it speaks of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


class Severity(IntEnum):
    """How bad something is; the worst makes the exit code."""

    WELL = 0
    NOTE = 1  # good to know; nothing is wrong
    WARNING = 2  # mail comes and goes, but not as well as it should
    PROBLEM = 3  # mail is lost, refused or open to others


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `words.told` makes sentences of it."""

    code: str
    severity: Severity
    subject: str  # a name, an address, a path
    values: dict[str, str] = field(default_factory=dict)


def well(code: str, subject: str, **values: object) -> Finding:
    """It is as it should be."""
    return _found(Severity.WELL, code, subject, values)


def note(code: str, subject: str, **values: object) -> Finding:
    """Something to know."""
    return _found(Severity.NOTE, code, subject, values)


def warning(code: str, subject: str, **values: object) -> Finding:
    """Something to mend when there is time."""
    return _found(Severity.WARNING, code, subject, values)


def problem(code: str, subject: str, **values: object) -> Finding:
    """Something to mend now."""
    return _found(Severity.PROBLEM, code, subject, values)


def _found(
    severity: Severity, code: str, subject: str, values: dict[str, object]
) -> Finding:
    shown = {name: str(value) for name, value in values.items()}
    return Finding(code=code, severity=severity, subject=subject, values=shown)


def exit_code(findings: list[Finding]) -> int:
    """0 all is well, 1 there are warnings, 2 there are problems."""
    worst = max((each.severity for each in findings), default=Severity.WELL)
    return max(0, worst - 1)
