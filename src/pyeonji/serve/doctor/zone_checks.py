"""What the world's DNS says of a domain, against what it should say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.serve.doctor.findings import note, problem, warning, well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyeonji.mta.publish.records import Record
    from pyeonji.serve.doctor.facts import DomainAsked
    from pyeonji.serve.doctor.findings import Finding

STRENGTH: Final = {"none": 0, "quarantine": 1, "reject": 2}

TEXT_BEGINS: Final = {
    "spf": "v=spf1",
    "spf-helo": "v=spf1",
    "dmarc": "v=dmarc1",
    "dmarc-reports": "v=dmarc1",
    "mta-sts": "v=stsv1",
    "tls-rpt": "v=tlsrptv1",
}
"""How the one text begins that is looked for, among others at the same name."""


def check_domain(asked: DomainAsked) -> list[Finding]:
    """All findings about a domain's records and policies."""
    found: list[Finding] = []
    seen: set[tuple[str, str]] = set()
    for record in asked.expected:
        check = CHECKS.get(record.purpose)
        if check is None or (record.name, record.purpose) in seen:
            continue
        seen.add((record.name, record.purpose))
        answer = asked.answers.get((record.name, record.kind))
        if answer is None:
            continue
        if answer.status is DnsStatus.FAILED:
            found.append(warning("dns.failed", record.name, kind=record.kind))
        else:
            found += check(record, answer, asked)
    if not any(record.purpose == "dkim" for record in asked.expected):
        found.append(warning("dkim.none", asked.name))
    found += _stray_policy(asked)
    found += _policy_served(asked)
    found += _people(asked)
    return found


def tags(text: str) -> dict[str, str]:
    """The tags of a `v=…; name=value` text; the first of equal names counts."""
    found: dict[str, str] = {}
    for item in text.split(";"):
        name, equals, value = item.partition("=")
        if equals:
            found.setdefault(name.strip().lower(), value.strip())
    return found


# -- one check for each purpose


def _mail(record: Record, answer: DnsAnswer, asked: DomainAsked) -> Iterator[Finding]:
    """RFC 5321 §5.1, RFC 7505 §3."""
    ours = record.data.split()[1]
    pairs = []
    for text in answer.records:
        preference, _, host = text.partition(" ")
        if preference.isdecimal():
            pairs.append((int(preference), host.strip().lower()))
    if not pairs:
        yield problem("mx.missing", asked.name, record=record.data)
        return
    if any(host == "." for _, host in pairs):
        yield problem("mx.null", asked.name, record=record.data)
        return
    mine = [preference for preference, host in pairs if host == ours]
    if not mine:
        shown = ", ".join(host for _, host in sorted(pairs))
        yield problem("mx.elsewhere", asked.name, hosts=shown, record=record.data)
    elif min(mine) > min(pairs)[0]:
        yield note("mx.backup", asked.name, first=min(pairs)[1])
    else:
        yield well("mx", asked.name)


def _one_text(
    record: Record, answer: DnsAnswer, code: str, severity: Callable[..., Finding]
) -> tuple[str | None, Finding | None]:
    """The one text of a kind, or what is wrong with their number."""
    begins = TEXT_BEGINS[record.purpose]
    found = [x for x in answer.records if _begins(x, begins)]
    if not found:
        return None, severity(f"{code}.missing", record.name, record=record.data)
    if len(found) > 1:
        return None, problem(f"{code}.several", record.name, count=len(found))
    return found[0], None


def _begins(text: str, version: str) -> bool:
    head = text.strip().lower()
    rest = head[len(version) :]
    return head.startswith(version) and (not rest or rest[0] in " ;\t")


def _spf(record: Record, answer: DnsAnswer, asked: DomainAsked) -> Iterator[Finding]:
    severity = problem if record.purpose == "spf" else note
    text, wrong = _one_text(record, answer, record.purpose, severity)
    if text is None:
        if wrong is not None:
            yield wrong
        return
    terms = text.lower().split()
    if "+all" in terms or "all" in terms:
        yield problem("spf.open", record.name, found=text, record=record.data)
    elif terms == record.data.split():
        yield well(record.purpose, record.name)
    elif record.purpose == "spf" and asked.spf:
        yield from _spf_evaluated(record, text, asked)
    else:
        yield note("spf.other", record.name, found=text, record=record.data)


def _spf_evaluated(record: Record, text: str, asked: DomainAsked) -> Iterator[Finding]:
    """Another record than ours may be as good: it is asked about our addresses."""
    failing = {address: why for address, why in asked.spf.items() if why}
    if not failing:
        yield well("spf", record.name)
        return
    for address, why in failing.items():
        yield problem(
            "spf.fails",
            record.name,
            address=address,
            reason=why,
            found=text,
            record=record.data,
        )


def _dkim(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    wanted = tags(record.data).get("p", "")
    shown = [tags(text).get("p", "").replace(" ", "") for text in answer.records]
    if wanted in shown:
        yield well("dkim", record.name)
    elif not any("p=" in text for text in answer.records):
        yield problem("dkim.missing", record.name, record=record.data)
    else:
        yield problem("dkim.other", record.name, record=record.data)


def _dkim_other(
    record: Record, answer: DnsAnswer, asked: DomainAsked
) -> Iterator[Finding]:
    """A key that doesn't sign now."""
    for finding in _dkim(record, answer, asked):
        if finding.code == "dkim":
            yield finding
        else:
            yield warning("dkim.unsigning", record.name, record=record.data)


def _dmarc(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    text, wrong = _one_text(record, answer, "dmarc", warning)
    if text is None:
        if wrong is not None:
            yield wrong
        return
    policy = tags(text).get("p", "").lower()
    wanted = tags(record.data)["p"]
    if policy not in STRENGTH:
        yield problem("dmarc.broken", record.name, found=text, record=record.data)
    elif STRENGTH[policy] < STRENGTH[wanted]:
        yield note("dmarc.weak", record.name, found=policy, wanted=wanted)
    elif "rua" in tags(record.data) and "rua" not in tags(text):
        yield note("dmarc.unreported", record.name, record=record.data)
    else:
        yield well("dmarc", record.name)


def _dmarc_reports(
    record: Record, answer: DnsAnswer, _: DomainAsked
) -> Iterator[Finding]:
    text, wrong = _one_text(record, answer, "dmarc-reports", warning)
    if wrong is not None:
        yield wrong
    elif text is not None:
        yield well("dmarc-reports", record.name)


def _sts(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    text, wrong = _one_text(record, answer, "mta-sts", warning)
    if text is None:
        if wrong is not None:
            yield wrong
        return
    if tags(text).get("id") != tags(record.data)["id"]:
        yield warning("mta-sts.id", record.name, record=record.data)
    else:
        yield well("mta-sts", record.name)


def _tls_rpt(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    text, wrong = _one_text(record, answer, "tls-rpt", note)
    if wrong is not None:
        yield wrong
    elif text is not None:
        yield well("tls-rpt", record.name)


def _dane(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    """DANE: only an authentic answer counts, and then it must fit."""
    shown = [" ".join(text.lower().split()) for text in answer.records]
    fits = any(_same_tlsa(text, record.data) for text in shown)
    if not shown:
        yield note("dane.missing", record.name, record=record.data)
    elif not answer.authentic:
        yield note("dane.unsigned", record.name)
    elif fits:
        yield well("dane", record.name)
    else:
        yield problem("dane.wrong", record.name, record=record.data)


def _same_tlsa(shown: str, wanted: str) -> bool:
    usage, selector, matching, *digest = shown.split()
    return f"{usage} {selector} {matching} {''.join(digest)}" == wanted


def _service(record: Record, answer: DnsAnswer, _: DomainAsked) -> Iterator[Finding]:
    """RFC 6186 §3: a target, a port; weights are the operator's."""
    wanted = record.data.lower().split()[2:]
    offered = [text.lower().split()[2:] for text in answer.records]
    if wanted in offered or (wanted[1] == "." and not offered):
        yield well("service", record.name)
    elif not offered:
        yield note("service.missing", record.name, record=record.data)
    else:
        yield warning("service.other", record.name, record=record.data)


def _web_name(
    record: Record, answer: DnsAnswer, asked: DomainAsked
) -> Iterator[Finding]:
    """A name that must come to this host, by CNAME or by the same addresses."""
    target = record.data.rstrip(".")
    there = {
        address
        for kind in ("A", "AAAA")
        if (each := asked.answers.get((record.name, kind))) is not None
        for address in each.records
    }
    targets = {text.rstrip(".").lower() for text in answer.records}
    if target in targets or there & set(asked.addresses):
        yield well("web-name", record.name)
    elif there:
        yield warning("web-name.elsewhere", record.name, record=record.data)
    elif record.purpose == "mta-sts-host":
        yield warning("web-name.missing", record.name, record=record.data)
    else:
        yield note("web-name.missing", record.name, record=record.data)


CHECKS: Final[
    dict[str, Callable[[Record, DnsAnswer, DomainAsked], Iterator[Finding]]]
] = {
    "mail": _mail,
    "spf": _spf,
    "spf-helo": _spf,
    "dkim": _dkim,
    "dkim-other": _dkim_other,
    "dmarc": _dmarc,
    "dmarc-reports": _dmarc_reports,
    "mta-sts": _sts,
    "mta-sts-host": _web_name,
    "tls-rpt": _tls_rpt,
    "dane": _dane,
    "service": _service,
    "autoconfig": _web_name,
    "autodiscover": _service,
}


# -- what is not one record


def _stray_policy(asked: DomainAsked) -> Iterator[Finding]:
    """A record that promises a policy which we don't serve."""
    if asked.sts_expected:
        return
    name = f"_mta-sts.{asked.name}"
    answer = asked.answers.get((name, "TXT"))
    if answer and any(_begins(x, "v=stsv1") for x in answer.records):
        yield warning("mta-sts.stray", name)


def _policy_served(asked: DomainAsked) -> Iterator[Finding]:
    """RFC 8461 §3.3: over HTTPS, with a certificate for the name."""
    if not asked.sts_expected:
        return
    subject = f"mta-sts.{asked.name}"
    if asked.sts_served is None:
        yield warning("mta-sts.unserved", subject, reason=asked.sts_error)
    elif asked.sts_served.split() != asked.sts_expected.split():
        yield warning("mta-sts.other", subject)
    else:
        yield well("mta-sts.served", subject)


def _people(asked: DomainAsked) -> Iterator[Finding]:
    for address in asked.unread_reports:
        yield warning("reports.nobody", address)
    if not asked.has_postmaster:
        yield problem("postmaster.nobody", f"postmaster@{asked.name}")
