"""Fields that are made to cost time: reading them stays linear."""

from __future__ import annotations

import pytest
from tests.patience import cpu_time_below

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
    with cpu_time_below(5.0):
        read_results(value)
        without_claims(header, frozenset({"mx.example.test"}))


def test_properties_are_found_where_words_begin() -> None:
    found = read_results(b"x; dkim=pass header . d = a.test (c) header.i=@a.test")
    assert found is not None
    (result,) = found.results
    assert result.properties == (
        ("header", "d", "a.test"),
        ("header", "i", "@a.test"),
    )
