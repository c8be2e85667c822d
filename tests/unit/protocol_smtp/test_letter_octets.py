"""What a letter's octets come to does not depend on how they are cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyeonji.protocol.smtp import body
from pyeonji.protocol.smtp.body import Input, has_bare_newline

PIECES = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b".", b"\r\n.", b"..", b"x", b"\0", b"\xff", b"line\r\n"]
)
LETTERS = st.lists(PIECES, max_size=30).map(b"".join)


@pytest.fixture(autouse=True, params=[16, 1 << 18])
def _small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once as large letters, which flow, and once as small ones."""
    monkeypatch.setattr(body, "SMALL_LETTER_OCTETS", request.param)


@settings(max_examples=500)
@example(b"x\r")
@example(b"\n")
@given(LETTERS)
def test_a_bare_newline_is_found_wherever_it_stands(octets: bytes) -> None:
    """Each CR is before an LF, and each LF behind a CR, or there is one."""
    assert has_bare_newline(octets) == any(
        octets[at : at + 2] != b"\r\n"
        if octets[at] == 13
        else octets[at] == 10 and octets[at - 1 : at] != b"\r"
        for at in range(len(octets))
    )


def meant(octets: bytes) -> tuple[bytes, bytes]:
    """By the standard's words: the letter, and what stands behind it."""
    lines = (b"\r\n" + octets).split(b"\r\n")[1:]
    if b"." not in lines[:-1]:
        pytest.fail("the letter has no end")
    end = lines.index(b".")
    letter = [line.removeprefix(b".") for line in lines[:end]]
    return b"".join(line + b"\r\n" for line in letter), b"\r\n".join(lines[end + 1 :])


@settings(max_examples=500)
@given(LETTERS, LETTERS, st.integers(1, 40))
def test_dots_and_the_end_do_not_depend_on_packets(
    letter: bytes, behind: bytes, cut: int
) -> None:
    """RFC 5321 §4.5.2, whatever lines there are."""
    octets = letter + b"\r\n.\r\n" + behind
    whole, rest = meant(octets)
    read = Input()
    read.begin_data()
    got: list[bytes] = []
    for start in range(0, len(octets), cut):
        read.feed(octets[start : start + cut])
        while not read.ended and (piece := read.take_data()) is not None:
            got.append(piece)
    assert read.ended
    assert b"".join(got) == whole
    assert read.clear() == rest
    assert read.bare == has_bare_newline(octets[: len(octets) - len(rest)])
