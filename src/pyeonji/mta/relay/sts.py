"""MTA-STS: what a domain says of the hosts that take its mail (RFC 8461).

Pure: the TXT record, the policy and the hosts it covers are read here; who
fetches and keeps policies is `mta.relay.policies`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_POLICY_OCTETS: Final = 64 * 1024  # RFC 8461 §3.3 suggests as much
MAX_PATTERNS: Final = 1000
MAX_AGE_S: Final = 31_557_600  # RFC 8461 §3.2: about a year

_RECORD: Final = re.compile(r"v=STSv1\s*;(.*)", re.DOTALL)
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*:(.*)")
_PATTERN: Final = re.compile(r"(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}")


class PolicyRefused(PermanentError):
    """A policy that can't be read: it counts as none."""


class Mode(StrEnum):
    """What follows when a host is not as the policy says (RFC 8461 §5)."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class StsPolicy:
    """A domain's policy."""

    mode: Mode
    max_age_s: int
    mx: tuple[str, ...] = ()  # lower case; "*.a.test" stands for one more label

    def covers(self, host: str) -> bool:
        """Whether a host may take the domain's mail (RFC 8461 §4.1)."""
        name = host.rstrip(".").lower()
        parent = "*." + name.partition(".")[2]
        return name in self.mx or parent in self.mx

    def lines(self) -> tuple[str, ...]:
        """As in its file, for reports (RFC 8460 §4.5)."""
        return (
            "version: STSv1",
            f"mode: {self.mode.value}",
            *(f"mx: {each}" for each in self.mx),
            f"max_age: {self.max_age_s}",
        )


def read_record(records: Sequence[str]) -> str | None:
    """The id that `_mta-sts` names; None: the domain has no policy.

    More than one record counts as none (RFC 8461 §3.1).
    """
    found = [match for one in records if (match := _RECORD.fullmatch(one))]
    if len(found) != 1:
        return None
    for field in found[0][1].split(";"):
        name, equals, value = field.partition("=")
        if equals and name.strip() == "id":
            value = value.strip()
            return value if _ID.fullmatch(value) else None
    return None


def read_policy(octets: bytes) -> StsPolicy:
    """The policy file (RFC 8461 §3.2).

    Raises:
        PolicyRefused: it is none, or too large.
    """
    if len(octets) > MAX_POLICY_OCTETS:
        raise PolicyRefused(f"policy of more than {MAX_POLICY_OCTETS} octets")
    fields, patterns = _fields(octets.decode("utf-8", "replace"))
    if fields.get("version") != "STSv1":
        raise PolicyRefused("no version: STSv1")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError:
        raise PolicyRefused(f"no such mode: {fields.get('mode', '')!r}") from None
    age = fields.get("max_age", "")
    if not (age.isascii() and age.isdecimal() and len(age) <= 10):
        raise PolicyRefused("no max_age in seconds")
    if len(patterns) > MAX_PATTERNS or not all(map(_PATTERN.fullmatch, patterns)):
        raise PolicyRefused("too many mx, or one that is no host")
    if not patterns and mode is not Mode.NONE:
        raise PolicyRefused("no mx")
    return StsPolicy(mode=mode, max_age_s=min(int(age), MAX_AGE_S), mx=tuple(patterns))


def _fields(text: str) -> tuple[dict[str, str], list[str]]:
    """Keys and values, of which the first counts, and all values of mx.

    Raises:
        PolicyRefused: a line has no key.
    """
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            if line.strip():
                raise PolicyRefused(f"a line that is none of a policy: {line[:80]!r}")
        elif match[1] == "mx":
            patterns.append(match[2].strip(" \t").rstrip(".").lower())
        else:
            fields.setdefault(match[1], match[2].strip(" \t"))
    return fields, patterns
