"""The tables of policy."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from pyeonji.base.rates import Rate
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.serve.configuration import ConfigurationError, parse

HEAD = 'hostname = "mx.example.test"\ndata = "data"\n'


def test_policy_is_read() -> None:
    options = parse(
        HEAD
        + """
        [policy]
        dmarc = "quarantine"
        trusted_sealers = ["Lists.example"]
        exempt = ["10.0.0.0/8", "2001:db8::1"]
        letter_rate = "100/h"
        tarpit = "5s"
        [[policy.list]]
        zone = "zen.example"
        answers = ["127.0.0.2-127.0.0.4", "127.0.0.10"]
        [[policy.list]]
        zone = "dbl.example"
        of = "domain"
        action = "quarantine"
        names = ["helo", "reverse", "author"]
        codes = { "127.0.1.2-127.0.1.99" = "reject", "127.0.1.102" = "note" }
        """,
        Path("x.toml"),
    ).policy
    assert options.hostname == "mx.example.test"
    assert options.dmarc_reject == options.dmarc_quarantine == "quarantine"
    assert options.trusted_sealers == {"lists.example"}
    assert options.is_exempt("10.9.8.7")
    assert options.is_exempt("2001:db8::1")
    assert not options.is_exempt("11.0.0.1")
    assert options.letter_rate == Rate(100, 3600.0)
    assert options.tarpit_s == 5.0
    assert [each.of for each in options.lists] == ["address", "domain"]
    assert len(options.lists[0].answers) == 2
    assert options.lists[0].names == ("sender",)
    assert options.lists[1].names == ("helo", "reverse", "author")
    low, high, action = options.lists[1].codes[0]
    assert (high - low, action) == (97, "reject")
    assert options.lists[1].codes[1][2] == "note"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[policy]\ndmarc = "maybe"', "policy.dmarc: must be one of"),
        ('[policy]\nexempt = ["10.0.0.1/8"]', "policy.exempt: 10.0.0.1/8 has host"),
        ("[trust]\ntime = 20", "trust.time: must be a text"),
        ('[trust]\norganizational_domain = "psl"', "must be one of: walk, list"),
        ('[trust]\nothers = ["a b"]', "trust.others: 'a b' is not a host name"),
        ('[policy]\nletter_rate = "many"', "policy.letter_rate: must be a rate"),
        ('[[policy.list]]\nof = "domain"', "policy.list.zone: is missing"),
        (
            '[[policy.list]]\nzone = "a.example"\nanswers = ["10.0.0.1"]',
            "policy.list.answers: 10.0.0.1 is no range",
        ),
        (
            '[[policy.list]]\nzone = "a.example"\ncodes = { "127.0.0.2" = "kill" }',
            "policy.list.codes: must be one of",
        ),
        (
            '[[policy.list]]\nzone = "a.example"\nnames = ["helo"]',
            'policy.list.names: is only for of = "domain"',
        ),
        (
            '[[policy.list]]\nzone="a.example"\nof="domain"\nnames=["helo"]\naction="accept"',
            "policy.list.names: cannot be used to accept",
        ),
    ],
)
def test_slips_are_seen(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse(HEAD + text, Path("x.toml"))


def test_trust_is_read() -> None:
    """Every key; without the table, strangers are checked under our name."""
    trust = parse(
        HEAD
        + """
        [trust]
        check = false
        authserv_id = "Example.test"
        others = ["mx2.example.test"]
        trusted = ["192.0.2.0/24", "2001:db8::1"]
        private = true
        received_spf = true
        organizational_domain = "list"
        time = "5s"
        """,
        Path("x.toml"),
    ).trust
    assert trust == TrustOptions(
        check=False,
        authserv_id="example.test",
        others=("mx2.example.test",),
        trusted=(ip_network("192.0.2.0/24"), ip_network("2001:db8::1")),
        private=True,
        received_spf=True,
        suffix_list=True,
        time_s=5.0,
    )
    plain = parse(HEAD, Path("x.toml"))
    assert plain.trust == TrustOptions(authserv_id=plain.hostname)


PAGES = Path(__file__).parents[3] / "docs" / "operating"


@pytest.mark.parametrize("page", ["policy.md", "hooks.md"])
def test_the_examples_of_the_page_are_true(page: str, tmp_path: Path) -> None:
    """Each block is a configuration that is understood."""
    (tmp_path / "webhook.secret").write_text("0123456789abcdef")
    blocks = re.findall(r"```toml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        parse(HEAD + block, tmp_path / "pyeonji.toml")


def test_what_a_listener_cannot_have() -> None:
    for protocol, key, value in (
        ("http", "xclient", '["127.0.0.1"]'),
        ("imap", "xclient", '["127.0.0.1"]'),
        ("lmtp", "xclient", '["127.0.0.1"]'),
        ("smtp", "xclient_login", "true"),
    ):
        text = f"""
            [[listener]]
            protocol = "{protocol}"
            address = "127.0.0.1:2525"
            {key} = {value}
        """
        with pytest.raises(ConfigurationError, match=f"listener.{key}: (is|needs)"):
            parse(HEAD + text, Path("x.toml"))
