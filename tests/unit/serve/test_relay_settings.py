"""[relay], [[source]], [[route]] and [dns] as the relay is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyeonji.mta.options import Source
from pyeonji.serve.assembly import mta_options
from pyeonji.serve.configuration import ConfigurationError, parse

FILE = Path("x.toml")
BEGIN = 'hostname = "mail.example.test"\ndata = "data"\n'


def test_all_of_it() -> None:
    text = (
        BEGIN
        + """
[dns]
servers = ["127.0.0.1"]
validating = true
[relay]
dane = false
mta_sts = false
private_addresses = true
strict = ["Partner.test"]
lenient = ["Broken.test.", "xn--3e0b707e.test"]
[[source]]
domain = "NEWS.test"
addresses = ["192.0.2.1", "2001:db8::1"]
[[source]]
domain = "*"
addresses = ["192.0.2.2"]
[[route]]
domain = "partner.test"
next_hop = "a.test"
[[route]]
sender = "News.test"
next_hop = "b.test:587"
"""
    )
    configuration = parse(text, FILE)
    assert configuration.dns_validating
    assert not configuration.relay.mta_sts
    assert configuration.relay.private_addresses
    options = mta_options(configuration)
    assert not options.dane
    assert options.lenient == {"broken.test", "한국.test"}
    assert options.strict == {"partner.test"}
    assert options.sources == {
        "news.test": Source(v4="192.0.2.1", v6="2001:db8::1"),
        "*": Source(v4="192.0.2.2"),
    }
    assert list(options.routes) == ["partner.test"]
    assert options.sender_routes["news.test"].hosts == (("b.test", 587),)


def test_unless_said_otherwise() -> None:
    """Policies of others are obeyed; DNS is not believed."""
    configuration = parse(BEGIN, FILE)
    assert configuration.relay.dane
    assert configuration.relay.mta_sts
    assert not configuration.relay.private_addresses
    assert not configuration.dns_validating


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[dns]\nvalidating = true", "x.toml:4: dns.validating: needs servers"),
        ("[relay]\nstarttls = true", "x.toml:4: relay.starttls: is not a key"),
        ('[relay]\nlenient = "a.test"', "x.toml:4: relay.lenient: must be a list"),
        (
            '[relay]\nlenient = ["a.test"]\nstrict = ["A.test"]',
            "x.toml:5: relay.strict: a.test is also lenient",
        ),
        ('[[source]]\ndomain = "a.test"', "x.toml:3: source.addresses: is missing"),
        (
            '[[source]]\ndomain = "a.test"\naddresses = ["a.test"]',
            "x.toml:5: source.addresses: 'a.test' is no IP address",
        ),
        (
            '[[source]]\ndomain = "a.test"\naddresses = ["192.0.2.1", "192.0.2.2"]',
            "x.toml:5: source.addresses: one of IPv4",
        ),
        ('[[route]]\nnext_hop = "a.test"', "x.toml:3: route: must have domain or"),
        (
            '[[route]]\ndomain = "a.test"\nsender = "b.test"\nnext_hop = "a.test"',
            "x.toml:3: route: must have domain or",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(BEGIN + lines, FILE)
    assert str(raised.value).startswith(said)


def test_a_domain_has_one_source() -> None:
    one = '[[source]]\ndomain = "a.test"\naddresses = ["192.0.2.1"]\n'
    with pytest.raises(ConfigurationError, match="has addresses already"):
        parse(BEGIN + one + one, FILE)


@pytest.mark.parametrize(("workers", "each"), [(1, 20), (2, 10), (3, 6), (30, 1)])
def test_workers_share_the_connections_to_a_next_hop(
    workers: int, each: int, tmp_path: Path
) -> None:
    """None knows of the others' connections: together they never have more."""
    source = 'hostname = "mail.example.test"\ndata = "data"\n'
    options = mta_options(parse(source, tmp_path / "x.toml"), workers)
    assert options.max_relays_per_destination == each
