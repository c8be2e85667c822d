"""Where a letter ends, and that nothing else ends it (SMTP smuggling)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp.limits import (
    HARD_ERRORS,
    MAX_COMMAND_OCTETS,
    SMALL_LETTER_OCTETS,
)
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine

TOLD = (
    ev.BodyChunk
    | ev.TransactionDropped
    | ev.AuthCancelled
    | ev.ErrorsMounting
    | ev.Quit
)
BEGIN = b"EHLO c.test\r\nMAIL FROM:<kim@x.test>\r\nRCPT TO:<lee@x.test>\r\n"


def converse(
    *packets: bytes, options: Options | None = None
) -> tuple[list[Any], bytes, Status]:
    """Events (chunks joined), what was said, and how it stands."""
    machine = ServerMachine(options or Options(hostname="mx", plaintext_auth=True))
    events: list[Any] = []
    status: Status = NEED_DATA
    for packet in packets:
        machine.receive_data(packet)
        while not isinstance(event := machine.next_event(), Status):
            last = events[-1] if events else None
            if isinstance(event, ev.BodyChunk) and isinstance(last, ev.BodyChunk):
                events[-1] = ev.BodyChunk(last.octets + event.octets)
            else:
                events.append(event)
            if isinstance(event, ev.AuthAsked | ev.AuthResponse):
                machine.challenge(b"")
            elif not isinstance(event, TOLD):
                machine.accept()
        status = event
        if status is PAUSED:
            machine.tls_started() if not machine.tls else None
    return events, machine.data_to_send(), status


SMUGGLED = b"MAIL FROM:<evil@x.test>\r\nRCPT TO:<you@x.test>\r\nDATA\r\nevil\r\n.\r\n"


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\n.\r",
        b"\r.\n",
        b"\r\n.\r\r\n",
        b"\r\n\r.\r\n",
        b"\n\n.\r\n",
    ],
)
def test_a_bare_cr_or_lf_is_no_end(end: bytes) -> None:
    """The letter is read to its true end and refused (RFC 5321 §2.3.8)."""
    letter = b"first\r\nline" + end + SMUGGLED
    events, said, _ = converse(BEGIN + b"DATA\r\n" + letter + b"QUIT\r\n")
    assert not any(isinstance(e, ev.LetterReceived) for e in events)
    assert events[-2:] == [ev.TransactionDropped("bare CR or LF"), ev.Quit()]
    assert said.endswith(
        b"554 5.6.0 bare CR or LF in the letter: lines end with CR LF\r\n"
        b"221 2.0.0 goodbye\r\n"
    )
    assert said.count(b"sender ok") == 1


@pytest.mark.parametrize(
    "end", [b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n..\r\n"]
)
def test_what_only_looks_like_the_end_is_content(end: bytes) -> None:
    """Only CRLF, dot, CRLF (RFC 5321 §4.1.1.4)."""
    events, _, _ = converse(BEGIN + b"DATA\r\na" + end + b"b\r\n.\r\n")
    plain = (b"a" + end + b"b\r\n").replace(b"\r\n.", b"\r\n")
    assert events[-1] == ev.LetterReceived(plain)


def test_dots_are_unstuffed() -> None:
    """RFC 5321 §4.5.2."""
    events, _, _ = converse(BEGIN + b"DATA\r\n..a\r\nb.\r\n...\r\n.c\r\n.\r\n")
    assert events[-1] == ev.LetterReceived(b".a\r\nb.\r\n..\r\nc\r\n")


def test_an_empty_letter() -> None:
    """The dot may come at once."""
    events, _, _ = converse(BEGIN + b"DATA\r\n.\r\n")
    assert events[-1] == ev.LetterReceived(b"")


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_small_letters_are_one_event_and_large_ones_flow(extra: int) -> None:
    """The limit counts octets as sent, however packets are cut."""
    letter = b"x" * (SMALL_LETTER_OCTETS - 5 + extra) + b"\r\n"
    wire = letter + b".\r\n"
    whole, _, _ = converse(BEGIN + b"DATA\r\n", wire)
    cut, _, _ = converse(
        BEGIN + b"DATA\r\n", *(wire[i : i + 9999] for i in range(0, len(wire), 9999))
    )
    assert whole == cut
    if extra > 0:
        assert whole[-2:] == [ev.BodyChunk(letter), ev.BodyEnded(len(letter))]
    else:
        assert whole[-1] == ev.LetterReceived(letter)


@pytest.mark.parametrize("size", [1000, 400_000])
def test_too_large_is_read_to_its_end(size: int) -> None:
    """552 comes after the end, and the conversation goes on (RFC 1870 §6.3)."""
    options = Options(hostname="mx", max_message_octets=500)
    for body in (
        b"DATA\r\n" + b"y" * size + b"\r\n.\r\n",
        b"BDAT %d\r\n" % size + b"y" * size + b"BDAT 1 LAST\r\ny",
    ):
        events, said, _ = converse(BEGIN + body + b"NOOP\r\n", options=options)
        assert events[-1] == ev.TransactionDropped("too large")
        assert b"552 5.3.4" in said
        assert said.endswith(b"250 2.0.0 ok\r\n")


def test_bdat_swallows_its_octets_in_every_state() -> None:
    """Whatever the reply, the octets are no commands (RFC 3030 §2)."""
    events, said, _ = converse(b"EHLO c\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert len(events) == 1
    assert said.endswith(b"503 5.5.1 not now\r\n250 2.0.0 ok\r\n")
    events, said, status = converse(b"EHLO c\r\nBDAT x\r\nNOOP\r\n")
    assert status is CLOSED  # we can't know where a command begins again


def test_bdat_and_data_do_not_mix() -> None:
    """RFC 3030 §2: DATA after BDAT is 503."""
    _, said, _ = converse(BEGIN + b"BDAT 2\r\nhi" + b"DATA\r\n")
    assert said.endswith(b"503 5.5.1 not now\r\n")


def test_binary_needs_bdat() -> None:
    """RFC 3030 §3."""
    begin = BEGIN.replace(b"<kim@x.test>", b"<kim@x.test> BODY=BINARYMIME")
    _, said, _ = converse(begin + b"DATA\r\n")
    assert b"503" in said
    events, _, _ = converse(begin + b"BDAT 3 LAST\r\n\r.\n")
    assert events[-1] == ev.LetterReceived(b"\r.\n")


def test_clear_octets_behind_starttls_end_the_conversation() -> None:
    """CVE-2011-0411 and its kin (RFC 3207 §4.2)."""
    inject = b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<e@x.test>\r\n"
    events, said, status = converse(b"EHLO c\r\n" + inject)
    assert status is CLOSED
    assert not any(isinstance(e, ev.StartTlsAsked | ev.MailAsked) for e in events)
    assert b"220" not in said
    machine = ServerMachine(Options(hostname="mx"))
    machine.receive_data(b"STARTTLS\r\n")
    assert machine.next_event() == ev.StartTlsAsked()
    machine.accept()
    machine.receive_data(b"EHLO late\r\n")
    assert machine.next_event() is CLOSED


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"\0\0\0\r\n", b"{}\r\n"]
)
def test_other_protocols_are_hung_up_on(first: bytes) -> None:
    """What no SMTP client says first."""
    events, said, status = converse(first)
    assert (events, status) == ([], CLOSED)
    assert said.startswith(b"421 ")


def test_too_many_errors_end_it() -> None:
    """Soft limit: the door is told; hard limit: 421."""
    events, said, status = converse(b"XYZZY\r\n" * 100)
    assert status is CLOSED
    assert len([e for e in events if isinstance(e, ev.ErrorsMounting)]) == 9
    assert said.count(b"500 ") == HARD_ERRORS
    assert said.endswith(b"421 4.7.0 too many errors\r\n")


PIECES = st.sampled_from(
    [
        b"MAIL FROM:<a@x.test>\r\n",
        b"RCPT TO:<b@x.test>\r\n",
        b"DATA\r\n",
        b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n",
        b"x\r\n",
        b".\r\n",
        b"\r",
        b"\n",
        b".",
        b"\r\n",
        b"RSET\r\n",
        b"EHLO c.test\r\n",
        b"AUTH PLAIN\r\n",
        b"*\r\n",
        b"AUTH PLAIN =\r\n",
        b"QUIT\r\n",
        b"x" * (MAX_COMMAND_OCTETS - 2),
        b"NOOP ",
        b"STARTTLS",
        b"VRFY x\r\n",
        b"\xff\x00",
        b"MAIL FROM:<> BODY=BINARYMIME SIZE=7\r\n",
        b"x" * 12286,
        b"HELP\r\n",
        b"hello",
    ]
)


@settings(max_examples=150)
@given(pieces=st.lists(PIECES, max_size=14), cut=st.integers(1, 7))
def test_where_packets_split_does_not_matter(pieces: list[bytes], cut: int) -> None:
    """Same events and same replies, and no exception, whatever is said."""
    data = b"EHLO c.test\r\n" + b"".join(pieces)
    if b"STARTTLS" in data:  # there a packet's end does matter
        converse(data)
        return
    whole = converse(data)
    assert whole == converse(b"EHLO c.test\r\n", *pieces)
    if len(data) < 3000:
        assert whole == converse(*(data[i : i + cut] for i in range(0, len(data), cut)))
