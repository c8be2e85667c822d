"""All checks of any letter, with any DNS: there is a result, a field, no error."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mta_trust.zones import Zone

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer
from pyeonji.mta.receive.checking import Checked, Checker
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.mta.trust.results import read_results

SIGNATURE = (
    b"v=1; a=rsa-sha256; c=relaxed/simple; d=one.test; s=k1; h=from:to; i=@one.test;"
    b" bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=aGVsbG8="
)
NAMES = st.sampled_from([
    b"From", b"from ", b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature",
    b"ARC-Authentication-Results", b"Authentication-Results", b"To", b"Subject", b"",
    b"\xff", b"Received",
])  # fmt: skip
VALUES = st.one_of(
    st.just(SIGNATURE),
    st.just(b"i=1; " + SIGNATURE),
    st.just(b"i=1; a=rsa-sha256; cv=none; d=one.test; s=k1; b=aGVsbG8="),
    st.just(b"i=1; mx.us.test; spf=pass"),
    st.just(b"us.test; spf=pass (a (b) \"c\"); dkim=fail"),
    st.builds(
        lambda at, piece: SIGNATURE[:at] + piece + SIGNATURE[at + 3 :],
        st.integers(0, len(SIGNATURE)),
        st.sampled_from([b"", b";", b"=", b"\r\n ", b"\x00", b"l=1;", b"\xff"]),
    ),
    st.sampled_from([
        b"a@one.test", b"<a@one.test>", b"a@one.test, b@two.test",
        b"\xea\xb9\x80@two.test", b"", b"(", b'"', b"x: <a@one.test>;",
        b"=?utf-8?b?YUBi?= <a@one.test>",
    ]),
)  # fmt: skip
LINES = st.builds(lambda n, v: n + b": " + v + b"\r\n", NAMES, VALUES)
HEADERS = st.lists(LINES, max_size=8).map(b"".join)
TEXTS = st.sampled_from([
    "v=spf1 -all", "v=spf1 include:two.test exists:%{l}.%{h}.one.test a mx ptr ~all",
    "v=spf1 redirect=one.test", "v=spf1 %", "v=DMARC1; p=reject; np=none; psd=y",
    "v=DMARC1; p=none; sp=x", "v=DKIM1; p=AAAA", "v=DKIM1; k=ed25519; p=", "\ufffd", "",
])  # fmt: skip
NODES = st.fixed_dictionaries(
    {"TXT": st.one_of(st.lists(TEXTS, max_size=3), st.just("TIMEOUT"))},
    optional={
        "MX": st.lists(
            st.sampled_from(["10 one.test.", "0 .", "x", "1 \\000.test."]), max_size=12
        ),
        "A": st.lists(st.sampled_from(["192.0.2.7", "nonsense", "::1"]), max_size=12),
        "PTR": st.lists(st.sampled_from(["one.test.", "a..b.", "\\."]), max_size=12),
    },
)
OWNERS = [
    "one.test", "two.test", "_dmarc.one.test", "_dmarc.two.test", "_dmarc.test",
    "k1._domainkey.one.test", "7.2.0.192.in-addr.arpa",
]  # fmt: skip
ZONES = st.fixed_dictionaries({}, optional=dict.fromkeys(OWNERS, NODES))
WORDS = st.sampled_from(["one.test", "", "[192.0.2.7]", "a b", "\x00", "é", "x" * 300])


@given(
    header=HEADERS,
    body=st.sampled_from([b"", b"hello\r\n", b"\r\n \r\n\r\n", b"\x00\xff\n"]),
    data=ZONES,
    helo=WORDS,
    sender=st.one_of(st.just(""), WORDS.map(lambda w: f"{w}@one.test"), WORDS),
    suffixes=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_any_letter(
    header: bytes,
    body: bytes,
    data: dict[str, Any],
    helo: str,
    sender: str,
    suffixes: bool,
) -> None:
    zone = Zone(data)

    async def ask(name: str, kind: str) -> DnsAnswer:
        return zone.answer(name, kind)

    async def check() -> Checked:
        checker = Checker(
            TrustOptions(
                authserv_id="us.test", received_spf=True, suffix_list=suffixes
            ),
            ask=ask,
            known=lambda *_: None,
            clock=SetClock(),
        )
        kept, begun = checker.begin("192.0.2.7", header + b"\r\n")
        assert b"\nAuthentication-Results: us.test;" not in b"\n" + kept
        assert begun is not None
        begun.update(body)
        return await begun.finish(helo, sender)

    checked = asyncio.run(check())
    field, _, spf = checked.fields.partition(b"\r\nReceived-SPF: ")
    assert spf.endswith(b"\r\n")
    for line in checked.fields.split(b"\r\n")[1:-1]:
        assert line.startswith((b"\t", b"Received-SPF: "))
        assert line.isascii()
        assert len(line) < 998
    read = read_results(field.partition(b":")[2])
    assert read is not None
    assert read.authserv_id == "us.test"
    methods = [each.method for each in read.results]
    assert methods[:2] == ["iprev", "spf"]
    assert "dkim" in methods
    assert methods[-1] == "dmarc"
    assert set(checked.facts) >= {"spf", "iprev", "dkim", "dmarc"}
    assert checked.checks.dmarc
