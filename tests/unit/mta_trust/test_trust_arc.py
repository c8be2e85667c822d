"""ARC: the published suites, each test of them; and our own seals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mta_trust.dns_answers import answered

from pyeonji.mta.trust.arc import (
    MAX_OLDER,
    NAMES,
    ArcVerdict,
    ChainState,
    read_chain,
    validate,
)
from pyeonji.mta.trust.arc_seal import arc_set, own_results
from pyeonji.mta.trust.canonical import (
    BodyHashes,
    HeaderField,
    body_hash,
    header_fields,
)
from pyeonji.mta.trust.dkim_sign import BODY, SigningKey
from pyeonji.mta.trust.results import payload, read_results
from pyeonji.mta.trust.tags import parse_tags, solid
from pyeonji.mta.trust.verdicts import Client, Verdicts, method_results

PUBLISHED = Path(__file__).parents[2] / "corpus" / "published"


def suite(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((PUBLISHED / name).read_text("utf-8"))
    return found


VALIDATION = {
    test: (case, document["txt-records"])
    for document in suite("arc-draft-validation-tests.json")
    for test, case in document["tests"].items()
}


def texts(records: Any) -> dict[str, str]:
    """The suite's records: white space in them is folding."""
    if not isinstance(records, dict):
        return {}
    return {
        name: "".join(text.replace("; ", ";").split()) for name, text in records.items()
    }


def octets(message: str) -> bytes:
    return message.replace("\n", "\r\n").encode()


def validated(letter: bytes, records: dict[str, str]) -> ArcVerdict:
    header, _, body = (b"\r\n" + letter).partition(b"\r\n\r\n")
    fields = header_fields(header.removeprefix(b"\r\n") + b"\r\n")
    chain = read_chain(fields)
    hashes = BodyHashes([*chain.body_keys(), *chain.older_body_keys()])
    hashes.update(body)
    return answered(validate(fields, chain, hashes.finish()), records)


@pytest.mark.parametrize("name", VALIDATION)
def test_validation(name: str) -> None:
    """The suite's status; where it names none, cv=fail was there before."""
    case, records = VALIDATION[name]
    verdict = validated(octets(case["message"]), texts(records))
    wanted = case["cv"].lower() or "fail"
    assert verdict.state == wanted, verdict.reason
    assert bool(verdict.reason) == (verdict.state is ChainState.FAIL)
    assert bool(verdict.sets) == (verdict.state is ChainState.PASS)


def test_the_suite_is_whole() -> None:
    assert len(VALIDATION) == 175


# -- sealing


SIGNING = {
    test: (case, document)
    for document in suite("arc-draft-sign-tests.json")
    for test, case in document["tests"].items()
}


def parts(letter: bytes) -> tuple[list[HeaderField], bytes]:
    header, _, body = letter.partition(b"\r\n\r\n")
    return header_fields(header + b"\r\n"), body


def sealed(case: dict[str, Any], document: dict[str, Any]) -> bytes:
    """As an MTA would do it: check the chain, merge our results, seal."""
    letter = octets(case["message"])
    fields, body = parts(letter)
    verdict = validated(letter, texts(document["txt-records"]))
    pem = document["privatekey"].encode()
    material = serialization.load_pem_private_key(pem, None)
    assert isinstance(material, RSAPrivateKey)
    return arc_set(
        fields,
        body_hash(body, BODY.form),
        verdict,
        own_results(fields, case["srv-id"]),
        SigningKey(document["domain"], document["sel"], material),
        int(case["t"]),
        names=case["sig-headers"].encode().split(b":"),
    )


def tags(value: str | bytes) -> dict[str, bytes]:
    """Without white space; of b= only that it is there."""
    octets = value.encode() if isinstance(value, str) else value
    found = {name: solid(each) for name, each in parse_tags(octets.strip()).items()}
    return found | {"b": b"" if found["b"] == b"" else b"there"}


def said(value: str | bytes) -> set[bytes]:
    octets = value.encode() if isinstance(value, str) else value
    return {b" ".join(each.split()) for each in octets.split(b";") if each.strip()}


@pytest.mark.parametrize("name", SIGNING)
def test_signing(name: str) -> None:
    """The suite's fields, but for the order of tags and so for b=."""
    case, document = SIGNING[name]
    made = sealed(case, document)
    if not case["AS"].strip():  # nothing may be added
        assert made == b""
        return
    seal, message, results = header_fields(made)
    assert [seal.name, message.name, results.name] == list(reversed(NAMES))
    assert tags(seal.value) == tags(case["AS"])
    assert tags(message.value) == tags(case["AMS"])
    assert said(results.value) == said(case["AAR"])


@pytest.mark.parametrize("name", SIGNING)
def test_what_the_suite_and_we_signed_verifies(name: str) -> None:
    """Their message signature and our set; a chain that failed stays failed.

    Their seals were made over results with other white space than the suite
    shows, so that b= of a seal is not to be checked.
    """
    case, document = SIGNING[name]
    made = sealed(case, document)
    records = texts(document["txt-records"])
    letter = octets(case["message"])
    if not made:
        assert validated(letter, records).state is ChainState.FAIL
        return
    ours = validated(made + letter, records)
    failed = tags(case["AS"])["cv"] == b"fail"
    assert ours.state is (ChainState.FAIL if failed else ChainState.PASS), ours.reason
    fields = "".join(
        f"{field}: {case[key].strip()}\n"
        for field, key in (
            ("ARC-Seal", "AS"),
            ("ARC-Message-Signature", "AMS"),
            ("ARC-Authentication-Results", "AAR"),
        )
    )
    folded = fields.replace("\n", "\n  ").rstrip(" ")
    for field in ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"):
        folded = folded.replace(f"  {field}", field)
    theirs = validated(octets(folded) + letter, records)
    seal = f"seal {ours.chain.instance} does not fit"
    assert theirs.reason in (ours.reason, seal)


KEY = SigningKey("fwd.example", "e1", Ed25519PrivateKey.generate())
OTHER = SigningKey("list.example", "r1", rsa.generate_private_key(65537, 2048))
RECORDS = {KEY.name: KEY.record, OTHER.name: OTHER.record}
LETTER = octets(
    "DKIM-Signature: v=1; a=rsa-sha256\nFrom: 김편지 <kim@a.example>\nTo: b@b.example\n"
    "Subject: 오늘\n\n안녕하세요  \n"
)


def pass_on(
    letter: bytes,
    key: SigningKey,
    state: str = "pass",
    change: tuple[bytes, bytes] = (b"", b""),
) -> bytes:
    """Sealed by one more, who may change it after the check, as lists do."""
    verdict = validated(letter, RECORDS)
    letter = letter.replace(*change, 1) if change[0] else letter
    fields, body = parts(letter)
    results = f"{key.domain}; dkim={state} header.d=a.example; arc={verdict.state}"
    digest = body_hash(body, BODY.form)
    return arc_set(fields, digest, verdict, results.encode(), key, 12345) + letter


def test_a_long_chain() -> None:
    letter = LETTER
    verdict = validated(letter, RECORDS)
    assert verdict.state is ChainState.NONE
    for instance in range(1, 9):
        letter = pass_on(letter, (KEY, OTHER)[instance % 2])
        verdict = validated(letter, RECORDS)
        assert verdict.state is ChainState.PASS, verdict.reason
        assert len(verdict.sets) == instance
    assert verdict.sets[0].seal.domain == "list.example"
    assert verdict.sets[0].payload == (
        b"list.example; dkim=pass header.d=a.example; arc=none"
    )


@pytest.mark.parametrize(
    ("changes", "oldest"),
    [
        ([b""], 0),
        ([b"", b"", b""], 0),
        ([b"", b"Subject:", b""], 2),
        ([b"", b"", b"  \r\n", b""], 3),
        ([b"", b"\xec\x95\x88", b"Subject:"], 3),
    ],
)
def test_since_when_nobody_has_changed_a_letter(
    changes: list[bytes], oldest: int
) -> None:
    """RFC 8617 §5.2, step 5: the lowest signature that holds, 0 if all do."""
    letter = LETTER
    for number, old in enumerate(changes):
        new = old + b"[list]"
        letter = pass_on(letter, (KEY, OTHER)[number % 2], change=(old, new))
    verdict = validated(letter, RECORDS)
    assert (verdict.state, verdict.oldest_pass) == (ChainState.PASS, oldest)
    client = Client(address="2001:db8::1", helo="mx", mail_from="")
    *_, arc = method_results(Verdicts(arc=verdict), client)
    assert arc.properties == (
        ("smtp", "remote-ip", "2001:db8::1"),
        ("header", "oldest-pass", str(oldest)),
    )
    again = read_results(payload("mx", [arc]))
    assert again is not None
    assert again.results[0].properties == arc.properties


def test_how_old_a_letter_is_may_not_be_known() -> None:
    """Where there are too many signatures before the latest."""
    letter = pass_on(pass_on(LETTER, KEY), OTHER)
    header, _, body = letter.partition(b"\r\n\r\n")
    fields = header_fields(header + b"\r\n")
    chain = read_chain(fields)
    hashes = BodyHashes(chain.body_keys())
    hashes.update(body)
    assert chain.older_body_keys() == chain.body_keys()
    known = answered(validate(fields, chain, hashes.finish()), RECORDS)
    assert known.oldest_pass == 0
    for _ in range(MAX_OLDER):
        letter = pass_on(letter, OTHER)
    verdict = validated(letter, RECORDS)
    assert verdict.state is ChainState.PASS
    assert verdict.oldest_pass is None
    *_, arc = method_results(Verdicts(arc=verdict), None)
    assert arc.properties == ()
    broken = ArcVerdict(state=ChainState.FAIL, reason="x")
    *_, arc = method_results(Verdicts(arc=broken), None)
    assert (arc.result, arc.properties) == ("fail", ())


def test_a_broken_chain_is_marked_once() -> None:
    """RFC 8617 §5.1.2, §5.1.3: one seal says fail, then nobody seals."""
    letter = pass_on(pass_on(LETTER, KEY), OTHER).replace(b"Subject:", b"Subject: [l]")
    assert validated(letter, RECORDS).reason.startswith("the header was changed")
    marked = pass_on(letter, KEY)
    verdict = validated(marked, RECORDS)
    assert (verdict.state, verdict.reason) == (
        ChainState.FAIL,
        "the chain failed before",
    )
    assert pass_on(marked, OTHER) == marked


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"dkim=pass", b"dkim=fail", "seal 2 does not fit"),
        (b"ARC-Seal: i=1", b"X: i=1", "no ARC-Seal i=1"),
        (b"ARC-Seal: i=1", b"ARC-Seal: i=51", "ARC-Seal: i= is not between 1 and 50"),
        (b"cv=none", b"cv=pass", "the seal of set 1 says cv=pass"),
        (b"cv=none;", b"cv=none; h=from;", "set 1: a seal has no h="),
    ],
)
def test_what_breaks_a_chain(old: bytes, new: bytes, reason: str) -> None:
    letter = pass_on(pass_on(LETTER, KEY), OTHER)
    assert validated(letter, RECORDS).state is ChainState.PASS
    assert old in letter
    verdict = validated(letter.replace(old, new), RECORDS)
    assert (verdict.state, verdict.reason) == (ChainState.FAIL, reason)


def test_the_body_and_dns() -> None:
    letter = pass_on(LETTER, KEY)
    assert validated(letter + b"x", RECORDS).reason == "the body was changed"
    assert validated(letter, {}).reason == "no key at e1._domainkey.fwd.example"


def test_more_sets_than_allowed() -> None:
    field = b"ARC-Seal: i=1; cv=none\r\n"
    verdict = validated(field * 151 + LETTER, RECORDS)
    assert (verdict.state, verdict.reason) == (ChainState.FAIL, "more than 50 sets")
    assert pass_on(field * 151 + LETTER, KEY) == field * 151 + LETTER


@settings(deadline=None)
@given(signed=st.booleans())
def test_dkimpy_verifies_our_chain(signed: bool) -> None:
    """Ed25519 needs a library of its own there: RSA."""
    letter = LETTER.replace("김편지".encode(), b"kim" if signed else "김".encode())
    for _ in range(3):
        letter = pass_on(letter, OTHER)
    state, _, reason = dkim.arc_verify(
        letter, dnsfunc=lambda name, timeout=5: RECORDS[name.decode()[:-1]].encode()
    )
    assert state == b"pass", reason


def test_results_of_others_are_left_out() -> None:
    header = octets(
        "Authentication-Results: mx.example; spf=pass\n"
        "Authentication-Results: MX.example 1;\n dkim=fail (x)\n"
        "Authentication-Results: evil.example; dkim=pass\n"
        "Authentication-Results: mx.example.evil; dkim=pass\n"
        "Authentication-Results: mx.example; spf=pass\n"
    )
    assert own_results(header_fields(header), "mx.example") == (
        b"mx.example; spf=pass;\r\n dkim=fail (x)"
    )
    assert own_results(header_fields(header), "other.example") == b""


PIECES = st.sampled_from(
    [
        b"ARC-Seal:",
        b"ARC-Message-Signature:",
        b"ARC-Authentication-Results:",
        b" i=1;",
        b" i=2;",
        b" cv=none;",
        b" a=rsa-sha256; b=AAAA; d=a.example; s=s;",
        b" h=from; bh=AAAA;",
        b"\r\n",
        b"\xff",
        b"=",
    ]
)


@given(pieces=st.lists(PIECES, max_size=30))
def test_any_pieces_are_some_chain(pieces: list[bytes]) -> None:
    verdict = validated(b"".join(pieces) + b"\r\n\r\n", {})
    assert verdict.state is not ChainState.PASS
