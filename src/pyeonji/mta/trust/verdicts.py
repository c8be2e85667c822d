"""All that the checks say of one letter, and how it is written down.

`Verdicts` holds what each method found (None: it was not asked). From it come
the results for Authentication-Results, the field Received-SPF, and a few words
for people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.mta.trust.arc import ChainState
from pyeonji.mta.trust.dmarc import Identifier
from pyeonji.mta.trust.results import MethodResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.dkim import Verdict
    from pyeonji.mta.trust.dmarc import DmarcVerdict
    from pyeonji.mta.trust.iprev import IprevVerdict
    from pyeonji.mta.trust.spf import SpfVerdict

MAX_REASON: Final = 300
"""Characters of a reason that go into a field."""

_DOT_ATOM: Final = re.compile(r"[!#$%&'*+\-./0-9=?A-Z^_`a-z{|}~:@]+")
_UNSHOWABLE: Final = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who brought the letter, as the envelope has it."""

    address: str
    helo: str
    mail_from: str  # without brackets; "" is the null reverse path


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What each method found; `helo_spf` only beside a reverse path."""

    dkim: tuple[Verdict, ...] = ()
    spf: SpfVerdict | None = None
    helo_spf: SpfVerdict | None = None
    iprev: IprevVerdict | None = None
    arc: ArcVerdict | None = None
    dmarc: DmarcVerdict | None = None


def identifiers(spf: SpfVerdict | None, dkim: Sequence[Verdict]) -> list[Identifier]:
    """What DMARC looks at."""
    found = [
        Identifier(
            method="dkim",
            domain=each.domain,
            passed=each.result == "pass",
            unsure=each.result == "temperror",
        )
        for each in dkim
        if each.domain
    ]
    if spf is not None and spf.domain:
        found.insert(
            0,
            Identifier(
                method="spf",
                domain=spf.domain,
                passed=spf.result == "pass",
                unsure=spf.result == "temperror",
            ),
        )
    return found


def method_results(verdicts: Verdicts, client: Client | None) -> list[MethodResult]:
    """For Authentication-Results (RFC 8601 §2.7)."""
    found: list[MethodResult] = []
    if client is not None:
        found += _of_client(verdicts, client)
    found += [_dkim(each) for each in verdicts.dkim]
    if not verdicts.dkim:
        found.append(MethodResult(method="dkim", result="none"))
    arc = verdicts.arc
    if arc is not None and arc.state is not ChainState.NONE:
        found.append(_arc(arc, client))
    if verdicts.dmarc is not None:
        found.append(_dmarc(verdicts.dmarc))
    return found


def _of_client(verdicts: Verdicts, client: Client) -> list[MethodResult]:
    found: list[MethodResult] = []
    if (iprev := verdicts.iprev) is not None:
        found.append(
            MethodResult(
                method="iprev",
                result=iprev.result,
                comment=iprev.name or iprev.reason,
                properties=(("policy", "iprev", client.address),),
            )
        )
    if verdicts.spf is not None:
        found.append(_spf(verdicts.spf, client))
    helo = verdicts.helo_spf
    if helo is not None and helo.result != "none":
        found.append(_spf(helo, client))
    return found


def _spf(verdict: SpfVerdict, client: Client) -> MethodResult:
    name, value = "helo", verdict.domain or client.helo
    if verdict.identity == "mailfrom":
        name = "mailfrom"
        value = client.mail_from if client.mail_from.isascii() else verdict.domain
    return MethodResult(
        method="spf",
        result=verdict.result,
        comment=verdict.reason,
        properties=(("smtp", name, value),),
    )


def _dkim(verdict: Verdict) -> MethodResult:
    named = (
        ("d", verdict.domain),
        ("s", verdict.selector),
        ("a", verdict.algorithm),
        ("b", verdict.signature),  # tells signatures apart
    )
    return MethodResult(
        method="dkim",
        result=verdict.result,
        reason=verdict.reason[:MAX_REASON],
        properties=tuple(("header", name, value) for name, value in named if value),
    )


def _arc(verdict: ArcVerdict, client: Client | None) -> MethodResult:
    """With what RFC 8617 §6 wants beside the state."""
    properties: list[tuple[str, str, str]] = []
    if client is not None:
        properties.append(("smtp", "remote-ip", client.address))
    if verdict.oldest_pass is not None:
        properties.append(("header", "oldest-pass", str(verdict.oldest_pass)))
    sealers = ", ".join(each.seal.domain for each in reversed(verdict.sets))
    return MethodResult(
        method="arc",
        result=verdict.state,
        comment=f"sealed by {sealers}" if sealers else "",
        reason=verdict.reason[:MAX_REASON],
        properties=tuple(properties),
    )


def _dmarc(verdict: DmarcVerdict) -> MethodResult:
    properties: list[tuple[str, str, str]] = []
    if verdict.result == "fail":  # RFC 9989 §9.1
        properties.append(("policy", "dmarc", verdict.disposition))
    if verdict.domain:
        properties.append(("header", "from", verdict.domain))
    return MethodResult(
        method="dmarc",
        result=verdict.result,
        comment=f"p={verdict.policy}" if verdict.record is not None else "",
        reason="" if verdict.result == "pass" else verdict.reason[:MAX_REASON],
        properties=tuple(properties),
    )


def received_spf(verdict: SpfVerdict, client: Client, hostname: str) -> bytes:
    """The field Received-SPF, CRLF at its end (RFC 7208 §9.1)."""
    pairs = [
        ("receiver", hostname),
        ("client-ip", client.address),
        ("envelope-from", client.mail_from),
        ("helo", client.helo),
        ("identity", verdict.identity),
        ("mechanism", verdict.mechanism),
    ]
    comment = re.sub(r"([()\\])", r"\\\1", _shown(f"{hostname}: {verdict.reason}"))
    lines = [f"Received-SPF: {verdict.result} ({comment})"]
    lines += [f"{name}={_pair_value(value)}" for name, value in pairs if value]
    return (lines[0] + "\r\n\t" + ";\r\n\t".join(lines[1:]) + "\r\n").encode("ascii")


def _pair_value(value: str) -> str:
    value = _shown(value)
    if _DOT_ATOM.fullmatch(value) and ":" not in value and "@" not in value:
        return value
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def _shown(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = _UNSHOWABLE.sub("?", text)
    return text[:MAX_REASON]


def in_words(verdicts: Verdicts) -> dict[str, str]:
    """Each method's result in a few words, for traces and logs."""
    words: dict[str, str] = {}
    if verdicts.iprev is not None:
        words["iprev"] = f"{verdicts.iprev.result} {verdicts.iprev.name}".strip()
    if verdicts.spf is not None:
        words["spf"] = f"{verdicts.spf.result} {verdicts.spf.domain}".strip()
    said = [f"{each.result} {each.domain}".strip() for each in verdicts.dkim]
    words["dkim"] = ", ".join(said) or "none"
    if verdicts.arc is not None and verdicts.arc.state is not ChainState.NONE:
        words["arc"] = verdicts.arc.state.value
    if (dmarc := verdicts.dmarc) is not None:
        words["dmarc"] = f"{dmarc.result} {dmarc.domain}".strip()
        if dmarc.result in {"fail", "permerror", "temperror"}:
            words["dmarc"] += f": {dmarc.reason}"
    return {name: _shown(text) for name, text in words.items()}
