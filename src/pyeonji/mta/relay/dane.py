"""DANE: what a host's TLSA records ask for, and whether it shows that (RFC 7672).

Pure. `look_up` asks DNS by yielding; `verify` compares a certificate chain with
records. Records count only where DNSSEC vouches for them; who calls makes sure
that the way to the host is secure as well (`nexthop.Target.bases`)::

    usable records      TLS, and a certificate that one of them fits
    only unusable ones  TLS, whoever answers (RFC 7672 §2.2.3)
    none, or insecure   DANE has nothing to say
    no answer           the host is not to be called (RFC 7672 §2.1.2)

Usages 0 and 1 are unusable for SMTP (RFC 7672 §3.1.3). Usage 3 is the host's own
certificate or key; its names and dates don't matter (RFC 7672 §3.1.1). Usage 2
is an issuer in the chain; names and dates matter (RFC 7672 §3.1.2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from pyeonji.base.dns import DnsStatus, Inquiry
from pyeonji.base.errors import TemporaryError
from pyeonji.net.errors import TlsFailed, TlsTrouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from cryptography.x509.verification import Policy

MAX_RECORDS: Final = 64
"""TLSA records of one host that are looked at (ours)."""

MAX_CHAIN: Final = 16
"""Certificates of a chain that are looked at (ours)."""

_DIGEST_OCTETS: Final = {1: 32, 2: 64}


class Usage(IntEnum):
    """Certificate usages that mean something to SMTP (RFC 7671 §2)."""

    DANE_TA = 2
    DANE_EE = 3


class Unreadable(TemporaryError):
    """A host's TLSA records could not be had: don't call it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlsa:
    """A record that can be used."""

    usage: Usage
    selector: int  # 0: the certificate, 1: its public key
    matching: int  # 0: as it is, 1: SHA-256, 2: SHA-512
    octets: bytes

    def __str__(self) -> str:
        """As in a zone file."""
        return f"{self.usage:d} {self.selector} {self.matching} {self.octets.hex()}"

    @property
    def summary(self) -> str:
        """For people: what it is, without most of its digits."""
        return f"{self.usage:d} {self.selector} {self.matching}"

    def fits(self, certificate: x509.Certificate) -> bool:
        """Whether this certificate or its key is meant (RFC 6698 §2.1)."""
        if self.selector == 0:
            selected = certificate.public_bytes(Encoding.DER)
        else:
            selected = certificate.public_key().public_bytes(
                Encoding.DER, PublicFormat.SubjectPublicKeyInfo
            )
        if self.matching == 1:
            selected = hashlib.sha256(selected).digest()
        elif self.matching == 2:
            selected = hashlib.sha512(selected).digest()
        return selected == self.octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Dane:
    """What a host's secure TLSA records ask for.

    `base` is the TLSA base domain, the name for SNI (RFC 7672 §8.1); without
    `usable` records TLS is asked for and no certificate.
    """

    base: str
    usable: tuple[Tlsa, ...]
    records: tuple[str, ...]  # all, as they were, for reports


def look_up(bases: Iterable[str], port: int) -> Inquiry[Dane | None]:
    """Find the TLSA records of a host (RFC 7672 §2.2.3).

    Args:
        bases: candidate base domains, the better first.
        port: TCP port of the host.

    Raises:
        Unreadable: DNS did not answer.
    """
    for base in bases:
        answer = yield f"_{port}._tcp.{base}", "TLSA"
        if answer.status is DnsStatus.FAILED:
            raise Unreadable(f"the TLSA records of {base} could not be looked up")
        if answer.records and answer.authentic:
            return Dane(
                base=base, usable=usable(answer.records), records=answer.records
            )
    return None


def usable(records: Sequence[str]) -> tuple[Tlsa, ...]:
    """The records that SMTP can use, with the strongest digests only.

    Where a usage and selector have both digests, the weaker one says nothing
    more (RFC 7671 §9).
    """
    read_ones = [read(record) for record in records[:MAX_RECORDS]]
    found = [one for one in read_ones if one is not None]
    strongest: dict[tuple[Usage, int], int] = {}
    for one in found:
        key = one.usage, one.selector
        strongest[key] = max(strongest.get(key, 0), one.matching)
    return tuple(
        one for one in found if one.matching in (0, strongest[one.usage, one.selector])
    )


def read(record: str) -> Tlsa | None:
    """One record in presentation form (RFC 6698 §2.2); None: not usable."""
    words = record.split()
    if len(words) < 4 or not all(w.isascii() and w.isdecimal() for w in words[:3]):
        return None
    usage, selector, matching = (int(word) for word in words[:3])
    if usage not in (2, 3) or selector not in (0, 1) or matching not in (0, 1, 2):
        return None
    try:
        octets = bytes.fromhex("".join(words[3:]))
    except ValueError:
        return None
    if len(octets) != _DIGEST_OCTETS.get(matching, len(octets)) or not octets:
        return None
    return Tlsa(usage=Usage(usage), selector=selector, matching=matching, octets=octets)


def verify(
    dane: Dane, chain: Sequence[bytes], names: Sequence[str], now: datetime
) -> Tlsa:
    """Compare what a host has shown with its records (RFC 7672 §3.2).

    Args:
        dane: with usable records.
        chain: DER certificates as the host sent them, its own first.
        names: what usage 2 must find in the certificate, one of them: the base
            domain and the next-hop domain (RFC 7672 §3.2.2).
        now: aware; for the dates of usage 2.

    Returns:
        The record that fits.

    Raises:
        TlsFailed: none does.
    """
    try:
        shown = [x509.load_der_x509_certificate(der) for der in chain[:MAX_CHAIN]]
        if not shown:
            raise TlsFailed("no certificate was shown")
        return _verified(dane, shown, names, now)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TlsFailed(f"a certificate can't be read: {error}") from error


def _verified(
    dane: Dane, shown: Sequence[x509.Certificate], names: Sequence[str], now: datetime
) -> Tlsa:
    for record in dane.usable:
        if record.usage is Usage.DANE_EE and record.fits(shown[0]):
            return record
    failure = TlsFailed(
        "the certificate is none that the TLSA records name", TlsTrouble.MISMATCH
    )
    for record in dane.usable:
        if record.usage is Usage.DANE_TA:
            for anchor in _anchors(record, shown):
                try:
                    _check_path(anchor, shown, names, now)
                except TlsFailed as error:
                    failure = error
                else:
                    return record
    raise failure


def _anchors(record: Tlsa, shown: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Issuers that a record names: in the chain, or in itself."""
    found = [one for one in shown[1:] if record.fits(one)]
    if not found and (record.selector, record.matching) == (0, 0):
        found = [x509.load_der_x509_certificate(record.octets)]
    return found


def _check_path(
    anchor: x509.Certificate,
    shown: Sequence[x509.Certificate],
    names: Sequence[str],
    now: datetime,
) -> None:
    """Whether the host's certificate leads to the anchor, and is for the host.

    Raises:
        TlsFailed: it is not.
    """
    leaf = shown[0]
    for one in (leaf, anchor):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            raise TlsFailed(
                f"the certificate is good from {one.not_valid_before_utc:%Y-%m-%d}"
                f" to {one.not_valid_after_utc:%Y-%m-%d} only",
                TlsTrouble.EXPIRED,
            )
    builder = (
        PolicyBuilder()
        .store(Store([anchor]))
        .time(now)
        .extension_policies(ca_policy=_ISSUER, ee_policy=_SERVER)
    )
    try:
        builder.build_client_verifier().verify(leaf, list(shown[1:]))
    except VerificationError as error:
        raise TlsFailed(
            f"the certificate does not lead to the issuer of the TLSA record: {error}",
            TlsTrouble.UNTRUSTED,
        ) from error
    if not has_name(leaf, names):
        raise TlsFailed(
            f"the certificate is not for {' or '.join(names)}", TlsTrouble.WRONG_NAME
        )


def _issues(
    _: Policy, __: x509.Certificate, constraints: x509.BasicConstraints | None
) -> None:
    if constraints is None or not constraints.ca:
        raise ValueError("an issuer that is no certificate authority")


def _signs(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an issuer whose key may not sign certificates")


def _serves(
    _: Policy, __: x509.Certificate, usage: x509.ExtendedKeyUsage | None
) -> None:
    wanted = {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
    if usage is not None and wanted.isdisjoint(usage):
        raise ValueError("a certificate that is not for servers")


_ISSUER: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _issues)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
)
"""Private authorities follow few of the public ones' rules; these they must."""

_SERVER: Final = ExtensionPolicy.permit_all().may_be_present(
    x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _serves
)


def has_name(certificate: x509.Certificate, names: Iterable[str]) -> bool:
    """Whether a certificate is for one of these hosts (RFC 7672 §3.2.3).

    The subject's common name counts only where there are no DNS names; a
    wildcard is the whole first label and stands for one.
    """
    presented: list[str] = []
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
        presented = extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        pass
    if not presented:
        subject = certificate.subject
        common = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        presented = [str(each.value) for each in common]
    return any(_matches(shown, name) for shown in presented for name in names)


def _matches(presented: str, name: str) -> bool:
    presented, name = presented.rstrip(".").lower(), name.rstrip(".").lower()
    if presented.startswith("*."):
        first, _, rest = name.partition(".")
        return bool(first) and rest == presented[2:] and "." in rest
    return presented == name
