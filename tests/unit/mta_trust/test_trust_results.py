"""Authentication-Results: what we write is read back; what claims to be ours goes."""

from __future__ import annotations

import authres  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.mta.trust.results import (
    AuthenticationResults,
    MethodResult,
    field,
    payload,
    read_results,
    without_claims,
)


def test_how_it_looks() -> None:
    results = [
        MethodResult(
            method="spf",
            result="pass",
            comment="one.test: 192.0.2.1 matches ip4:192.0.2.0/24",
            properties=(("smtp", "mailfrom", "kim@one.test"),),
        ),
        MethodResult(
            method="dkim",
            result="fail",
            reason="the body was changed",
            properties=(("header", "d", "one.test"), ("header", "s", "k1")),
        ),
        MethodResult(
            method="iprev",
            result="pass",
            properties=(("policy", "iprev", "2001:db8::1"),),
        ),
    ]
    assert field("mx.us.test", results).decode() == (
        "Authentication-Results: mx.us.test;\r\n"
        "\tspf=pass (one.test: 192.0.2.1 matches ip4:192.0.2.0/24)\r\n"
        "\tsmtp.mailfrom=kim@one.test;\r\n"
        '\tdkim=fail reason="the body was changed" header.d=one.test header.s=k1;\r\n'
        '\tiprev=pass policy.iprev="2001:db8::1"\r\n'
    )
    assert field("mx.us.test", []) == (
        b"Authentication-Results: mx.us.test;\r\n\tnone\r\n"
    )


def test_what_a_sender_chooses_cannot_break_out() -> None:
    evil = 'x"; dkim=pass header.d=bank.test\r\nBcc: a@b.test\x00é('
    made = payload(
        "us.test",
        [
            MethodResult(
                method="spf",
                result="none",
                comment=evil,
                reason=evil,
                properties=(("smtp", "mailfrom", evil),),
            )
        ],
    )
    assert b"\r\nBcc" not in made
    found = read_results(made)
    assert found is not None
    assert [(r.method, r.result) for r in found.results] == [("spf", "none")]
    for line in made.split(b"\r\n"):
        assert len(line) < 998
        assert line.isascii()


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b" example.com; none", AuthenticationResults(authserv_id="example.com")),
        (
            (
                b' (a (nested) "one;") "example.com" 1 ; spf (c)=\r\n pass (x;y)'
                b' smtp . mailfrom = a@b.test; dkim/1 = FAIL reason="it\'s bad; so"'
                b' header.d="b.test"; moo/2=pass; ;=; x'
            ),
            AuthenticationResults(
                authserv_id="example.com",
                results=(
                    MethodResult(
                        method="spf",
                        result="pass",
                        properties=(("smtp", "mailfrom", "a@b.test"),),
                    ),
                    MethodResult(
                        method="dkim",
                        result="fail",
                        reason="it's bad; so",
                        properties=(("header", "d", "b.test"),),
                    ),
                ),
            ),
        ),
        (b"", None),
        (b";spf=pass", None),
        (b"(never closed example.com; spf=pass", None),
    ],
)
def test_reading(value: bytes, found: AuthenticationResults | None) -> None:
    """RFC 8601 §2.2, its comments and white space everywhere."""
    assert read_results(value) == found


TEXTS = st.text(alphabet=st.sampled_from('ab 1.@"\\();=:/\r\n\té'), max_size=30)
WORDS = st.sampled_from(["spf", "dkim", "x-a", "d", "mailfrom"])


@given(
    st.lists(
        st.builds(
            lambda m, r, c, why, value: MethodResult(
                method=m,
                result=r,
                comment=c,
                reason=why,
                properties=(("smtp", m, value),),
            ),
            WORDS,
            WORDS,
            TEXTS,
            TEXTS,
            TEXTS,
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(results: list[MethodResult]) -> None:
    """By us, and by authres."""
    made = payload("mx.us.test", results)
    found = read_results(made)
    assert found is not None
    assert [(r.method, r.result) for r in found.results] == [
        (r.method, r.result) for r in results
    ]
    for ours, read in zip(results, found.results, strict=True):
        value = ours.properties[0][2]
        if value.isascii() and value.isprintable():
            assert read.properties == ours.properties
    theirs = authres.AuthenticationResultsHeader.parse(
        "Authentication-Results: " + made.decode().replace("\r\n", "")
    )
    assert theirs.authserv_id == "mx.us.test"
    assert [r.method for r in theirs.results] == [r.method for r in results]


PIECES = st.sampled_from([
    b"a.test", b";", b" ", b"(", b")", b'"', b"\\", b"=", b"spf", b".", b"/", b"1",
    b"\r\n ", b"reason", b"\xff", b"\x00",
])  # fmt: skip


@given(st.lists(PIECES, max_size=40).map(b"".join))
def test_any_value_is_read(value: bytes) -> None:
    read_results(value)


OURS = frozenset({"mx.us.test", "us.test"})


@pytest.mark.parametrize(
    "value",
    [
        b" mx.us.test; spf=pass",
        b" MX.us.test.; dkim=pass",
        b"us.test;none",
        b' "us.test"; spf=pass',
        b" (hello) us.test 1; spf=pass",
        b" us.test/a; spf=pass",
        b"\r\n us.test;\r\n spf=pass",
        b" other.test 2; spf=pass",  # a version that nobody knows
        b" ; us.test; spf=pass",
        b" (us.test; spf=pass",
        b' ("us.test) other.test; spf=pass',
        b" (a\\) us.test (b) other.test; spf=pass",
    ],
)
def test_claims_go(value: bytes) -> None:
    """RFC 8601 §5."""
    before = b"Received: x\r\nAuthentication-Results: other.test; spf=fail\r\n"
    after = b"From: a@one.test\r\n\r\n"
    for name in (b"Authentication-Results:", b"AUTHENTICATION-results :"):
        header = before + name + value + b"\r\n" + after
        assert without_claims(header, OURS) == (before + after, 1)


def test_others_stay() -> None:
    header = (
        b"Authentication-Results: other.test; spf=pass\r\n"
        b"Authentication-Results: notus.test; spf=pass\r\n"
        b"X-Authentication-Results: us.test; spf=pass\r\n"
        b"Subject: x\r\n Authentication-Results: us.test; spf=pass\r\n\r\n"
    )
    kept, gone = without_claims(header, OURS)
    assert kept is header
    assert gone == 0


@pytest.mark.parametrize("piece", [b"(", b'"', b"\\", b";", b"a=b ", b"a . ", b" "])
def test_time_is_linear(piece: bytes) -> None:
    header = b"Authentication-Results: " + piece * (300_000 // len(piece)) + b"\r\n"
    with cpu_time_below(2.0):
        without_claims(header, OURS)
