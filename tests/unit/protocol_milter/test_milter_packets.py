"""What is said to a milter and heard of it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.milter import packets
from pyeonji.protocol.milter.packets import Actions, Steps
from pyeonji.protocol.milter.replies import (
    BadMilter,
    BodyReplaced,
    HeaderAdded,
    HeaderChanged,
    Incoming,
    Quarantined,
    RecipientAdded,
    RecipientRemoved,
    ReplyCode,
    SenderChanged,
    Word,
    read,
    read_terms,
)


def test_packets_as_they_go_out() -> None:
    assert packets.helo("a.example") == b"\x00\x00\x00\x0bHa.example\x00"
    assert packets.mail("") == b"\x00\x00\x00\x04M<>\x00"
    assert packets.connect("", "192.0.2.7", 25) == (
        b"\x00\x00\x00\x1aC[192.0.2.7]\x004\x00\x19192.0.2.7\x00"
    )
    assert packets.connect("a.example", "2001:db8::7", 25).endswith(
        b"Ca.example\x006\x00\x192001:db8::7\x00"
    )
    assert packets.macros(b"M", {"i": "x", "mail_addr": "y"}) == (
        b"\x00\x00\x00\x14DMi\x00x\x00{mail_addr}\x00y\x00"
    )
    assert packets.header(b"A", b"b\r\n c").endswith(b"LA\x00b\n c\x00")
    assert b"\0" not in packets.helo("a\0b")[5:-1]


def test_the_negotiation() -> None:
    said = packets.negotiate(Actions.ADD_HEADERS)
    assert said[:5] == b"\x00\x00\x00\x0dO"
    version, actions, steps = struct.unpack("!III", said[5:])
    assert (version, actions) == (6, 1)
    assert not steps & Steps.REFUSED_RECIPIENTS
    terms = read_terms(b"O", struct.pack("!III", 6, 1, 0x11), Actions.ADD_HEADERS)
    assert terms.steps == Steps.NO_CONNECT | Steps.NO_BODY
    more = read_terms(b"O", struct.pack("!III", 6, 0xFF, 0), Actions.ADD_HEADERS)
    assert more.actions == Actions.ADD_HEADERS  # many ask for all there is
    for bad in (
        struct.pack("!III", 7, 0, 0),
        b"short",
    ):
        with pytest.raises(BadMilter):
            read_terms(b"O", bad, Actions.ADD_HEADERS)


@pytest.mark.parametrize(
    ("command", "data", "reply"),
    [
        (b"c", b"", Word.CONTINUE),
        (b"y", b"550 5.7.1 no\0", ReplyCode(550, "5.7.1", "no")),
        (b"y", b"451 later\0", ReplyCode(451, "4.7.1", "later")),
        (b"y", b"550 4.7.1 no\0", ReplyCode(550, "5.7.1", "no")),
        (b"y", b"550-5.7.1 a\r\n550 5.7.1 b\0", ReplyCode(550, "5.7.1", "a b")),
        (b"h", b"X-A\0b\0", HeaderAdded(b"X-A", b"b", None)),
        (b"i", b"\0\0\0\1X-A\0b\0", HeaderAdded(b"X-A", b"b", 1)),
        (b"m", b"\0\0\0\2X-A\0\0", HeaderChanged(b"X-A", b"", 2)),
        (b"b", b"body", BodyReplaced(b"body")),
        (b"q", b"bad\0", Quarantined("bad")),
        (b"+", b"<a@b.example>\0", RecipientAdded(b"a@b.example")),
        (
            b"2",
            b"a@b.example\0NOTIFY=NEVER\0",
            RecipientAdded(b"a@b.example", b"NOTIFY=NEVER"),
        ),
        (b"-", b"<a@b.example>\0", RecipientRemoved(b"a@b.example")),
        (b"e", b"<>\0", SenderChanged(b"")),
        (
            b"e",
            b"<a@b.example>\0RET=HDRS\0",
            SenderChanged(b"a@b.example", b"RET=HDRS"),
        ),
    ],
)
def test_replies(command: bytes, data: bytes, reply: object) -> None:
    assert read(command, data) == reply


@pytest.mark.parametrize(
    ("command", "data"),
    [
        (b"y", b"250 fine\0"),
        (b"y", b"no"),
        (b"h", b"no name"),
        (b"h", b"a b\0c\0"),
        (b"h", b"X:\0c\0"),
        (b"i", b"\0\0"),
        (b"?", b""),
    ],
)
def test_what_no_milter_may_say(command: bytes, data: bytes) -> None:
    with pytest.raises(BadMilter):
        read(command, data)


@given(command=st.sampled_from([bytes((x,)) for x in range(256)]), data=st.binary())
def test_any_octets(command: bytes, data: bytes) -> None:
    try:
        read(command, data)
    except BadMilter:
        return


def test_packets_come_in_any_pieces() -> None:
    data = packets.helo("a.example") + packets.abort() + packets.body(b"x" * 300)
    for size in (1, 3, 7, 1000):
        incoming, found = Incoming(), []
        for start in range(0, len(data), size):
            incoming.feed(data[start : start + size])
            while (packet := incoming.next()) is not None:
                found.append(packet)
        assert found == [(b"H", b"a.example\0"), (b"A", b""), (b"B", b"x" * 300)]
    for length in (0, 2**31):
        incoming = Incoming()
        incoming.feed(length.to_bytes(4) + b"x")
        with pytest.raises(BadMilter):
            incoming.next()
