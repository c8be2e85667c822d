"""Who takes mail for a domain: answers come from a dict."""

from __future__ import annotations

import pytest

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.relay.nexthop import (
    MAX_HOSTS,
    NextHops,
    NoNextHop,
    Target,
    next_hops,
)

Zone = dict[tuple[str, str], list[str] | DnsStatus]


def find(
    domain: str, zone: Zone, *, own: frozenset[tuple[str, int]] = frozenset()
) -> NextHops | NoNextHop:
    """Answer the search from a dict; equal preferences come in reverse order."""
    search = next_hops(
        domain,
        port=25,
        hostname="mx.example.test",
        own_endpoints=own,
        shuffle=lambda names: names.reverse(),
    )
    try:
        question = next(search)
        while True:
            found = zone.get(question, DnsStatus.NO_DATA)
            if isinstance(found, DnsStatus):
                answer = DnsAnswer(status=found)
            else:
                answer = DnsAnswer(status=DnsStatus.FOUND, records=tuple(found))
            question = search.send(answer)
    except StopIteration as end:
        result: NextHops | NoNextHop = end.value
        return result


def names(found: NextHops | NoNextHop) -> list[tuple[str, str]]:
    assert not isinstance(found, NoNextHop), found
    return [(target.host, target.address) for target in found]


def test_lower_preference_first_and_equal_ones_shuffled() -> None:
    """RFC 5321 §5.1."""
    zone: Zone = {
        ("d.test", "MX"): ["20 c.d.test.", "10 a.d.test.", "10 b.d.test."],
        ("a.d.test", "A"): ["192.0.2.1"],
        ("b.d.test", "A"): ["192.0.2.2"],
        ("c.d.test", "A"): ["192.0.2.3"],
    }
    assert [host for host, _ in names(find("d.test", zone))] == [
        "b.d.test",
        "a.d.test",
        "c.d.test",
    ]


def test_both_address_families_take_turns() -> None:
    """RFC 5321 §5.2: one broken family costs one attempt."""
    zone: Zone = {
        ("d.test", "MX"): ["10 a.d.test."],
        ("a.d.test", "A"): ["192.0.2.1", "192.0.2.2"],
        ("a.d.test", "AAAA"): ["2001:db8::1"],
    }
    assert [address for _, address in names(find("d.test", zone))] == [
        "2001:db8::1",
        "192.0.2.1",
        "192.0.2.2",
    ]


def test_without_mx_the_domain_itself_is_called() -> None:
    """The implicit MX (RFC 5321 §5.1)."""
    zone: Zone = {("d.test", "A"): ["192.0.2.1"]}
    assert find("d.test", zone) == (
        Target(host="d.test", address="192.0.2.1", port=25),
    )


@pytest.mark.parametrize(
    ("zone", "permanent", "status"),
    [
        ({("d.test", "MX"): ["0 ."]}, True, "5.1.10"),
        ({("d.test", "MX"): DnsStatus.NO_NAME}, True, "5.1.2"),
        ({("d.test", "MX"): DnsStatus.FAILED}, False, "4.4.3"),
        ({}, True, "5.1.2"),
        ({("d.test", "A"): DnsStatus.FAILED}, False, "4.4.3"),
        ({("d.test", "MX"): ["10 a.d.test."]}, True, "5.4.4"),
        ({("d.test", "MX"): ["10 MX.example.test."]}, True, "5.4.6"),
        (
            {("d.test", "MX"): ["10 mx.example.test.", "20 b.d.test."]},
            True,
            "5.4.6",
        ),
    ],
)
def test_why_there_is_no_next_hop(zone: Zone, permanent: bool, status: str) -> None:
    """Null MX (RFC 7505 §3), no such domain, no answer, nobody but ourselves."""
    found = find("d.test", zone)
    assert isinstance(found, NoNextHop)
    assert (found.permanent, found.status) == (permanent, status)


def test_we_send_only_to_those_more_preferred_than_ourselves() -> None:
    """A secondary exchanger sends to the primary alone (RFC 5321 §5.1)."""
    zone: Zone = {
        ("d.test", "MX"): ["5 a.d.test.", "10 mx.example.test.", "20 c.d.test."],
        ("a.d.test", "A"): ["192.0.2.1"],
        ("c.d.test", "A"): ["192.0.2.3"],
    }
    assert names(find("d.test", zone)) == [("a.d.test", "192.0.2.1")]


def test_an_address_of_ours_under_another_name_is_a_loop() -> None:
    """RFC 5321 §5.1, however the exchanger is called."""
    zone: Zone = {
        ("d.test", "MX"): ["10 a.d.test."],
        ("a.d.test", "A"): ["127.0.0.1"],
    }
    found = find("d.test", zone, own=frozenset({("127.0.0.1", 25)}))
    assert isinstance(found, NoNextHop)
    assert found.status == "5.4.6"


def test_two_hundred_exchangers_are_not_all_called() -> None:
    """A domain cannot keep us busy without end."""
    zone: Zone = {("d.test", "MX"): [f"{n} h{n}.d.test." for n in range(200)]}
    for n in range(200):
        zone[f"h{n}.d.test", "A"] = [f"192.0.2.{n}"] * 50
    found = names(find("d.test", zone))
    assert len({host for host, _ in found}) == MAX_HOSTS
    assert len(found) < 100


@pytest.mark.parametrize(
    ("literal", "address"),
    [("[192.0.2.7]", "192.0.2.7"), ("[IPv6:2001:db8::7]", "2001:db8::7")],
)
def test_address_literals_need_no_dns(literal: str, address: str) -> None:
    """RFC 5321 §4.1.3."""
    assert find(literal, {}) == (Target(host=address, address=address, port=25),)


def test_a_broken_literal_is_no_domain() -> None:
    """RFC 5321 §4.1.3."""
    found = find("[not.an.address]", {})
    assert isinstance(found, NoNextHop)
    assert found.permanent
