"""DKIM: the standards' own examples, dkimpy both ways, and each rule once."""

from __future__ import annotations

import base64
import contextlib
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.mta_trust.dns_answers import answered

from pyeonji.mta.trust.canonical import BodyHashes, body_hash, header_fields
from pyeonji.mta.trust.dkim import (
    MAX_SIGNATURES,
    Result,
    Signature,
    Verdict,
    body_keys,
    read_signatures,
    verify,
)
from pyeonji.mta.trust.dkim_sign import (
    BODY,
    SigningKey,
    dkim_signature,
    key_octets,
    key_record,
    make_signature,
    read_key,
)
from pyeonji.mta.trust.keys import read_record
from pyeonji.mta.trust.tags import BadTags

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLISHED = Path(__file__).parents[2] / "corpus" / "published"
NOW = 1_700_000_000

LETTER = """\
From: 김편지 <kim@pyeonji.example>
To: lee@a.example
Subject: 오늘  저녁\t회의
Date: Tue, 14 Nov 2023 22:13:20 +0000
Message-ID: <1@pyeonji.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

안녕하세요,  \t
회의는  7시입니다.

""".replace("\n", "\r\n").encode()


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@cache
def ed25519_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


KEYS: dict[str, Callable[[], SigningKey]] = {
    "rsa": lambda: SigningKey("pyeonji.example", "r1", rsa_key()),
    "ed25519": lambda: SigningKey("pyeonji.example", "e1", ed25519_key()),
}


def split(letter: bytes) -> tuple[bytes, bytes]:
    header, _, body = letter.partition(b"\r\n\r\n")
    return header + b"\r\n", body


def signed(letter: bytes, kind: str = "rsa") -> bytes:
    header, body = split(letter)
    digest = body_hash(body, BODY.form)
    return dkim_signature(header_fields(header), digest, KEYS[kind](), NOW) + letter


def records() -> dict[str, str]:
    return {key().name: key().record for key in KEYS.values()}


def verified(
    letter: bytes, texts: dict[str, str] | None = None, now: float = NOW
) -> tuple[Verdict, ...]:
    header, body = split(letter)
    fields = header_fields(header)
    signatures = read_signatures(fields)
    hashes = BodyHashes(body_keys(signatures))
    hashes.update(body)
    inquiry = verify(fields, signatures, hashes.finish(), now)
    return answered(inquiry, records() if texts is None else texts)


def published(name: str) -> bytes:
    return (PUBLISHED / name).read_bytes().replace(b"\n", b"\r\n")


def test_the_example_of_rfc_8463() -> None:
    """RFC 8463 §A: one message with an Ed25519 and an RSA signature."""
    texts = {
        "brisbane._domainkey.football.example.com": (
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        ),
        "test._domainkey.football.example.com": (
            "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
            "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
            "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
            "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
        ),
    }
    first, second = verified(published("rfc8463-a3.eml"), texts)
    assert (first.result, first.algorithm) == (Result.PASS, "ed25519-sha256")
    assert (second.result, second.key_bits) == (Result.PASS, 1024)
    assert first.identity == "@football.example.com"


def test_the_example_of_rfc_6376() -> None:
    """RFC 6376 §A.2, with the key of §C."""
    texts = {
        "brisbane._domainkey.example.com": (
            "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
            "KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
            "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"
            "/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
            "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
        )
    }
    (verdict,) = verified(published("rfc6376-a2.eml"), texts)
    assert (verdict.result, verdict.reason) == (Result.PASS, "")


@pytest.mark.parametrize("kind", KEYS)
def test_what_we_sign_we_verify(kind: str) -> None:
    (verdict,) = verified(signed(LETTER, kind))
    assert verdict == Verdict(
        result=Result.PASS,
        domain="pyeonji.example",
        selector={"rsa": "r1", "ed25519": "e1"}[kind],
        identity="@pyeonji.example",
        algorithm=f"{kind}-sha256",
        signature=verdict.signature,
        key_bits={"rsa": 2048, "ed25519": 256}[kind],
        times=(NOW, None),
    )
    assert len(verdict.signature) == 8


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"7\xec\x8b\x9c", b"8\xec\x8b\x9c", "the body was changed"),
        (b"To: lee", b"To: kim", "the header was changed, or another key signed"),
        (b"Date:", b"X:", "the header was changed, or another key signed"),
        (b"From:", b"From: b@b.example\r\nFrom:", "the header was changed"),
        (b"MIME", b"Reply-To: e@e.example\r\nMIME", "the header was changed"),
    ],
)
def test_what_was_changed_fails(kind: str, old: bytes, new: bytes, reason: str) -> None:
    """Fields added on the way as well: we sign one more of each than there is."""
    letter = signed(LETTER, kind)
    assert old in letter
    (verdict,) = verified(letter.replace(old, new, 1))
    assert verdict.result is Result.FAIL
    assert verdict.reason.startswith(reason)


def test_what_relays_do_does_not_matter() -> None:
    """Relaxed forms: folding, white space, fields added above."""
    letter = signed(LETTER)
    letter = letter.replace(b"Subject: ", b"SUBJECT :\r\n\t ").replace(b"  ", b" ")
    (verdict,) = verified(b"Received: from b\r\n" + letter + b"\r\n\r\n")
    assert (verdict.result, verdict.reason) == (Result.PASS, "")


# -- dkimpy


def dkimpy_verifies(letter: bytes) -> bool:
    texts = {name + ".": text.encode() for name, text in records().items()}
    checker = dkim.DKIM(letter)
    count = letter.split(b"\r\n\r\n")[0].lower().count(b"dkim-signature:")
    return all(
        checker.verify(idx=i, dnsfunc=lambda name, timeout=5: texts[name.decode()])
        for i in range(count)
    )


BODIES = st.lists(
    st.sampled_from(["", " ", "a  b \t", "안녕하세요", ".", "끝 ", "\tx", "a" * 900]),
    max_size=8,
).map(lambda lines: "".join(line + "\r\n" for line in lines).encode())
VALUES = st.lists(
    st.sampled_from(["a", " b", "\t", "\r\n c", "\r\n\t한글", "=?utf-8?q?=20?=", ":"]),
    min_size=1,
    max_size=5,
).map(lambda pieces: "".join(["x", *pieces]).encode())


@st.composite
def letters(draw: st.DrawFn) -> bytes:
    fields = [b"From: kim@pyeonji.example"]
    names = draw(st.lists(st.sampled_from([b"To", b"Subject", b"Cc", b"X-A", b"Date"])))
    fields += [name + b": " + draw(VALUES) for name in names]
    fields = draw(st.permutations(fields))
    return b"\r\n".join(fields) + b"\r\n\r\n" + draw(BODIES)


@settings(max_examples=60, deadline=None)
@given(letter=letters())
def test_dkimpy_verifies_what_we_sign(letter: bytes) -> None:
    """With RSA; for Ed25519 it needs a library of its own."""
    letter = signed(letter)
    assert dkimpy_verifies(letter)
    assert verified(letter)[0].result is Result.PASS


def dkimpy_signs(letter: bytes, forms: tuple[bytes, bytes]) -> bytes:
    private = rsa_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    field: bytes = dkim.DKIM(letter).sign(
        b"r1",
        b"pyeonji.example",
        private,
        canonicalize=forms,
        include_headers=[b"from", b"to", b"subject", b"subject", b"date"],
    )
    return field + letter


FORMS = st.sampled_from([b"simple", b"relaxed"])


@settings(max_examples=80, deadline=None)
@given(letter=letters(), forms=st.tuples(FORMS, FORMS))
def test_we_verify_what_dkimpy_signs(letter: bytes, forms: tuple[bytes, bytes]) -> None:
    (verdict,) = verified(dkimpy_signs(letter, forms), now=4e9)
    names = [field.name for field in header_fields(split(letter)[0])]
    if (
        names.count(b"to") > 1
        or names.count(b"date") > 1
        or names.count(b"subject") > 2
    ):
        assert verdict.result is Result.POLICY  # one of them is not signed
    else:
        assert (verdict.result, verdict.reason) == (Result.PASS, "")


# -- rules, one by one


def with_tags(change: Callable[[bytes], bytes], letter: bytes = LETTER) -> bytes:
    """Signed anew over other tags: only what the tags say can be wrong then."""
    field = change(signed(letter, "rsa")[: -len(letter)])
    (one,) = read_signatures(header_fields(field))
    if not isinstance(one, Signature):
        return field + letter
    from pyeonji.mta.trust.canonical import signed_header

    fields = header_fields(split(letter)[0])
    octets = signed_header(fields, one.names, one.unsigned_field, one.header_form)
    value = base64.b64encode(KEYS["rsa"]().sign(octets))
    start, _, _ = field.partition(b" b=")
    return start + b" b=" + value + b"\r\n" + letter


def tag(name: str, value: str) -> Callable[[bytes], bytes]:
    """Set a tag, or take it out ("")."""

    def change(field: bytes) -> bytes:
        field = re.sub(rb"(?<=[; :])%s=[^;]*;" % name.encode(), b"", field, count=1)
        if not value:
            return field
        return field.replace(b":", f": {name}={value};".encode(), 1)

    return change


@pytest.mark.parametrize(
    ("name", "value", "result", "reason"),
    [
        ("v", "", Result.NEUTRAL, "v= is not 1"),
        ("v", "2", Result.NEUTRAL, "v= is not 1"),
        ("a", "rsa-sha1", Result.POLICY, "rsa-sha1 proves nothing any more"),
        ("a", "rsa-md5", Result.NEUTRAL, "algorithm rsa-md5 is not known"),
        ("c", "relaxed/strange", Result.NEUTRAL, "c= is no canonical form"),
        ("d", "", Result.NEUTRAL, "no d="),
        ("d", "a..example", Result.NEUTRAL, "d= is no name"),
        ("d", "a example", Result.NEUTRAL, "d= is no name"),
        ("s", "a\x00b", Result.NEUTRAL, "not a tag list"),
        ("h", "to:subject", Result.NEUTRAL, "From is not signed"),
        ("h", "from::to", Result.PASS, ""),
        ("h", "from" + ":x" * 600, Result.NEUTRAL, "h= names too much"),
        ("i", "kim@other.example", Result.NEUTRAL, "i= is not within d="),
        ("i", "kim@xpyeonji.example", Result.NEUTRAL, "i= is not within d="),
        ("i", "kim@mail.pyeonji.example", Result.PASS, ""),
        ("i", "k=69m@pyeonji.example", Result.PASS, ""),
        ("q", "dns/other", Result.NEUTRAL, "q= knows no dns/txt"),
        ("q", "dns/other:dns/txt", Result.PASS, ""),
        ("t", str(NOW + 7200), Result.FAIL, "the signature is from the future"),
        ("t", "soon", Result.NEUTRAL, "t= is not a number"),
        ("x", str(NOW - 1), Result.NEUTRAL, "x= is not after t="),
        ("x", str(NOW + 60), Result.PASS, ""),
        ("l", "100000", Result.FAIL, "the body is shorter than what was signed"),
        ("l", "-1", Result.NEUTRAL, "l= is not a number"),
        ("unknown", "tag", Result.PASS, ""),
        ("v", "1; v=1", Result.NEUTRAL, "v= stands twice"),
        ("bh", "", Result.NEUTRAL, "no bh="),
        ("bh", "====", Result.NEUTRAL, "bh= is not base64"),
        ("bh", "AAAA", Result.FAIL, "the body was changed"),
        ("s", "other", Result.PERMERROR, "no key at other._domainkey.pyeonji.example"),
    ],
)
def test_tags(name: str, value: str, result: Result, reason: str) -> None:
    (verdict,) = verified(with_tags(tag(name, value)))
    assert (verdict.result, verdict.reason) == (result, reason)


def test_an_expired_signature() -> None:
    letter = with_tags(tag("x", str(NOW + 60)))
    assert verified(letter, now=NOW + 61)[0].reason == "the signature has expired"


def test_l_covers_all_or_is_not_liked() -> None:
    """RFC 6376 §8.2: what was appended is not signed."""
    _, body = split(LETTER)
    digest = base64.b64encode(body_hash(body, BODY.form)).decode()

    def change(field: bytes) -> bytes:
        return tag("bh", digest)(tag("l", "1")(field))

    letter = with_tags(change)
    lengths = body_keys(read_signatures(header_fields(split(letter)[0])))
    hashes = BodyHashes(lengths)
    hashes.update(body)
    (found,) = hashes.finish().values()
    letter = with_tags(
        lambda field: tag("bh", digest)(tag("l", str(found.octets))(field))
    )
    assert verified(letter)[0].result is Result.PASS
    (verdict,) = verified(letter + b"<b>buy</b>\r\n")
    assert verdict.result is Result.POLICY
    assert verdict.reason == "the last 14 octets of the body are not signed"


def test_a_second_field_that_is_not_signed() -> None:
    """Readers would show either (RFC 6376 §8.15)."""
    letter = with_tags(tag("h", "from:to:subject:date"))
    assert verified(letter)[0].result is Result.PASS
    (verdict,) = verified(b"Subject: other\r\n" + letter)
    assert (verdict.result, verdict.reason) == (
        Result.POLICY,
        "a second Subject field is not signed",
    )


def key(**tags: str) -> dict[str, str]:
    record = KEYS["rsa"]().record
    for name, value in tags.items():
        record = re.sub(rf"\b{name}=[^;]*", f"{name}={value}", record)
        if f"{name}=" not in record:
            record += f"; {name}={value}"
    return {"r1._domainkey.pyeonji.example": record}


@pytest.mark.parametrize(
    ("tags", "result", "reason"),
    [
        ({"n": "a note; t=x"}, Result.PASS, ""),
        ({"h": "sha1"}, Result.PERMERROR, "the key is not for sha256"),
        ({"h": "sha1:sha256"}, Result.PASS, ""),
        ({"s": "email"}, Result.PASS, ""),
        ({"s": "chat"}, Result.PERMERROR, "the key is not for mail"),
        ({"t": "s"}, Result.PASS, ""),
        ({"p": ""}, Result.PERMERROR, "the key was revoked"),
        ({"p": "AAAA"}, Result.PERMERROR, "the key can't be read"),
        ({"p": "?"}, Result.PERMERROR, "key record: p= is not base64"),
        ({"k": "ed25519"}, Result.PERMERROR, "the key is not for rsa"),
        ({"v": "DKIM2"}, Result.PERMERROR, "key record: v= is not DKIM1, or not first"),
    ],
)
def test_key_records(tags: dict[str, str], result: Result, reason: str) -> None:
    (verdict,) = verified(signed(LETTER), key(**tags))
    assert (verdict.result, verdict.reason.rpartition("example: ")[2]) == (
        result,
        reason,
    )


def test_strict_keys() -> None:
    """t=s: i= has exactly the signing domain (RFC 6376 §3.6.1)."""
    letter = with_tags(tag("i", "@mail.pyeonji.example"))
    assert verified(letter, key(t="s"))[0].reason == "the key is not for domains below"
    (verdict,) = verified(letter, key(t="y"))
    assert verdict.testing
    assert verdict.result is Result.PASS


@pytest.mark.parametrize("bits", [512, 768, 1024, 4096])
def test_sizes_of_rsa_keys(bits: int) -> None:
    """RFC 8301 §3.2: below 1024 bits a key proves nothing."""
    if bits < 1024:  # libraries make such keys no more
        record = {"r1._domainkey.pyeonji.example": f"k=rsa; p={small_key(bits)}"}
        (verdict,) = verified(signed(LETTER), record)
        assert (verdict.result, verdict.reason) == (
            Result.PERMERROR,
            f"an RSA key of {bits} bits",
        )
        return
    one = SigningKey("pyeonji.example", "r1", rsa_key(bits))
    header, body = split(LETTER)
    field = dkim_signature(header_fields(header), body_hash(body, BODY.form), one, NOW)
    (verdict,) = verified(field + LETTER, {one.name: one.record})
    assert (verdict.result, verdict.key_bits) == (Result.PASS, bits)


def small_key(bits: int) -> str:
    """The public half of a key of any size: it need not have a private one."""
    modulus = (1 << (bits - 1)) | 1
    integer = b"\x00" + modulus.to_bytes(bits // 8, "big")
    exponent = b"\x02\x03\x01\x00\x01"
    body = b"\x02" + length(len(integer)) + integer + exponent
    return base64.b64encode(b"\x30" + length(len(body)) + body).decode()


def length(octets: int) -> bytes:
    if octets < 128:
        return bytes([octets])
    return (
        bytes([0x81, octets]) if octets < 256 else b"\x82" + octets.to_bytes(2, "big")
    )


def test_dns_that_fails_is_temporary() -> None:
    letter = signed(LETTER)
    fields = header_fields(split(letter)[0])
    signatures = read_signatures(fields)
    hashes = BodyHashes(body_keys(signatures))
    hashes.update(split(letter)[1])
    (verdict,) = answered(
        verify(fields, signatures, hashes.finish(), NOW),
        {},
        failing=frozenset({"r1._domainkey.pyeonji.example"}),
    )
    assert verdict.result is Result.TEMPERROR


def test_a_bounded_number_of_signatures() -> None:
    letter = signed(LETTER)
    field = letter[: -len(LETTER)]
    assert len(verified(field * 50 + LETTER)) == MAX_SIGNATURES


def test_several_records_under_one_selector() -> None:
    """Others' texts there do not hide the key."""
    name, record = next(iter(key().items()))
    assert verified(signed(LETTER), {name: ["v=spf1 -all", record]})[0].result == "pass"  # type: ignore[dict-item]


def test_keys_are_kept_as_octets() -> None:
    for make in KEYS.values():
        one = make()
        again = read_key(key_octets(one.material))
        assert key_record(again) == one.record
        assert read_record(one.record).type == one.type


@given(octets=st.binary(max_size=120))
def test_any_octets_are_some_signature(octets: bytes) -> None:
    header = b"From: a\r\nDKIM-Signature:" + octets.replace(b"\n", b"") + b"\r\n"
    fields = header_fields(header)
    signatures = read_signatures(fields)
    assert len(answered(verify(fields, signatures, {}, NOW), {})) == len(signatures)


@given(text=st.text(max_size=120))
def test_any_text_is_some_record(text: str) -> None:
    with contextlib.suppress(BadTags):
        assert read_record(text).type == read_record(text).type.lower()


def test_names_beyond_ascii() -> None:
    """d= and s= as U-labels are asked for as A-labels (RFC 8616 §5)."""
    one = SigningKey("편지.example", "열쇠", ed25519_key())
    header, body = split(LETTER)
    field = dkim_signature(header_fields(header), body_hash(body, BODY.form), one, NOW)
    name = "xn--oo4bp8e._domainkey.xn--9b6b95p.example"
    (verdict,) = verified(field + LETTER, {name: one.record})
    assert (verdict.result, verdict.reason) == (Result.PASS, "")
    assert verdict.domain == "편지.example"


@pytest.mark.parametrize(
    ("identity", "result"),
    [
        ("@편지.example", Result.PASS),
        ("kim@a.xn--9b6b95p.EXAMPLE", Result.PASS),
        ("@편지.example.", Result.PASS),
        ("@xn--9b6b95q.example", Result.NEUTRAL),
        ("@" + "편" * 300 + ".example", Result.NEUTRAL),
    ],
)
def test_identities_in_other_labels(identity: str, result: Result) -> None:
    one = SigningKey("xn--9b6b95p.example", "e1", ed25519_key())
    header, body = split(LETTER)
    fields = header_fields(header)
    tags = [
        ("v", b"1"),
        ("a", b"ed25519-sha256"),
        ("c", b"relaxed/relaxed"),
        ("d", one.domain.encode()),
        ("i", identity.encode()),
        ("s", b"e1"),
    ]
    digest = body_hash(body, BODY.form)
    field = make_signature(b"DKIM-Signature", tags, fields, [b"from"], digest, one)
    (verdict,) = verified(field + LETTER, {one.name: one.record})
    assert verdict.result is result
