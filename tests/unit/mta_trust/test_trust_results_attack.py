"""Fields that are made to cost time: reading them stays linear."""

from __future__ import annotations

import time

import pytest

from pyeonji.mta.trust.results import MAX_VALUE, read_results, without_claims

PIECES = (
    b"a",
    b" ",
    b"a.",
    b"a .",
    b". a",
    b"a.b=",
    b'a.b="',
    b'\\"',
    b"(",
    b";a=b ",
    b"reason",
    b"a-",
    b"=",
)


@pytest.mark.parametrize("piece", PIECES)
def test_long_values_are_read_at_once(piece: bytes) -> None:
    """One such field once took a minute."""
    value = b"x; a=b " + piece * (MAX_VALUE // len(piece))
    header = (b"Authentication-Results: " + value + b"\r\n") * 3
    began = time.process_time()
    read_results(value)
    without_claims(header, frozenset({"mx.example.test"}))
    assert time.process_time() - began < 2.0


def test_properties_are_found_where_words_begin() -> None:
    found = read_results(b"x; dkim=pass header . d = a.test (c) header.i=@a.test")
    assert found is not None
    (result,) = found.results
    assert result.properties == (
        ("header", "d", "a.test"),
        ("header", "i", "@a.test"),
    )
