"""DANE: which records count, and which certificates fit them (RFC 7672)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mta.authority import DAY, Signed, authority, sign

from pyeonji.base.dns import DnsAnswer, DnsStatus, Inquiry
from pyeonji.mta.relay.dane import Dane, Unreadable, look_up, read, usable, verify
from pyeonji.net.errors import TlsFailed, TlsTrouble

T = TypeVar("T")

CA = authority()
MIDDLE = authority("middle", by=CA)
MX = sign("mx.a.test", by=MIDDLE)
NAMES = ("mx.a.test", "a.test")
NO_NAME = DnsAnswer(status=DnsStatus.NO_NAME)
FAILED = DnsAnswer(status=DnsStatus.FAILED)
RECORD = "3 1 1 " + "ab" * 32


def told(*records: str, authentic: bool = True) -> DnsAnswer:
    return DnsAnswer(status=DnsStatus.FOUND, records=records, authentic=authentic)


def ask(inquiry: Inquiry[T], answers: dict[str, DnsAnswer]) -> T:
    try:
        name, kind = next(inquiry)
        while True:
            assert kind == "TLSA"
            name, kind = inquiry.send(answers.get(name, NO_NAME))
    except StopIteration as end:
        value: T = end.value
        return value


def check(
    shown: Signed | list[bytes], *records: str, now: datetime | None = None
) -> str:
    """The record that fits."""
    dane = Dane(base=NAMES[0], usable=usable(records), records=records)
    chain = shown if isinstance(shown, list) else shown.chain
    return str(verify(dane, chain, NAMES, now or datetime.now(UTC)))


def trouble(shown: Signed | list[bytes], *records: str) -> TlsTrouble:
    with pytest.raises(TlsFailed) as caught:
        check(shown, *records)
    return caught.value.trouble


# -- looking up


def test_records_at_the_expanded_name_come_first() -> None:
    """Then those at the name itself (RFC 7672 §2.2.2)."""
    bases = ("real.b.test", "mx.a.test")
    both = {
        "_25._tcp.real.b.test": told(RECORD),
        "_25._tcp.mx.a.test": told("3 1 1 " + "cd" * 32),
    }
    found = ask(look_up(bases, 25), both)
    assert found is not None
    assert (found.base, found.records) == ("real.b.test", (RECORD,))
    del both["_25._tcp.real.b.test"]
    found = ask(look_up(bases, 25), both)
    assert found is not None
    assert found.base == "mx.a.test"


def test_insecure_records_are_none() -> None:
    """Only what DNSSEC vouches for counts (RFC 7672 §2.2.3)."""
    answers = {"_25._tcp.mx.a.test": told(RECORD, authentic=False)}
    assert ask(look_up(["mx.a.test"], 25), answers) is None


def test_no_answer_is_no_permission() -> None:
    """A host whose records can't be read is not called (RFC 7672 §2.1.2)."""
    with pytest.raises(Unreadable):
        ask(look_up(["mx.a.test"], 25), {"_25._tcp.mx.a.test": FAILED})


def test_unusable_records_ask_for_tls() -> None:
    """Usages 0 and 1 are unusable for SMTP, but they are there (RFC 7672 §2.2.3)."""
    records = ("0 1 1 " + "ab" * 32, "1 0 1 " + "ab" * 32)
    found = ask(look_up(["mx.a.test"], 587), {"_587._tcp.mx.a.test": told(*records)})
    assert found is not None
    assert (found.usable, found.records) == ((), records)


@pytest.mark.parametrize(
    "record",
    [
        "",
        "3",
        "3 1 1",
        "3 1 1 zz",
        "3 1 1 abcd",
        "3 1 2 " + "ab" * 32,
        "4 1 1 " + "ab" * 32,
        "3 2 1 " + "ab" * 32,
        "3 1 3 " + "ab" * 32,
        "-3 1 1 " + "ab" * 32,
        "3 1 0 ",
    ],
)
def test_what_is_no_usable_record(record: str) -> None:
    assert read(record) is None


@given(st.text())
def test_a_record_never_raises(record: str) -> None:
    read(record)


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_a_chain_raises_nothing_else(chain: list[bytes]) -> None:
    with pytest.raises(TlsFailed):
        check(chain, MX.tlsa(3), CA.tlsa(2))


def test_the_stronger_digest_counts() -> None:
    """A weaker one of the same usage and selector says nothing (RFC 7671 §9)."""
    weak, strong = MX.tlsa(3, 1, 1), sign("other.test").tlsa(3, 1, 2)
    assert [str(one) for one in usable((weak, strong))] == [strong]
    assert trouble(MX, weak, strong) is TlsTrouble.MISMATCH
    whole = MX.tlsa(3, 0, 0)
    assert check(MX, whole, strong) == whole


# -- usage 3


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_the_hosts_own_certificate(selector: int, matching: int) -> None:
    """By certificate or key, as it is or by digest (RFC 6698 §2.1)."""
    record = MX.tlsa(3, selector, matching)
    assert check(MX, record) == record
    assert trouble(sign("mx.a.test", by=MIDDLE), record) is TlsTrouble.MISMATCH


def test_usage_3_ignores_names_and_dates() -> None:
    """RFC 7672 §3.1.1."""
    old = sign("elsewhere.test", until=-DAY)
    assert check(old, old.tlsa(3)) == old.tlsa(3)


def test_usage_3_is_the_first_certificate_only() -> None:
    assert trouble(MX, CA.tlsa(3)) is TlsTrouble.MISMATCH


# -- usage 2


@pytest.mark.parametrize("issuer", [CA, MIDDLE])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_an_issuer_in_the_chain(issuer: Signed, selector: int, matching: int) -> None:
    """The root or one between (RFC 7672 §3.1.2)."""
    record = issuer.tlsa(2, selector, matching)
    assert check(MX, record) == record


def test_an_issuer_in_the_record_need_not_be_sent() -> None:
    """A whole certificate in DNS is enough (RFC 7671 §5.2.2)."""
    record = CA.tlsa(2, 0, 0)
    assert check(MX.chain[:2], record) == record
    assert trouble(MX.chain[:2], CA.tlsa(2, 0, 1)) is TlsTrouble.MISMATCH


def test_usage_2_wants_dates() -> None:
    """RFC 7672 §3.1.2."""
    old = sign("mx.a.test", by=CA, until=-DAY)
    assert trouble(old, CA.tlsa(2)) is TlsTrouble.EXPIRED
    assert check(old, CA.tlsa(2), now=datetime.now(UTC) - 10 * DAY)
    old_ca = sign(ca=True, common_name="old authority", until=-DAY)
    assert trouble(sign("mx.a.test", by=old_ca), old_ca.tlsa(2)) is TlsTrouble.EXPIRED
    old_middle = sign(ca=True, by=CA, common_name="old middle", until=-DAY)
    assert trouble(sign("mx.a.test", by=old_middle), CA.tlsa(2)) is TlsTrouble.UNTRUSTED


@pytest.mark.parametrize(
    ("names", "common_name", "good"),
    [
        (("mx.a.test",), "", True),
        (("a.test",), "", True),  # the next-hop domain
        (("MX.A.TEST",), "", True),
        (("*.a.test",), "", True),
        (("other.test", "*.a.test"), "", True),
        (("mx.b.test",), "", False),
        (("*.test",), "mx.a.test", False),  # DNS names are there: no common name
        (("m*.a.test",), "", False),
        ((), "mx.a.test", True),
        ((), "mx.b.test", False),
    ],
)
def test_usage_2_wants_names(
    names: tuple[str, ...], common_name: str, *, good: bool
) -> None:
    """RFC 7672 §3.2.2, §3.2.3."""
    shown = sign(*names, by=CA, common_name=common_name)
    if good:
        assert check(shown, CA.tlsa(2)) == CA.tlsa(2)
    else:
        assert trouble(shown, CA.tlsa(2)) is TlsTrouble.WRONG_NAME


def test_an_issuer_that_signed_nothing_here_vouches_for_nothing() -> None:
    """Whoever sends the right authority with his own certificate gains nothing."""
    rogue = sign("mx.a.test", by=authority())
    assert trouble([rogue.chain[0], CA.der], CA.tlsa(2)) is TlsTrouble.UNTRUSTED
    # one that bears the authority's name, but not its signature
    namesake = sign("mx.a.test", by=authority(), common_name="mx.a.test")
    assert trouble([namesake.chain[0], CA.der], CA.tlsa(2)) is TlsTrouble.UNTRUSTED


def test_only_an_authority_may_sign() -> None:
    """A host's own certificate does not make it an issuer."""
    forged = sign("mx.a.test", by=sign("evil.test", by=CA))
    assert trouble(forged, CA.tlsa(2)) is TlsTrouble.UNTRUSTED


def issuer(by: Signed | None = None, **more: Any) -> Signed:
    return sign(by=by, ca=True, common_name=f"issuer {id(more)}", **more)


def signs(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


ELSEWHERE = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName("b.test")], excluded_subtrees=None
)
HERE = x509.NameConstraints(
    permitted_subtrees=[x509.DNSName("a.test")], excluded_subtrees=None
)


@pytest.mark.parametrize(
    ("more", "good"),
    [
        ({"more": (signs(certificates=True),)}, True),
        ({"more": (signs(certificates=False),)}, False),
        ({"more": (HERE,)}, True),
        ({"more": (ELSEWHERE,)}, False),
        ({"path_length": 0}, True),
    ],
)
@pytest.mark.parametrize("between", [True, False])
def test_what_an_issuer_may(more: dict[str, Any], *, good: bool, between: bool) -> None:
    """The named one and those between keep to what they may (RFC 5280 §4.2.1)."""
    anchor = CA if between else issuer(**more)
    shown = sign("mx.a.test", by=issuer(CA, **more) if between else anchor)
    if good:
        assert check(shown, anchor.tlsa(2)) == anchor.tlsa(2)
    else:
        assert trouble(shown, anchor.tlsa(2)) is TlsTrouble.UNTRUSTED


def test_an_issuer_of_hosts_alone_makes_no_issuers() -> None:
    last = issuer(path_length=0)
    assert trouble(sign("mx.a.test", by=issuer(last)), last.tlsa(2)) is (
        TlsTrouble.UNTRUSTED
    )


@pytest.mark.parametrize(
    ("purpose", "good"),
    [
        (ExtendedKeyUsageOID.SERVER_AUTH, True),
        (ExtendedKeyUsageOID.CLIENT_AUTH, False),
    ],
)
def test_a_certificate_is_for_servers(
    purpose: x509.ObjectIdentifier, *, good: bool
) -> None:
    """Or says nothing of it."""
    usage = x509.ExtendedKeyUsage([purpose])
    shown = sign("mx.a.test", by=CA, more=(usage,))
    if good:
        assert check(shown, CA.tlsa(2)) == CA.tlsa(2)
    else:
        assert trouble(shown, CA.tlsa(2)) is TlsTrouble.UNTRUSTED
    assert check(shown, shown.tlsa(3)) == shown.tlsa(3)


def test_a_self_signed_host_is_nobodys_issuer() -> None:
    alone = sign("mx.a.test", ca=True)
    assert trouble(alone, alone.tlsa(2)) is TlsTrouble.MISMATCH


def test_one_record_that_fits_is_enough() -> None:
    """Old and new keys stand beside each other (RFC 7671 §8.1)."""
    other = sign("mx.a.test")
    assert check(MX, other.tlsa(3), MX.tlsa(3)) == MX.tlsa(3)
    assert check(MX, other.tlsa(3), CA.tlsa(2)) == CA.tlsa(2)
