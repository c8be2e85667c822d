"""Settings of what a host publishes: policies, reports, certificates by ACME."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, Literal

from pyeonji.serve.values import (
    ValueRefused,
    boolean,
    domain_name,
    duration_s,
    endpoint,
    one_of,
    path,
    positive,
    text,
    texts,
)
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Table = Callable[..., dict[str, Any]]

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"

KERNEL: Final = "kernel"
"""[doctor] clock: this machine's own kernel says whether the clock is kept right."""

WEEK_S: Final = 7 * 86400.0
MAX_STS_AGE_S: Final = 31_557_600.0  # RFC 8461 §3.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """What the records of our domains say."""

    addresses: tuple[str, ...] = ()  # of this host; none: those its name has now
    dmarc: Literal["none", "quarantine", "reject"] = "quarantine"
    spf: Literal["softfail", "fail", "neutral"] = "softfail"

    @property
    def spf_all(self) -> str:
        """The last term of an SPF record."""
        return {"softfail": "~all", "fail": "-all", "neutral": "?all"}[self.spf]


@dataclass(frozen=True, slots=True, kw_only=True)
class MtaStsSettings:
    """The policy that is served for each domain (RFC 8461 §3.2)."""

    mode: Literal["testing", "enforce", "none"]
    max_age_s: float = WEEK_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """Where reports about our domains come, and whether we send ours.

    A local part stands in each of our domains; an address is one for all.
    """

    dmarc: str = "postmaster"
    tls: str = "postmaster"
    failures: str = ""  # DMARC's ruf: single letters that failed
    send: bool = False

    def dmarc_address(self, domain: str) -> str:
        """Who gets aggregate reports about a domain; "" nobody."""
        return _in_domain(self.dmarc, domain)

    def failure_address(self, domain: str) -> str:
        """Who gets failure reports about a domain; "" nobody."""
        return _in_domain(self.failures, domain)

    def tls_address(self, domain: str) -> str:
        """Who gets TLS reports about a domain; "" nobody."""
        return _in_domain(self.tls, domain)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """What is asked of next hops that others name."""

    dane: bool = True  # where DNS is validated
    mta_sts: bool = True
    private_addresses: bool = False  # policies may come from there
    port: int = 25  # where other hosts' servers listen; others are for test networks
    lenient: tuple[str, ...] = ()  # domains whose policies don't bind for now
    strict: tuple[str, ...] = ()  # domains whose hosts must be verified


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """Addresses of ours that letters of a sender's domain go out from."""

    domain: str
    v4: str = ""
    v6: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsUpdateSettings:
    """Who is told of records that answer DNS challenges (RFC 2136)."""

    server: tuple[str, int]
    key_file: Path
    zone: str = ""  # "": the server is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class AcmeSettings:
    """Where certificates come from, and for which names."""

    directory: str = LETS_ENCRYPT
    contact: str = ""
    hosts: tuple[str, ...] = ()  # none: our host name and what domains need
    challenge: Literal["http-01", "tls-alpn-01", "dns-01"] = "http-01"
    dns: DnsUpdateSettings | None = None  # for dns-01
    ca: Path | None = None  # whose certificate the directory shows


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorSettings:
    """What `pyeonji doctor` asks of others."""

    blocklists: tuple[str, ...] = (
        "zen.spamhaus.org",
        "bl.spamcop.net",
        "b.barracudacentral.org",
    )
    clock: str = KERNEL  # or a URL whose Date is believed; "" nobody is asked
    outbound: str = "gmail.com"  # a domain whose MX is called at port 25; "" none


def _in_domain(given: str, domain: str) -> str:
    return f"{given}@{domain}" if given and "@" not in given else given


def read_published(
    table: Table,
    wanted: dict[str, Any],
    folder: Path,
    *,
    own_certificate: bool,
    web: set[str],
) -> dict[str, Any]:
    """Take out of `wanted` how we deal with the world and what we tell it.

    Args:
        table: reads one table.
        wanted: the tables of the file.
        folder: where relative paths start.
        own_certificate: whether the operator has a certificate.
        web: TLS of the listeners that speak HTTP.
    """
    found: dict[str, Any] = {
        "publish": read_publish(table, wanted.pop("publish", {})),
        "reports": read_reports(table, wanted.pop("reports", {})),
        "doctor": read_doctor(table, wanted.pop("doctor", {})),
        "relay": read_relay(table, wanted.pop("relay", {})),
        "sources": read_sources(table, wanted.pop("source", [])),
    }
    if "mta_sts" in wanted:
        found["mta_sts"] = read_mta_sts(table, wanted.pop("mta_sts"))
    if "acme" in wanted:
        if own_certificate:
            raise ValueRefused("[tls] certificate is set already", ("acme",))
        found["acme"] = acme = read_acme(table, wanted.pop("acme"), folder)
        needed = {"http-01": "none", "tls-alpn-01": "implicit"}.get(acme.challenge)
        if needed is not None and needed not in web:
            raise ValueRefused(
                f'{acme.challenge} needs a [[listener]] with protocol = "http" '
                f'and tls = "{needed}"',
                ("acme",),
            )
    return found


def read_publish(table: Table, tree: dict[str, Any]) -> PublishSettings:
    """`[publish]`."""
    wanted = table(
        tree,
        ("publish",),
        addresses=_addresses,
        dmarc=one_of("none", "quarantine", "reject"),
        spf=one_of("softfail", "fail", "neutral"),
    )
    return PublishSettings(**wanted)


def read_mta_sts(table: Table, tree: dict[str, Any]) -> MtaStsSettings:
    """`[mta_sts]`."""
    where = ("mta_sts",)
    wanted = table(
        tree, where, mode=one_of("testing", "enforce", "none"), max_age=duration_s
    )
    if "mode" not in wanted:
        raise ValueRefused("is missing", (*where, "mode"))
    age = wanted.get("max_age", WEEK_S)
    if age > MAX_STS_AGE_S:
        raise ValueRefused("is a year at most", (*where, "max_age"))
    return MtaStsSettings(mode=wanted["mode"], max_age_s=age)


def read_reports(table: Table, tree: dict[str, Any]) -> ReportSettings:
    """`[reports]`."""
    return ReportSettings(
        **table(tree, ("reports",), dmarc=text, tls=text, failures=text, send=boolean)
    )


def read_relay(table: Table, tree: dict[str, Any]) -> RelaySettings:
    """`[relay]`."""
    wanted = table(
        tree,
        ("relay",),
        dane=boolean,
        mta_sts=boolean,
        private_addresses=boolean,
        port=positive,
        lenient=texts,
        strict=texts,
    )
    for key in ("lenient", "strict"):
        wanted[key] = tuple(canonical_domain(each) for each in wanted.get(key, ()))
    both = set(wanted["lenient"]) & set(wanted["strict"])
    if both:
        raise ValueRefused(f"{min(both)} is also lenient", ("relay", "strict"))
    return RelaySettings(**wanted)


def read_sources(table: Table, trees: list[Any]) -> tuple[SourceSettings, ...]:
    """All of `[[source]]`."""
    found: dict[str, SourceSettings] = {}
    for index, tree in enumerate(trees):
        where = ("source", index)
        wanted = table(tree, where, domain=text, addresses=_addresses)
        for key in ("domain", "addresses"):
            if not wanted.get(key):
                raise ValueRefused("is missing", (*where, key))
        name = canonical_domain(wanted["domain"])
        if name in found:
            raise ValueRefused("has addresses already", (*where, "domain"))
        four = [one for one in wanted["addresses"] if ":" not in one]
        six = [one for one in wanted["addresses"] if ":" in one]
        if len(four) > 1 or len(six) > 1:
            raise ValueRefused(
                "one of IPv4 and one of IPv6 at most", (*where, "addresses")
            )
        found[name] = SourceSettings(domain=name, v4="".join(four), v6="".join(six))
    return tuple(found.values())


def read_acme(table: Table, tree: dict[str, Any], folder: Path) -> AcmeSettings:
    """`[acme]`."""
    wanted = table(
        tree,
        ("acme",),
        directory=_https,
        contact=text,
        hosts=_certificate_names,
        challenge=one_of("http-01", "tls-alpn-01", "dns-01"),
        ca=path(folder),
        dns=dict,
    )
    by_dns = wanted.get("challenge") == "dns-01"
    if by_dns != ("dns" in wanted):
        raise ValueRefused('[acme.dns] and challenge = "dns-01" go together', ("acme",))
    if not by_dns and any(name.startswith("*") for name in wanted.get("hosts", ())):
        raise ValueRefused('"*" needs challenge = "dns-01"', ("acme", "hosts"))
    if by_dns:
        wanted["dns"] = _read_dns_update(table, wanted["dns"], folder)
    return AcmeSettings(**wanted)


def _read_dns_update(
    table: Table, tree: dict[str, Any], folder: Path
) -> DnsUpdateSettings:
    where = ("acme", "dns")
    wanted = table(tree, where, server=_dns_server, key=path(folder), zone=domain_name)
    for key in ("server", "key"):
        if key not in wanted:
            raise ValueRefused("is missing", (*where, key))
    return DnsUpdateSettings(key_file=wanted.pop("key"), **wanted)


def _dns_server(value: Any) -> tuple[str, int]:
    return endpoint(value, default_port=53)


def _certificate_names(value: Any) -> tuple[str, ...]:
    """Host names; the first label may be "*"."""
    found = []
    for each in texts(value):
        star = "*." if each.startswith("*.") else ""
        found.append(star + domain_name(each.removeprefix("*.")))
    return tuple(found)


def _clock(value: Any) -> str:
    said = text(value)
    if said and said != KERNEL and not said.startswith(("https://", "http://")):
        raise ValueRefused(f'must be "{KERNEL}", an https URL, or ""')
    return said


def read_doctor(table: Table, tree: dict[str, Any]) -> DoctorSettings:
    """`[doctor]`."""
    return DoctorSettings(
        **table(tree, ("doctor",), blocklists=_names, clock=_clock, outbound=text)
    )


def _addresses(value: Any) -> tuple[str, ...]:
    found = texts(value)
    for each in found:
        try:
            ip_address(each)
        except ValueError:
            raise ValueRefused(f"{each!r} is no IP address") from None
    return found


def _names(value: Any) -> tuple[str, ...]:
    return tuple(domain_name(each) for each in texts(value))


def _https(value: Any) -> str:
    given = text(value)
    if not given.startswith("https://"):
        raise ValueRefused("must be an https:// URL")
    return given
