"""From the configuration and what is kept to the records that a domain needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from pyeonji.mta.publish.records import (
    DkimKey,
    DomainFacts,
    HostFacts,
    Service,
    records,
)
from pyeonji.mta.publish.sts import policy
from pyeonji.serve.certificates import named_files
from pyeonji.storage.directory import KeyState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyeonji.base.dns import DnsAnswer
    from pyeonji.mta.publish.records import Record
    from pyeonji.serve.configuration import Configuration
    from pyeonji.storage.directory import Directory


class Asker(Protocol):
    """What answers questions of DNS: `net.dns.Resolver`, or a test's."""

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        """One answer; never raises."""


PEOPLES: Final = ("submission", "imap", "pop3")


def sts_policy(configuration: Configuration) -> str:
    """The MTA-STS policy of our domains; "" when none is configured."""
    settings = configuration.mta_sts
    if settings is None:
        return ""
    return policy(settings.mode, [configuration.hostname], settings.max_age_s)


def host_facts(configuration: Configuration, addresses: Sequence[str]) -> HostFacts:
    """What this host is, by its configuration and its certificate, if it has one."""
    listeners = configuration.listeners
    certificate, _ = named_files(configuration)
    return HostFacts(
        hostname=configuration.hostname,
        addresses=tuple(addresses),
        services=tuple(
            Service(protocol=each.protocol, tls=each.tls, port=each.port)
            for each in listeners
            if each.protocol in PEOPLES and each.tls != "none"
        ),
        tlsa_ports=tuple(
            sorted(
                {
                    each.port
                    for each in listeners
                    if each.protocol == "smtp" and each.tls == "starttls"
                }
            )
        ),
        key_sha256=_digest_if_readable(certificate),
        web=any(x.protocol == "http" and x.tls == "implicit" for x in listeners),
    )


def domain_facts(
    configuration: Configuration, name: str, dkim: Sequence[DkimKey]
) -> DomainFacts:
    """What was decided for a domain of ours."""
    publish, reports = configuration.publish, configuration.reports
    return DomainFacts(
        name=name,
        dkim=tuple(dkim),
        dmarc_policy=publish.dmarc,
        dmarc_reports=reports.dmarc_address(name),
        dmarc_failures=reports.failure_address(name),
        tls_reports=reports.tls_address(name),
        spf_all=publish.spf_all,
        sts_policy=sts_policy(configuration),
    )


def key_digest(certificate: Path) -> str:
    """SHA-256 of the public key of a PEM file's first certificate (TLSA 3 1 1).

    Raises:
        OSError: can't be read.
        ValueError: is no certificate.
    """
    shown = x509.load_pem_x509_certificate(certificate.read_bytes())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        shown.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def _digest_if_readable(certificate: Path) -> str:
    try:
        return key_digest(certificate)
    except (OSError, ValueError):
        return ""


async def addresses_of(configuration: Configuration, resolver: Asker) -> list[str]:
    """Our public addresses: those configured, else those our name has now."""
    if configuration.publish.addresses:
        return list(configuration.publish.addresses)
    found: list[str] = []
    for kind in ("A", "AAAA"):
        found += (await resolver.ask(configuration.hostname, kind)).records
    return found


async def published_keys(directory: Directory, domain: str) -> list[DkimKey]:
    """The DKIM keys of a domain that must be in DNS: also those that wait or retire."""
    return [
        DkimKey(
            selector=each.selector,
            text=each.record,
            signs=each.state is KeyState.ACTIVE,
        )
        for each in await directory.dkim_keys(domain)
    ]


def domain_records(
    configuration: Configuration,
    addresses: Sequence[str],
    name: str,
    dkim: Sequence[DkimKey] = (),
) -> list[Record]:
    """Every record to publish for a domain.

    Args:
        configuration: the operator's.
        addresses: as `addresses_of` found them.
        name: the domain.
        dkim: as `published_keys` found them.

    Raises:
        BadName: what is configured can't stand in DNS.
    """
    host = host_facts(configuration, addresses)
    return records(host, domain_facts(configuration, name, dkim))
