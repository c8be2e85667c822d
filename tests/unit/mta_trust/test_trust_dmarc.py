"""DMARC: records, whose policy holds, alignment, dispositions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.mta_trust.zones import Zone

from pyeonji.mta.trust.dmarc import DmarcVerdict, Identifier, check_dmarc
from pyeonji.mta.trust.dmarc_author import Author
from pyeonji.mta.trust.dmarc_discovery import (
    MAX_QUESTIONS,
    Found,
    suffix_domain,
    targets,
    walk,
)
from pyeonji.mta.trust.dmarc_record import Policy, read_record, the_record

DNS = dict[str, dict[str, Any]]


def zone(**records: str) -> DNS:
    """`a_test="p=none"` is a record at _dmarc.a.test; `a_test` alone exists."""
    return {
        f"_dmarc.{name.replace('_', '.')}": {"TXT": [f"v=DMARC1; {text}"]}
        for name, text in records.items()
    }


def spf(domain: str, *, passed: bool = True) -> Identifier:
    return Identifier(method="spf", domain=domain, passed=passed)


def dkim(domain: str, *, passed: bool = True) -> Identifier:
    return Identifier(method="dkim", domain=domain, passed=passed)


def check(
    data: DNS, domain: str, *identifiers: Identifier, suffixes: bool = False
) -> DmarcVerdict:
    organizational = suffix_domain if suffixes else None
    author = Author(domains=(domain,))
    return Zone(data).run(
        check_dmarc(author, identifiers, organizational=organizational)
    )


@pytest.mark.parametrize(
    ("text", "usable", "policy"),
    [
        ("v=DMARC1; p=reject", True, "reject"),
        ("v=DMARC1;p=reject;", True, "reject"),
        ("v = DMARC1 ; P = REJECT ;", True, "reject"),
        ("v=DMARC1", True, "none"),  # RFC 9989 §4.7: as p=none
        ("v=DMARC1; sp=reject", True, "none"),
        ("v=DMARC1; p=rejects", False, "none"),
        ("v=DMARC1; p=reject; sp=what", False, "none"),
        ("v=DMARC1; p=what; rua=mailto:a@a.test", True, "none"),
        ("v=DMARC1; p=what; rua=nothing", False, "none"),
        ("v=DMARC1; moo; p=quarantine; =; x=y; 1=2", True, "quarantine"),
        ("v=DMARC1; p=none; p=reject", True, "none"),
        ("v=DMARC1; p=reject\\; rua=mailto:a@a.test", True, "none"),
    ],
)
def test_records(text: str, usable: bool, policy: str) -> None:
    record = read_record(text)
    assert (record.usable, record.policy) == (usable, policy)


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["p=reject"],
        ["p=reject; v=DMARC1"],
        ["v=dmarc1; p=reject"],
        ["v=DMARC1x; p=reject"],
        ["v=DMARC11; p=reject"],
        [" v=DMARC1; p=reject"],
        ["v=DMARC1; p=reject", "v=DMARC1; p=none"],
    ],
)
def test_what_is_no_record(texts: list[str]) -> None:
    assert the_record(texts) is None


ALL_TAGS = (
    "v=DMARC1; p=reject; sp=quarantine; np=none; adkim=s; aspf=S; t=y; psd=n;"
    " rua=mailto:a@a.test!10m, https://b.test/x ,nonsense; ruf=mailto:c@a.test;"
    " fo=1:d"
)


def test_all_tags() -> None:
    record = the_record(["other", ALL_TAGS])
    assert record is not None
    assert (record.policy, record.subdomains, record.missing) == (
        "reject",
        "quarantine",
        "none",
    )
    assert record.strict_dkim
    assert record.strict_spf
    assert record.testing
    assert record.psd == "n"
    assert record.aggregate_uris == ("mailto:a@a.test", "https://b.test/x")
    assert record.failure_uris == ("mailto:c@a.test",)
    assert record.failure_options == "1:d"


@given(st.text(max_size=60))
def test_any_record_is_read(text: str) -> None:
    read_record(f"v=DMARC1;{text}")
    read_record(text)


def test_a_walk_has_eight_questions() -> None:
    """The example of RFC 9989 §4.10."""
    long = "a.b.c.d.e.f.g.h.i.j.mail.example.com"
    assert targets(long) == [
        long,
        "g.h.i.j.mail.example.com",
        "h.i.j.mail.example.com",
        "i.j.mail.example.com",
        "j.mail.example.com",
        "mail.example.com",
        "example.com",
        "com",
    ]
    assert len(targets("1.2.3.4.5.6.7.8")) == MAX_QUESTIONS
    assert targets("a.test") == ["a.test", "test"]
    assert targets("test") == ["test"]


def found(data: DNS, domain: str) -> tuple[str, str]:
    result: Found = Zone(data).run(walk(domain))
    return result.organizational, result.policy_domain


def test_organizational_domains_by_walk() -> None:
    """The examples of RFC 9989 §4.10.2, and what lies between."""
    name = "a.mail.example.com"
    plain = "p=none"
    two = zone(mail_example_com=plain, example_com=plain)
    assert found(two, name) == ("example.com", "example.com")
    assert found(two, "mail.example.com") == ("example.com", "mail.example.com")
    assert found(zone(mail_example_com="psd=n", example_com=plain), name) == (
        "mail.example.com",
        "mail.example.com",
    )
    assert found(zone(com="psd=y"), name) == ("example.com", "com")
    assert found(zone(com="psd=y", example_com=plain), name) == (
        "example.com",
        "example.com",
    )
    assert found(zone(com="psd=y"), "com") == ("com", "com")
    assert found(zone(example_com="psd=y"), "example.com") == (
        "example.com",
        "example.com",
    )
    assert found({}, name) == (name, "")
    both = zone(mail_example_com=plain)
    both["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}
    assert found(both, name) == ("mail.example.com", "mail.example.com")


REJECT = zone(one_test="p=reject")


@pytest.mark.parametrize(
    ("data", "domain", "identifiers", "result", "disposition"),
    [
        # nothing vouches
        (REJECT, "one.test", [], "fail", "reject"),
        (REJECT, "one.test", [spf("one.test", passed=False)], "fail", "reject"),
        (REJECT, "one.test", [spf("two.test")], "fail", "reject"),
        (REJECT, "one.test", [dkim("two.test")], "fail", "reject"),
        (REJECT, "one.test", [dkim("xone.test")], "fail", "reject"),
        (REJECT, "one.test", [dkim("test")], "fail", "reject"),
        # one is enough
        (REJECT, "one.test", [spf("one.test")], "pass", "none"),
        (REJECT, "one.test", [dkim("two.test"), dkim("ONE.test.")], "pass", "none"),
        (REJECT, "one.test", [spf("two.test"), dkim("one.test")], "pass", "none"),
        # relaxed: above, below, beside
        (REJECT, "a.one.test", [spf("one.test")], "pass", "none"),
        (REJECT, "one.test", [dkim("a.b.one.test")], "pass", "none"),
        (REJECT, "a.one.test", [dkim("b.one.test")], "pass", "none"),
        # a subdomain that is an organisation of its own
        (
            zone(one_test="p=reject", b_one_test="psd=n"),
            "one.test",
            [dkim("x.b.one.test")],
            "fail",
            "reject",
        ),
        # strict
        (zone(one_test="p=reject; adkim=s"), "one.test", [dkim("a.one.test")], "fail",
         "reject"),
        (zone(one_test="p=reject; adkim=s"), "one.test", [spf("a.one.test")], "pass",
         "none"),
        (zone(one_test="p=reject; aspf=s"), "one.test", [spf("a.one.test")], "fail",
         "reject"),
        (zone(one_test="p=reject; aspf=s"), "one.test", [spf("one.test")], "pass",
         "none"),
        # sp=, np=
        (zone(one_test="p=reject; sp=none"), "a.one.test", [], "fail", "none"),
        (zone(one_test="p=none; sp=reject"), "a.one.test", [], "fail", "reject"),
        (zone(one_test="p=none; sp=reject"), "one.test", [], "fail", "none"),
        (zone(one_test="p=none; np=reject"), "no.one.test", [], "fail", "reject"),
        (zone(one_test="p=none; np=reject; sp=quarantine"), "no.one.test", [], "fail",
         "reject"),
        (
            {**zone(one_test="p=none; np=reject"), "a.one.test": {"MX": ["1 x."]}},
            "a.one.test",
            [],
            "fail",
            "none",
        ),
        (zone(one_test="p=reject", a_one_test="p=none"), "a.one.test", [], "fail",
         "none"),
        # a public suffix's wish for what has no record
        (zone(test="p=none; sp=reject; psd=y"), "one.test", [], "fail", "reject"),
        # testing
        (zone(one_test="p=reject; t=y"), "one.test", [], "fail", "quarantine"),
        (zone(one_test="p=quarantine; t=y"), "one.test", [], "fail", "none"),
        (zone(one_test="p=reject; pct=0"), "one.test", [], "fail", "quarantine"),
        (zone(one_test="p=reject; pct=50"), "one.test", [], "fail", "reject"),
        # no record, a bad one, no answer
        ({}, "one.test", [spf("one.test")], "none", "none"),
        (zone(one_test="p=what"), "one.test", [spf("one.test")], "permerror", "none"),
        ({"_dmarc.one.test": {"TXT": "TIMEOUT"}}, "one.test", [], "temperror", "none"),
    ],
)  # fmt: skip
def test_verdicts(
    data: DNS, domain: str, identifiers: list[Identifier], result: str, disposition: str
) -> None:
    verdict = check(data, domain, *identifiers)
    assert (verdict.result, verdict.disposition) == (result, disposition)
    assert verdict.reason


def test_what_could_not_be_checked_is_no_failure() -> None:
    """RFC 9989 §5.3.6."""
    unsure = Identifier(method="dkim", domain="a.one.test", passed=False, unsure=True)
    verdict = check(REJECT, "one.test", unsure)
    assert (verdict.result, verdict.disposition) == ("temperror", "none")
    assert verdict.reason == "dkim of a.one.test could not be checked"
    assert check(REJECT, "one.test", unsure, dkim("one.test")).result == "pass"
    other = Identifier(method="spf", domain="two.test", passed=False, unsure=True)
    assert check(REJECT, "one.test", other).result == "fail"


def test_by_public_suffix_list() -> None:
    """RFC 7489 §3.2: co.uk is nobody's, whatever stands there."""
    data = zone(co_uk="p=none", one_co_uk="p=reject", a_one_co_uk="p=quarantine")
    assert check(data, "x.one.co.uk", suffixes=True).disposition is Policy.REJECT
    assert check(data, "a.one.co.uk", suffixes=True).disposition is Policy.QUARANTINE
    assert check(data, "two.co.uk", suffixes=True).result == "none"
    assert check(data, "one.co.uk", spf("two.co.uk"), suffixes=True).result == "fail"
    assert check(data, "one.co.uk", spf("b.one.co.uk"), suffixes=True).result == "pass"
    # the walk takes the topmost record, and co.uk should say psd=y
    assert check(data, "two.co.uk").result == "fail"


def test_several_authors_get_the_strictest_wish() -> None:
    """RFC 9989 §11.5: never pass, whoever vouches."""
    author = Author(domains=("one.test", "two.test"), problem="From names 2 domains")
    data = zone(one_test="p=none", two_test="p=reject")
    verdict = Zone(data).run(check_dmarc(author, [dkim("one.test"), dkim("two.test")]))
    assert (verdict.result, verdict.disposition) == ("fail", "reject")
    assert (verdict.domain, verdict.reason) == ("two.test", "From names 2 domains")
    nobody = Zone({}).run(check_dmarc(Author(problem="no From"), []))
    assert (nobody.result, nobody.reason) == ("permerror", "no From")


def test_questions_are_few() -> None:
    """A strange domain costs none; no more than a walk for each identifier."""
    asked = Zone(REJECT)
    asked.run(
        check_dmarc(
            Author(domains=("one.test",)),
            [spf("a.b.c.d.two.test"), *(dkim(f"{n}.two.test") for n in range(50))],
        )
    )
    assert asked.asked == [("_dmarc.one.test", "TXT"), ("_dmarc.test", "TXT")]
