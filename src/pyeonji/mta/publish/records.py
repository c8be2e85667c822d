"""The records that a mail domain publishes, computed from facts."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.name

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

TTL_S: Final = 3600
"""Time to live that is proposed; records that are being tried want less."""

TEXT_OCTETS: Final = 255
"""Of one string of a TXT record."""

SERVICES: Final = (
    ("submissions", "submission", "implicit", 0),
    ("submission", "submission", "starttls", 10),
    ("imaps", "imap", "implicit", 0),
    ("imap", "imap", "starttls", 10),
    ("pop3s", "pop3", "implicit", 20),
    ("pop3", "pop3", "starttls", 30),
)
"""Service, our protocol, its TLS, priority: implicit TLS first (RFC 8314 §5.1).

POP3 comes behind IMAP, for clients that know both (RFC 6186 §3.4).
"""

MAIL: Final = "mail"
"""Purpose of records without which no mail comes."""


class BadName(PermanentError):
    """A name that cannot stand in DNS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A door of this host that people's programs look for."""

    protocol: str  # "submission", "imap", "pop3"
    tls: str  # "implicit", "starttls"
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """This host, as the world is to see it."""

    hostname: str
    addresses: tuple[str, ...] = ()  # IPv4 and IPv6, public
    services: tuple[Service, ...] = ()
    tlsa_ports: tuple[int, ...] = ()  # SMTP with STARTTLS
    key_sha256: str = ""  # of the certificate's SubjectPublicKeyInfo, hexadecimal
    web: bool = False  # whether an HTTPS listener can serve policies


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A public key that signs for the domain."""

    selector: str
    text: str  # the whole record: v=DKIM1; …
    signs: bool = True  # now; else it waits to, or did


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainFacts:
    """What was decided for a domain."""

    name: str
    dkim: tuple[DkimKey, ...] = ()
    dmarc_policy: str = "quarantine"  # none, quarantine, reject
    dmarc_reports: str = ""  # address; "" asks for none
    dmarc_failures: str = ""  # address for single letters; "" asks for none
    tls_reports: str = ""  # address; "" asks for none
    spf_all: str = "~all"
    sts_policy: str = ""  # the policy's text; "" when none is served


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record. Names are absolute, in A-labels, without the final dot."""

    name: str
    kind: str
    data: str  # presentation form; of TXT the bare text
    purpose: str  # a word: "mail", "spf", "dkim", …
    why: str = ""  # a line for people


def ascii_name(name: str) -> str:
    """A domain in lower-case A-labels without the final dot.

    Raises:
        BadName: it can't be a name in DNS.
    """
    codec = None if name.isascii() else dns.name.IDNA_2008_UTS_46
    try:
        parsed = dns.name.from_text(name.rstrip(".") + ".", idna_codec=codec)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise BadName(f"{name!r} is no domain name") from error
    text = parsed.to_text(omit_final_dot=True).lower()
    if "\\" in name or text == "." or not all(c.isalnum() or c in "-_." for c in text):
        raise BadName(f"{name!r} is no domain name")
    return text


def policy_id(policy: str) -> str:
    """An id for an MTA-STS policy that changes when it does (RFC 8461 §3.1)."""
    return sha256(policy.encode()).hexdigest()[:20]


def records(host: HostFacts, domain: DomainFacts) -> list[Record]:
    """Every record to publish for a domain whose mail this host takes.

    Raises:
        BadName: of host or domain.
    """
    at, name = ascii_name(host.hostname), ascii_name(domain.name)
    return [
        *_mail(at, name, host),
        *_sender(at, name, domain),
        *_transport(at, name, host, domain),
        *_services(at, name, host),
    ]


def _mail(at: str, name: str, host: HostFacts) -> Iterator[Record]:
    yield Record(
        name=name,
        kind="MX",
        data=f"10 {at}.",
        purpose=MAIL,
        why="mail for the domain comes to this host",
    )
    for text in host.addresses:
        kind = "AAAA" if ip_address(text).version == 6 else "A"
        yield Record(
            name=at, kind=kind, data=text, purpose="address", why="of this host"
        )


def _sender(at: str, name: str, domain: DomainFacts) -> Iterator[Record]:
    """SPF, DKIM, DMARC: whose mail is ours."""
    spf = f"v=spf1 mx {domain.spf_all}"
    yield Record(
        name=name,
        kind="TXT",
        data=spf,
        purpose="spf",
        why="only this host sends for the domain",
    )
    if at != name:
        # the name in HELO is checked too, and stands alone in bounces
        yield Record(
            name=at,
            kind="TXT",
            data="v=spf1 a -all",
            purpose="spf-helo",
            why="this host's own name, alone in bounces",
        )
    for key in domain.dkim:
        yield Record(
            name=f"{key.selector}._domainkey.{name}",
            kind="TXT",
            data=key.text,
            purpose="dkim" if key.signs else "dkim-other",
            why="the key that signs what the domain sends"
            if key.signs
            else "a key that will sign, or did: letters on their way need it",
        )
    dmarc = f"v=DMARC1; p={domain.dmarc_policy}"
    if domain.dmarc_reports:
        dmarc += f"; rua=mailto:{_in_uri(domain.dmarc_reports)}"
    if domain.dmarc_failures:
        # of all that fails in some way, not only of what fails in every way
        dmarc += f"; ruf=mailto:{_in_uri(domain.dmarc_failures)}; fo=1"
    yield Record(
        name=f"_dmarc.{name}",
        kind="TXT",
        data=dmarc,
        purpose="dmarc",
        why="what is to be done with mail that only looks like ours",
    )
    wanted = (domain.dmarc_reports, domain.dmarc_failures)
    for foreign in dict.fromkeys(_foreign(each, name) for each in wanted if each):
        if not foreign:
            continue
        # the other domain must want the reports (RFC 7489 §7.1)
        yield Record(
            name=f"{name}._report._dmarc.{foreign}",
            kind="TXT",
            data="v=DMARC1",
            purpose="dmarc-reports",
            why=f"{foreign} takes this domain's reports",
        )


def _transport(
    at: str, name: str, host: HostFacts, domain: DomainFacts
) -> Iterator[Record]:
    """MTA-STS, TLS-RPT, DANE: that nobody listens on the way."""
    if domain.sts_policy:
        yield Record(
            name=f"_mta-sts.{name}",
            kind="TXT",
            data=f"v=STSv1; id={policy_id(domain.sts_policy)}",
            purpose="mta-sts",
            why="senders are to ask for the policy; the id changes with it",
        )
        yield Record(
            name=f"mta-sts.{name}",
            kind="CNAME",
            data=f"{at}.",
            purpose="mta-sts-host",
            why="where the policy is (RFC 8461 §3.3)",
        )
    if domain.tls_reports:
        yield Record(
            name=f"_smtp._tls.{name}",
            kind="TXT",
            data=f"v=TLSRPTv1; rua=mailto:{_in_uri(domain.tls_reports)}",
            purpose="tls-rpt",
            why="who wants to hear when encrypted delivery fails (RFC 8460 §3)",
        )
    if host.key_sha256:
        for port in host.tlsa_ports:
            yield Record(
                name=f"_{port}._tcp.{at}",
                kind="TLSA",
                data=f"3 1 1 {host.key_sha256}",
                purpose="dane",
                why="the present certificate's key; only in a zone signed with DNSSEC",
            )


def _services(at: str, name: str, host: HostFacts) -> Iterator[Record]:
    """Where programs find submission, IMAP and POP3 (RFC 6186 §3, RFC 8314 §5.1)."""
    offered = {(each.protocol, each.tls): each.port for each in host.services}
    for service, protocol, tls, priority in SERVICES:
        port = offered.get((protocol, tls))
        # "." says that a service is decidedly not there (RFC 6186 §3.4)
        data = f"{priority} 1 {port} {at}." if port else "0 0 0 ."
        yield Record(
            name=f"_{service}._tcp.{name}",
            kind="SRV",
            data=data,
            purpose="service",
            why="where it is" if port else "not offered",
        )
    if not host.web:
        return
    for label in ("autoconfig", "autodiscover"):
        yield Record(
            name=f"{label}.{name}",
            kind="CNAME",
            data=f"{at}.",
            purpose=label,
            why="programs set themselves up from there",
        )
    yield Record(
        name=f"_autodiscover._tcp.{name}",
        kind="SRV",
        data=f"0 1 443 {at}.",
        purpose="autodiscover",
        why="the same",
    )


def _in_uri(address: str) -> str:
    """An address in a mailto URI of a tag list: no ",", "!", ";" and no space."""
    local, _, domain = address.rpartition("@")
    plain = "".join(
        c
        if c.isascii()
        and (c.isalnum() or c in "-._~+$*'/=?^{|}&#`")
        and c not in "#?^{|}`&"
        else "".join(f"%{octet:02X}" for octet in c.encode())
        for c in local
    )
    return f"{plain}@{ascii_name(domain)}"


def _foreign(address: str, name: str) -> str:
    """The domain of a report address where it is another than the one reported on."""
    if not address:
        return ""
    domain = ascii_name(address.rpartition("@")[2])
    ours = domain == name or domain.endswith(f".{name}") or name.endswith(f".{domain}")
    return "" if ours else domain
