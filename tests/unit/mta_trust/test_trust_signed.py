"""A letter that is told in pieces."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.mta_trust.dns_answers import answered

from pyeonji.mta.trust.arc import ChainState
from pyeonji.mta.trust.arc_seal import arc_set
from pyeonji.mta.trust.dkim import Result
from pyeonji.mta.trust.dkim_sign import SigningKey, dkim_signature
from pyeonji.mta.trust.signed import SignedLetter

KEY = SigningKey("a.example", "s", Ed25519PrivateKey.generate())
HEADER = "From: 김 <kim@a.example>\r\nSubject: 오늘\r\n\r\n".encode()
BODY = "안녕하세요  \r\n\r\n. \r\n\r\n".encode() * 3


def told(
    header: bytes, body: bytes, cut: int, *, signing: bool = False
) -> SignedLetter:
    letter = SignedLetter(header, signing=signing)
    for at in range(0, len(body), cut):
        letter.update(body[at : at + cut])
    return letter


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_signed_then_sealed_then_checked(cut: int) -> None:
    first = told(HEADER, BODY, cut, signing=True)
    signature = dkim_signature(first.fields, first.body_digest, KEY, 1000)
    second = told(signature + HEADER, BODY, cut, signing=True)
    verdict = answered(second.check_arc(), {})
    assert verdict.state is ChainState.NONE
    seal = arc_set(
        second.fields, second.body_digest, verdict, b"b.example; dkim=pass", KEY, 1000
    )
    third = told(seal + signature + HEADER, BODY, cut)
    texts = {KEY.name: KEY.record}
    assert [v.result for v in answered(third.check_dkim(1000), texts)] == [Result.PASS]
    assert answered(third.check_arc(), texts).state is ChainState.PASS


def test_a_letter_that_nobody_signed_is_not_hashed() -> None:
    letter = told(HEADER, BODY, 10)
    assert not letter.needs_body
    assert answered(letter.check_dkim(1000), {}) == ()
    assert answered(letter.check_arc(), {}).state is ChainState.NONE
