"""How securely a host was found, and where its TLSA records may be (RFC 7672 §2.2)."""

from __future__ import annotations

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.relay.nexthop import NoNextHop, Target, next_hops

NO_DATA = DnsAnswer(status=DnsStatus.NO_DATA)


def told(*records: str, name: str = "", authentic: bool = True) -> DnsAnswer:
    return DnsAnswer(
        status=DnsStatus.FOUND,
        records=records,
        authentic=authentic,
        canonical_name=name,
    )


def target(answers: dict[tuple[str, str], DnsAnswer]) -> Target | NoNextHop:
    search = next_hops(
        "a.test",
        port=25,
        hostname="mx.example.test",
        own_endpoints=frozenset(),
        shuffle=lambda _: None,
    )
    try:
        question = next(search)
        while True:
            question = search.send(answers.get(question, NO_DATA))
    except StopIteration as end:
        found: NoNextHop | tuple[Target, ...] = end.value
        return found if isinstance(found, NoNextHop) else found[0]


MX = {("a.test", "MX"): told("10 mx.a.test.", name="a.test")}


def bases(answers: dict[tuple[str, str], DnsAnswer]) -> tuple[str, ...]:
    found = target(answers)
    assert isinstance(found, Target)
    return found.bases


def test_all_is_secure() -> None:
    found = target(MX | {("mx.a.test", "A"): told("192.0.2.1", name="mx.a.test")})
    assert isinstance(found, Target)
    assert found.secure
    assert (found.bases, found.domains) == (("mx.a.test",), ("a.test",))


def test_insecure_addresses() -> None:
    """TLSA is not even asked for: some name servers mishandle it (RFC 7672 §2.2.2)."""
    address = told("192.0.2.1", name="mx.a.test", authentic=False)
    assert bases(MX | {("mx.a.test", "A"): address}) == ()


def test_insecure_mx() -> None:
    insecure = {("a.test", "MX"): told("10 mx.a.test.", authentic=False)}
    address = told("192.0.2.1", name="mx.a.test")
    assert bases(insecure | {("mx.a.test", "A"): address}) == ()


def test_a_secure_alias() -> None:
    """The name at the end comes first (RFC 7672 §2.2.2)."""
    address = told("192.0.2.1", name="real.b.test")
    found = bases(MX | {("mx.a.test", "A"): address})
    assert found == ("real.b.test", "mx.a.test")


def test_a_secure_alias_into_an_insecure_zone() -> None:
    """The name itself may still have records (RFC 7672 §2.2.2)."""
    insecure = {("mx.a.test", "A"): told("192.0.2.1", name="b.test", authentic=False)}
    assert bases(MX | insecure) == ()
    alias = {("mx.a.test", "CNAME"): told("b.test.")}
    assert bases(MX | insecure | alias) == ("mx.a.test",)
    alias = {("mx.a.test", "CNAME"): told("b.test.", authentic=False)}
    assert bases(MX | insecure | alias) == ()
    alias = {("mx.a.test", "CNAME"): DnsAnswer(status=DnsStatus.FAILED)}
    found = target(MX | insecure | alias)
    assert isinstance(found, NoNextHop)
    assert not found.permanent


def test_a_domain_that_is_an_alias() -> None:
    """Both its names are good in a certificate (RFC 7672 §3.2.2)."""
    alias = {("a.test", "MX"): told("10 mx.a.test.", name="c.test")}
    found = target(alias | {("mx.a.test", "A"): told("192.0.2.1", name="mx.a.test")})
    assert isinstance(found, Target)
    assert found.domains == ("a.test", "c.test")


def test_no_mx() -> None:
    """The domain is the host (RFC 7672 §2.2.2)."""
    assert bases({("a.test", "A"): told("192.0.2.1", name="a.test")}) == ("a.test",)
