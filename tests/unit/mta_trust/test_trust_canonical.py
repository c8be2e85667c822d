"""Canonical forms: the examples of RFC 6376 §3.4, and pieces cut anywhere."""

from __future__ import annotations

import hashlib
import itertools
import re

import pytest
from dkim.canonicalization import CanonicalizationPolicy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyeonji.mta.trust.canonical import (
    BodyHashes,
    BodyKey,
    Form,
    HeaderField,
    body_hash,
    canonical_field,
    header_fields,
)

PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b" ", b"\t", b"  \t ", b"a", b"b c", "편지".encode(), b"."]
)


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


@pytest.mark.parametrize(
    ("body", "simple", "relaxed"),
    [
        (b"", b"\r\n", b""),
        (b"\r\n\r\n", b"\r\n", b"\r\n"),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a\r\n\r\n\r\n", b"a\r\n", b"a\r\n"),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C \r\nD \t E\r\n", b" C\r\nD E\r\n"),
        (b"a\r\n \r\n", b"a\r\n \r\n", b"a\r\n"),
        (b"a \rb\r", b"a \rb\r\r\n", b"a \rb\r\r\n"),
        (b"a\n\n", b"a\n\n\r\n", b"a\n\n\r\n"),
        (b"a\r\n\r\n\tb", b"a\r\n\r\n\tb\r\n", b"a\r\n\r\n b\r\n"),
    ],
)
def test_bodies(body: bytes, simple: bytes, relaxed: bytes) -> None:
    """RFC 6376 §3.4.3, §3.4.4, §3.4.5."""
    assert body_hash(body, Form.SIMPLE) == sha256(simple)
    if body.strip():  # an empty relaxed body is nothing
        assert body_hash(body, Form.RELAXED) == sha256(relaxed)


def test_empty_bodies() -> None:
    """The simple form of nothing is CRLF, the relaxed one is nothing."""
    for body in (b"", b"\r\n", b"\r\n\r\n", b" \r\n\t\r\n "):
        assert body_hash(body, Form.RELAXED) == sha256(b"")


def test_fields() -> None:
    """RFC 6376 §3.4.5, the example."""
    fields = header_fields(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\nC: no field")
    assert [canonical_field(f, Form.RELAXED) for f in fields] == [b"a:X", b"b:Y Z"]
    assert [canonical_field(f, Form.SIMPLE) for f in fields] == [
        b"A: X",
        b"B : Y\t\r\n\tZ  ",
    ]


@given(pieces=st.lists(PIECES, max_size=24), cuts=st.lists(st.integers(0, 60)))
@example(pieces=[b" ", b"\r\n"], cuts=[1])
def test_where_pieces_are_cut_does_not_matter(
    pieces: list[bytes], cuts: list[int]
) -> None:
    body = b"".join(pieces)
    keys = [BodyKey(form, length) for form in Form for length in (None, 0, 3, 7)]
    whole = BodyHashes(keys)
    whole.update(body)
    parts = BodyHashes(keys)
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    for start, end in itertools.pairwise(places):
        parts.update(body[start:end])
    assert parts.finish() == whole.finish()
    single = BodyHashes(keys)
    for at in range(len(body)):
        single.update(body[at : at + 1])
    assert single.finish() == whole.finish()
    for key in keys:
        canonical = reference(body, key.form)
        assert whole.finish()[key].digest == sha256(canonical[: key.length])
        assert whole.finish()[key].octets == len(canonical)


def reference(body: bytes, form: Form) -> bytes:
    """The rules of RFC 6376 §3.4.3 and §3.4.4, line by line."""
    lines = body.split(b"\r\n")
    if form is Form.RELAXED:
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    octets = b"".join(line + b"\r\n" for line in lines)
    return octets or (b"\r\n" if form is Form.SIMPLE else b"")


@settings(max_examples=50)
@given(lines=st.lists(st.sampled_from([b"", b" ", b"a  b\t", b"\tx", b"."])))
def test_dkimpy_agrees(lines: list[bytes]) -> None:
    body = b"".join(line + b"\r\n" for line in lines)
    for form in Form:
        policy = CanonicalizationPolicy.from_c_value(f"simple/{form}".encode())
        theirs = policy.canonicalize_body(body)
        assert body_hash(body, form) == sha256(theirs)


def test_long_runs_stay_linear() -> None:
    """8 MiB of what must be held back: empty lines, then white space."""
    for piece in (b"\r\n", b" ", b"\t \r\n", b"\r"):
        hashes = BodyHashes([BodyKey(Form.RELAXED), BodyKey(Form.SIMPLE)])
        for _ in range(128):
            hashes.update(piece * (65536 // len(piece)))
        hashes.update(b"x")
        assert len(hashes.finish()) == 2


@given(octets=st.binary(max_size=200))
def test_any_header_is_cut(octets: bytes) -> None:
    for field in header_fields(octets):
        assert isinstance(field, HeaderField)
        canonical_field(field, Form.RELAXED)


def test_a_relaxed_field_is_made_once() -> None:
    """Fifty seals over a header of a megabyte must not cost fifty megabytes."""
    field = HeaderField(b"to", b"To: " + b"a \t b\r\n " * 1000)
    assert canonical_field(field, Form.RELAXED) is canonical_field(field, Form.RELAXED)
