"""What a domain is told to put into DNS, and that name servers can read it."""

from __future__ import annotations

from dataclasses import replace

import dns.zone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mta.publish.records import (
    BadName,
    DkimKey,
    DomainFacts,
    HostFacts,
    Record,
    Service,
    policy_id,
    records,
)
from pyeonji.mta.publish.sts import policy
from pyeonji.mta.publish.zone import presentation, zone

HOST = HostFacts(
    hostname="mail.example.org",
    addresses=("192.0.2.1", "2001:db8::1"),
    services=(
        Service(protocol="submission", tls="implicit", port=465),
        Service(protocol="imap", tls="implicit", port=993),
        Service(protocol="imap", tls="starttls", port=143),
    ),
    tlsa_ports=(25,),
    key_sha256="ab" * 32,
    web=True,
)
POLICY = policy("enforce", ["mail.example.org"], 604800)
DOMAIN = DomainFacts(
    name="example.org",
    dkim=(DkimKey(selector="s1", text="v=DKIM1; k=rsa; p=" + "A" * 392),),
    dmarc_policy="reject",
    dmarc_reports="dmarc@example.org",
    tls_reports="tls@example.org",
    spf_all="-all",
    sts_policy=POLICY,
)


def parsed(text: str, origin: str) -> dns.zone.Zone:
    """As a name server reads it."""
    head, _, rest = text.partition("\n")
    soa = f"@ IN SOA ns.{origin}. h.{origin}. 1 3600 900 604800 300\n@ IN NS ns\n"
    return dns.zone.from_text(f"{head}\n$TTL 60\n{soa}{rest}", relativize=False)


def data(found: list[Record], name: str, kind: str) -> list[str]:
    return [each.data for each in found if (each.name, each.kind) == (name, kind)]


def test_every_record_of_a_domain() -> None:
    found = records(HOST, DOMAIN)
    assert [(each.name, each.kind, each.data) for each in found] == [
        ("example.org", "MX", "10 mail.example.org."),
        ("mail.example.org", "A", "192.0.2.1"),
        ("mail.example.org", "AAAA", "2001:db8::1"),
        ("example.org", "TXT", "v=spf1 mx -all"),
        ("mail.example.org", "TXT", "v=spf1 a -all"),
        ("s1._domainkey.example.org", "TXT", "v=DKIM1; k=rsa; p=" + "A" * 392),
        (
            "_dmarc.example.org",
            "TXT",
            "v=DMARC1; p=reject; rua=mailto:dmarc@example.org",
        ),
        ("_mta-sts.example.org", "TXT", f"v=STSv1; id={policy_id(POLICY)}"),
        ("mta-sts.example.org", "CNAME", "mail.example.org."),
        ("_smtp._tls.example.org", "TXT", "v=TLSRPTv1; rua=mailto:tls@example.org"),
        ("_25._tcp.mail.example.org", "TLSA", "3 1 1 " + "ab" * 32),
        ("_submissions._tcp.example.org", "SRV", "0 1 465 mail.example.org."),
        ("_submission._tcp.example.org", "SRV", "0 0 0 ."),
        ("_imaps._tcp.example.org", "SRV", "0 1 993 mail.example.org."),
        ("_imap._tcp.example.org", "SRV", "10 1 143 mail.example.org."),
        ("_pop3s._tcp.example.org", "SRV", "0 0 0 ."),
        ("_pop3._tcp.example.org", "SRV", "0 0 0 ."),
        ("autoconfig.example.org", "CNAME", "mail.example.org."),
        ("autodiscover.example.org", "CNAME", "mail.example.org."),
        ("_autodiscover._tcp.example.org", "SRV", "0 1 443 mail.example.org."),
    ]


def test_a_name_server_reads_the_zone() -> None:
    """Long texts are cut into strings of 255 octets, and come back whole."""
    found = records(HOST, DOMAIN)
    read = parsed(zone(found, "example.org"), "example.org")
    key = read.find_rdataset("s1._domainkey.example.org.", "TXT")[0]
    assert [len(piece) for piece in key.strings] == [255, 392 + 18 - 255]
    assert b"".join(key.strings).decode() == DOMAIN.dkim[0].text
    for each in found:
        there = read.find_rdataset(each.name + ".", each.kind)
        assert any(
            b"".join(x.strings).decode() == each.data
            if each.kind == "TXT"
            else x.to_text() == each.data
            for x in there
        ), each


def test_records_of_the_hosts_zone_are_comments_elsewhere() -> None:
    """A server refuses what is not below the origin."""
    text = zone(records(HOST, replace(DOMAIN, name="other.test")), "other.test")
    assert "; mail.example.org. IN A 192.0.2.1" in text
    assert "; _25._tcp.mail.example.org. IN TLSA 3 1 1" in text
    read = parsed(text, "other.test")
    assert all(name.to_text().endswith("other.test.") for name in read)


def test_reports_to_another_domain_must_be_wanted_there() -> None:
    """RFC 7489 §7.1; within the own domain nothing is needed."""
    found = records(HOST, replace(DOMAIN, dmarc_reports="d@reports.test"))
    assert data(found, "example.org._report._dmarc.reports.test", "TXT") == ["v=DMARC1"]
    below = records(HOST, replace(DOMAIN, dmarc_reports="d@r.example.org"))
    assert not [each for each in below if each.purpose == "dmarc-reports"]


def test_what_is_not_there_is_not_published() -> None:
    host = HostFacts(hostname="mail.example.org")
    found = records(host, DomainFacts(name="example.org"))
    kinds = {each.purpose for each in found}
    assert kinds == {"mail", "spf", "spf-helo", "dmarc", "service"}
    assert data(found, "_dmarc.example.org", "TXT") == ["v=DMARC1; p=quarantine"]


def test_a_korean_domain_is_written_in_a_labels() -> None:
    found = records(HOST, replace(DOMAIN, name="편지.example"))
    assert found[0].name == "xn--9b6b95p.example"
    parsed(zone(found, "편지.example"), "xn--9b6b95p.example")


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "a" * 64 + ".b", "a b", 'x"y', "a;b", r"a\b"]
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(BadName):
        records(HOST, replace(DOMAIN, name=name))


def test_the_id_changes_with_the_policy() -> None:
    """RFC 8461 §3.1: letters and digits, at most 32."""
    other = policy("testing", ["mail.example.org"], 604800)
    assert policy_id(POLICY) != policy_id(other)
    assert policy_id(POLICY).isalnum()
    assert len(policy_id(POLICY)) <= 32


def test_a_policy() -> None:
    """RFC 8461 §3.2."""
    assert POLICY == (
        "version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\nmax_age: 604800\r\n"
    )
    assert policy("none", ["mail.example.org"], 60) == (
        "version: STSv1\r\nmode: none\r\nmax_age: 60\r\n"
    )


@given(st.text(max_size=600))
def test_any_text_survives_a_zone_file(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    record = Record(name="a.example.org", kind="TXT", data=text, purpose="x")
    read = parsed(zone([record], "example.org"), "example.org")
    strings = read.find_rdataset("a.example.org.", "TXT")[0].strings
    assert b"".join(strings) == text.encode()
    assert presentation(record).isascii()


def test_single_letters_are_told_of_where_that_is_wanted() -> None:
    """RFC 7489 §6.3: ruf, and fo=1 for all that fails in some way; nobody's default."""
    [plain] = [x for x in records(HOST, DOMAIN) if x.purpose == "dmarc"]
    assert "ruf" not in plain.data
    asked = replace(DOMAIN, dmarc_failures="f@other.test", dmarc_reports="d@other.test")
    found = records(HOST, asked)
    [told] = [x for x in found if x.purpose == "dmarc"]
    assert "; rua=mailto:d@other.test; ruf=mailto:f@other.test; fo=1" in told.data
    [foreign] = [x for x in found if x.purpose == "dmarc-reports"]
    assert foreign.name == "example.org._report._dmarc.other.test"
