"""EXTERNAL, OAUTHBEARER, XOAUTH2, and which mechanisms are offered when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pyeonji.protocol.sasl import server
from pyeonji.protocol.sasl.scram import ChannelBinding
from pyeonji.protocol.sasl.steps import (
    Challenge,
    ClientCertificate,
    Failed,
    HolderNeeded,
    Succeeded,
    TokenNeeded,
    Verdict,
)

CERTIFICATE = ClientCertificate(fingerprint="ab" * 32, names=("kim@example.test",))
GOOD = Verdict(address="kim@example.test")
BAD = Verdict(reason="expired", scope="mail", discovery="https://id.example.test/c")


def conduct(mechanism: str, initial: bytes | None, *answers: Any, **more: Any) -> Any:
    """All that is asked, and the end."""
    exchange = server.begin(
        mechanism, nonce=b"n" * 18, hostname="x", now=0, initial=initial, **more
    )
    asked: list[Any] = []
    given = iter((None, *answers))
    try:
        while True:
            asked.append(exchange.send(next(given)))
    except StopIteration as end:
        return asked, end.value


def test_oauthbearer_by_an_initial_response() -> None:
    """The client's message of RFC 7628 §4.1, with our names."""
    asked, end = conduct(
        "OAUTHBEARER",
        b"n,a=kim@example.test,\x01host=mx.example.test\x01port=143\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
        GOOD,
    )
    assert asked == [TokenNeeded("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")]
    assert end == Succeeded("kim@example.test", "kim@example.test")


def test_a_refused_token_is_told_why_and_fails_after_a_dummy() -> None:
    """RFC 7628 §3.2.2, §3.2.3: JSON as a challenge, then ^A, then failure."""
    asked, end = conduct("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01\x01", BAD, b"\x01")
    assert json.loads(asked[1].octets) == {
        "status": "invalid_token",
        "scope": "mail",
        "openid-configuration": "https://id.example.test/c",
    }
    assert isinstance(end, Failed)
    assert not end.malformed


def test_xoauth2_has_numbers_in_its_errors() -> None:
    asked, end = conduct(
        "XOAUTH2", b"user=kim@example.test\x01auth=Bearer abc\x01\x01", BAD, b""
    )
    assert json.loads(asked[1].octets)["status"] == "401"
    assert isinstance(end, Failed)
    _, end = conduct(
        "XOAUTH2", b"user=lee@example.test\x01auth=Bearer abc\x01\x01", GOOD
    )
    assert end == Succeeded("kim@example.test", "lee@example.test")


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("OAUTHBEARER", b""),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer abc\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer a\0c\x01\x01"),
        ("OAUTHBEARER", b"x,,\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,a==,\x01auth=Bearer abc\x01\x01"),
        ("OAUTHBEARER", b"n,,\x01auth=Bearer " + b"a" * 9000 + b"\x01\x01"),
        ("XOAUTH2", b"user=\x01auth=Bearer abc\x01\x01"),
        ("XOAUTH2", b"user=a\x01auth=Bearer abc\x01"),
        ("XOAUTH2", b"user=\xff\x01auth=Bearer abc\x01\x01"),
    ],
)
def test_messages_that_break_the_grammar(mechanism: str, message: bytes) -> None:
    _, end = conduct(mechanism, message)
    assert isinstance(end, Failed)
    assert end.malformed


def test_no_bearer_in_auth_is_an_invalid_request() -> None:
    """RFC 6750 §3.1."""
    asked, _ = conduct("OAUTHBEARER", b"n,,\x01auth=Basic abc\x01\x01", b"\x01")
    assert json.loads(asked[0].octets)["status"] == "invalid_request"


def test_external() -> None:
    """RFC 4422 appendix A: empty for oneself, or whom to act as."""
    more = {"certificate": CERTIFICATE}
    asked, end = conduct("EXTERNAL", None, b"", "kim@example.test", **more)
    assert asked == [Challenge(b""), HolderNeeded(CERTIFICATE, "")]
    assert end == Succeeded("kim@example.test")
    _, end = conduct("EXTERNAL", b"lee@example.test", "kim@example.test", **more)
    assert end == Succeeded("kim@example.test", "lee@example.test")
    _, end = conduct("EXTERNAL", b"", None, **more)
    assert isinstance(end, Failed)
    _, end = conduct("EXTERNAL", b"")
    assert isinstance(end, Failed)


def test_what_is_offered_when() -> None:
    """Nothing that can't work here, nothing that shows a secret in clear."""
    assert server.offered(server.Circumstances(plaintext=False)) == (
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
    )
    everything = server.Circumstances(
        plaintext=True,
        bindings=(ChannelBinding(name="tls-server-end-point", octets=b"x"),),
        certificate=CERTIFICATE,
        secrets=True,
        tokens=True,
    )
    assert server.offered(everything) == tuple(server.MECHANISMS)


def test_either_binding_of_a_connection_will_do() -> None:
    """TLS 1.2 has two; the client chooses (RFC 5802 §6)."""
    both = (
        ChannelBinding(name="tls-unique", octets=b"u"),
        ChannelBinding(name="tls-server-end-point", octets=b"e"),
    )
    for name, goes_on in (
        (b"tls-unique", True),
        (b"tls-server-end-point", True),
        (b"tls-exporter", False),
    ):
        exchange = server.begin(
            "SCRAM-SHA-256-PLUS",
            nonce=b"n" * 18,
            hostname="x",
            now=0,
            initial=b"p=" + name + b",,n=kim,r=abc",
            bindings=both,
        )
        if goes_on:
            next(exchange)
        else:
            with pytest.raises(StopIteration):
                next(exchange)
