"""SPF and iprev: what the published suite leaves open."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mta_trust.zones import Zone

from pyeonji.mta.trust.iprev import IprevVerdict, check_iprev
from pyeonji.mta.trust.spf import SpfResult, SpfVerdict, check_spf
from pyeonji.mta.trust.spf_macros import MAX_EXPANDED, SpfSyntaxError, read_domain_spec
from pyeonji.mta.trust.spf_record import MAX_RECORD, read_record

CLIENT = "192.0.2.1"


def check(
    data: dict[str, dict[str, Any]],
    *,
    ip: str = CLIENT,
    mail_from: str = "kim@one.test",
    helo: str = "mx.one.test",
) -> SpfVerdict:
    return Zone(data).run(
        check_spf(
            ip_address(ip),
            helo=helo,
            mail_from=mail_from,
            receiver="us.test",
            unix_second=1_700_000_000,
        )
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (
            "v=spf1 ip4:192.0.2.0/24 -all",
            "one.test: 192.0.2.1 matches ip4:192.0.2.0/24",
        ),
        ("v=spf1 -all", "one.test: 192.0.2.1 matches -all"),
        ("v=spf1 ip4:198.51.100.1", "one.test says nothing of 192.0.2.1"),
        ("v=spf1 ip5:1", "SPF record of one.test: 'ip5:1' is no mechanism"),
        ("v=spf1 a:%{d0}.test", "SPF record of one.test: %{d0} keeps nothing"),
        ("v=spf1 redirect=no.test", "redirect of one.test: no.test has no SPF record"),
        (
            "v=spf1 a:x.test a:y.test a:z.test",
            "more than 2 terms name what is not in DNS",
        ),
        (
            "v=spf1 " + "a:mx.test " * 11,
            "more than 10 terms ask DNS, at a:mx.test",
        ),
    ],
)
def test_reasons_are_for_people(record: str, reason: str) -> None:
    found = check({"one.test": {"TXT": [record]}, "mx.test": {"A": ["198.51.100.9"]}})
    assert found.reason == reason


def test_which_identity_is_checked() -> None:
    """A null reverse path leaves HELO (RFC 7208 §2.4)."""
    data = {"one.test": {"TXT": ["v=spf1 -all"]}, "mx.one.test": {"TXT": ["v=spf1 a"]}}
    data["mx.one.test"]["A"] = [CLIENT]
    assert (check(data).identity, check(data).domain) == ("mailfrom", "one.test")
    null = check(data, mail_from="")
    assert (null.identity, null.domain, null.result) == ("helo", "mx.one.test", "pass")


def test_hosts_of_an_mx_are_no_terms() -> None:
    """A client of the other family is no reason for an error."""
    data: dict[str, dict[str, Any]] = {
        f"mx{n}.test": {"A": ["192.0.2.1"]} for n in range(5)
    }
    data["one.test"] = {
        "TXT": ["v=spf1 mx -all"],
        "MX": [f"10 mx{n}.test." for n in range(5)],
    }
    assert check(data, ip="2001:db8::1").result == "fail"
    assert check(data).result == "pass"


def test_the_p_macro_is_a_look_up() -> None:
    """Once: its names are kept; in explanations it costs nothing (§4.6.4)."""
    text = "v=spf1 " + "exists:%{p}.one.test " * 9 + "-all exp=%{p}.why.test"
    data: dict[str, dict[str, Any]] = {
        "one.test": {"TXT": [text]},
        "unknown.one.test": {"A": ["127.0.0.2"]},
    }
    assert (check(data).result, check(data).terms) == ("pass", 2)
    data["one.test"]["TXT"] = ["v=spf1 " + "a:mx.test " * 10 + "exists:%{p}.one.test"]
    data["mx.test"] = {"A": ["198.51.100.1"]}
    assert check(data).result == "permerror"


def test_ipv4_behind_ipv6_is_ipv4() -> None:
    """RFC 7208 §5."""
    data = {"one.test": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
    assert check(data, ip="::ffff:192.0.2.1").result == "pass"


def test_domains_beyond_ascii_are_asked_as_a_labels() -> None:
    """RFC 8616 §4; a local part that is not ASCII matches no macro."""
    data = {
        "xn--3e0b707e.test": {"TXT": ["v=spf1 exists:%{l}.one.test a:%{o} -all"]},
    }
    found = check(data, mail_from="김@한국.test")
    assert (found.domain, found.result) == ("xn--3e0b707e.test", "fail")


def test_what_a_sender_chooses_never_breaks_a_name() -> None:
    data = {"one.test": {"TXT": ["v=spf1 exists:%{l}.one.test -all"]}}
    for local in ("a\\", "a\\000", "x" * 64, "..", "\x00", "é", "a b", '"a@b"'):
        assert check(data, mail_from=f"{local}@one.test").result == "fail"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("go to %{c}", "go to 192.0.2.1"),
        ("at %{t} by %{R}", "at 1700000000 by us.test"),
        ("caf\u00e9", ""),
        ("%{l}", "kim"),
        ("%{q}", ""),
        ("a\tb", ""),
        ("x" * 1000, "x" * 400),
    ],
)
def test_explanations(text: str, shown: str) -> None:
    """ASCII, one record, cut; else as if there were none (RFC 7208 §6.2)."""
    data = {
        "one.test": {"TXT": ["v=spf1 -all exp=why.test"]},
        "why.test": {"TXT": [text]},
    }
    assert check(data).explanation == shown


def test_sizes_have_limits() -> None:
    with pytest.raises(SpfSyntaxError):
        read_record("v=spf1 " + "a " * MAX_RECORD)
    spec = read_domain_spec("%{s}" * 1000 + ".test")
    assert len(spec.expand({"s": "x" * 320})) == MAX_EXPANDED


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["v=spf1", " ", "a", ":", "/", "%{", "}", "ip4", "=", "exp"]
            ),
            st.text(max_size=5),
        ),
        max_size=12,
    ).map("".join)
)
def test_any_record_is_read_or_refused(text: str) -> None:
    found = check({"one.test": {"TXT": [f"v=spf1 {text}"]}})
    assert found.result in set(SpfResult) - {"none", "temperror"}
    assert found.reason.isascii()


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_sender_and_helo_have_a_result(mail_from: str, helo: str) -> None:
    data = {"one.test": {"TXT": ["v=spf1 exists:%{s}.%{h}.one.test -all"]}}
    found = check(data, mail_from=f"{mail_from}@one.test", helo=helo)
    assert found.result in {"none", "fail", "permerror"}


def iprev(data: dict[str, dict[str, Any]], ip: str = CLIENT) -> IprevVerdict:
    return Zone(data).run(check_iprev(ip_address(ip)))


def test_iprev() -> None:
    """RFC 8601 §3."""
    pointer = "1.2.0.192.in-addr.arpa"
    named = {pointer: {"PTR": ["mx.one.test.", "other.test."]}}
    assert iprev({}).result == "permerror"
    assert iprev({pointer: {"PTR": "TIMEOUT"}}).result == "temperror"
    assert iprev(named).result == "fail"
    assert iprev({**named, "other.test": {"A": "TIMEOUT"}}).result == "temperror"
    found = iprev({**named, "other.test": {"A": ["192.0.2.7", CLIENT]}})
    assert (found.result, found.name) == ("pass", "other.test")
    six = {
        ip_address("2001:db8::1").reverse_pointer: {"PTR": ["six.test."]},
        "six.test": {"AAAA": ["2001:db8:0::1"]},
    }
    assert iprev(six, "2001:db8::1").result == "pass"
