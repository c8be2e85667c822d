"""DMARC policy records (RFC 9989 §4.7, §4.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_RECORD: Final = 8192
"""Characters of a record that are read; the rest is left (ours)."""

MAX_URIS: Final = 20
"""Addresses of one rua or ruf that are kept (ours)."""

_VERSION: Final = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_TAG: Final = re.compile(r"[ \t]*([A-Za-z]+)[ \t]*=[ \t]*([\x20-\x3a\x3c-\x7e]+)")
_URI: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.\-]*:[^\s,!]+)(![0-9]+[kmgt]?)?", re.IGNORECASE
)


class Policy(StrEnum):
    """What a domain wants done with what fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """How strict it is."""
        return _RANKS[self]

    @property
    def softer(self) -> Policy:
        """One level below: what is done while a domain is testing."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


_RANKS: Final = {Policy.NONE: 0, Policy.QUARANTINE: 1, Policy.REJECT: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcRecord:
    """A record. `usable` is False where its policies say nothing (§4.10.1).

    `subdomains` is sp=, `missing` is np=, each None where absent. `testing` is
    t=y, or the pct=0 of RFC 7489 that it replaced; other values of pct mean
    nothing any more.
    """

    text: str
    usable: bool = True
    policy: Policy = Policy.NONE
    subdomains: Policy | None = None
    missing: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    psd: str = "u"  # "y", "n" or "u"
    aggregate_uris: tuple[str, ...] = ()  # rua
    failure_uris: tuple[str, ...] = ()  # ruf
    failure_options: str = "0"  # fo

    def published(self, *, below: bool, exists: bool) -> Policy:
        """The policy for the record's domain, or for one below it."""
        if not below:
            return self.policy
        if not exists and self.missing is not None:
            return self.missing
        return self.policy if self.subdomains is None else self.subdomains


def the_record(texts: Sequence[str]) -> DmarcRecord | None:
    """The one record among TXT records; several are none (RFC 9989 §4.10)."""
    found = [text for text in texts if _VERSION.match(text)]
    return read_record(found[0][:MAX_RECORD]) if len(found) == 1 else None


@lru_cache(maxsize=1024)
def read_record(text: str) -> DmarcRecord:
    """Read a record that begins with its version; never fails.

    What cannot be read in it is left out; a policy that cannot be read makes
    it p=none where reports are asked for, else unusable (RFC 9989 §4.10.1).
    """
    tags: dict[str, str] = {}
    for item in text.split(";"):
        match = _TAG.fullmatch(item)
        if match is not None:
            tags.setdefault(match[1].lower(), match[2].strip())
    reports = _uris(tags.get("rua", ""))
    policies = {name: _policy(tags, name) for name in ("p", "sp", "np")}
    readable = all(policies[name] is not None or name not in tags for name in policies)
    if not readable:
        policies = dict.fromkeys(policies)
    return DmarcRecord(
        text=text,
        usable=readable or bool(reports),
        policy=policies["p"] or Policy.NONE,
        subdomains=policies["sp"],
        missing=policies["np"],
        strict_dkim=tags.get("adkim", "").lower() == "s",
        strict_spf=tags.get("aspf", "").lower() == "s",
        testing=tags.get("t", "").lower() == "y" or tags.get("pct") == "0",
        psd=_psd(tags),
        aggregate_uris=reports,
        failure_uris=_uris(tags.get("ruf", "")),
        failure_options=tags.get("fo", "0"),
    )


def _policy(tags: Mapping[str, str], name: str) -> Policy | None:
    try:
        return Policy(tags.get(name, "").lower())
    except ValueError:
        return None


def _psd(tags: Mapping[str, str]) -> str:
    value = tags.get("psd", "u").lower()
    return value if value in {"y", "n"} else "u"


def _uris(text: str) -> tuple[str, ...]:
    """URIs of a list, without the size limits of old; the unreadable left out."""
    found = (_URI.fullmatch(item.strip()) for item in text.split(","))
    return tuple(match[1] for match in found if match is not None)[:MAX_URIS]
