"""The line reader: CRLF only, and the limit does not depend on the packets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.lines import TOO_LONG, LineReader
from pyeonji.protocol.machine import NEED_DATA

LIMIT = 12
PIECES = st.sampled_from(
    [b"abc", b"x" * 9, b"x" * 10, b"x" * 11, b"\r", b"\n", b"\r\n"]
)


def lines(*packets: bytes) -> list[object]:
    reader = LineReader()
    found: list[object] = []
    for packet in packets:
        reader.feed(packet)
        while (line := reader.next_line(LIMIT)) is not NEED_DATA:
            found.append(line)
    return found


def test_only_crlf_ends_a_line() -> None:
    assert lines(b"a\nb\rc\r\nd\r", b"\ne") == [b"a\nb\rc", b"d"]


def test_an_overlong_line_is_told_once_and_thrown_away() -> None:
    assert lines(b"x" * 30, b"x" * 30, b"x\r\nnext\r\n") == [TOO_LONG, b"next"]
    assert lines(b"x" * 10 + b"\r\n", b"x" * 11 + b"\r\n") == [b"x" * 10, TOO_LONG]


def test_an_endless_line_takes_no_memory() -> None:
    reader = LineReader()
    for _ in range(1000):
        reader.feed(b"x" * 1000)
        assert reader.next_line(LIMIT) is NEED_DATA
        assert len(reader) <= LIMIT


@given(pieces=st.lists(PIECES, max_size=12))
def test_where_packets_split_does_not_matter(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    whole = lines(data)
    assert whole == lines(*pieces)
    assert whole == lines(*(data[i : i + 1] for i in range(len(data))))
