"""The client against servers that are old, broken or hostile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.smtp import outcomes as oc
from pyeonji.protocol.smtp.client import ClientMachine, ClientOptions
from pyeonji.protocol.smtp.words import Offer

LETTER = oc.Envelope(
    reverse_path="kim@x.test",
    recipients=(
        oc.RecipientWanted(address="a@x.test"),
        oc.RecipientWanted(address="b@x.test"),
    ),
)
READY = (
    b"220 mx\r\n250-mx\r\n250-SIZE 1000\r\n250-LIMITS RCPTMAX=5\r\n250 PIPELINING\r\n"
)


def machine_after(said: bytes = READY, **options: bool) -> ClientMachine:
    machine = ClientMachine(ClientOptions(hostname="c.test", **options))
    greeting, _, rest = said.partition(b"\r\n")
    machine.receive_data(greeting + b"\r\n")
    assert isinstance(machine.next_event(), oc.Greeted)
    machine.hello()
    machine.receive_data(rest)
    assert isinstance(machine.next_event(), oc.HelloDone)
    machine.data_to_send()
    return machine


def all_events(machine: ClientMachine, said: bytes, *, eof: bool = False) -> list[Any]:
    """Events until it waits; bodies are given as `hi`."""
    machine.receive_data(said)
    if eof:
        machine.receive_eof()
    found: list[Any] = []
    while not isinstance(event := machine.next_event(), Status):
        found.append(event)
        if isinstance(event, oc.BodyWanted):
            machine.send_body(b"hi\r\n")
            machine.next_event()
            machine.end_body()
    return [*found, event]


def test_helo_where_ehlo_is_not_known() -> None:
    """RFC 5321 §3.2."""
    machine = machine_after(b"220 mx\r\n500 what\r\n250 mx\r\n")
    assert machine.extensions == {}


def test_what_ehlo_says() -> None:
    """SIZE and LIMITS are numbers or nothing."""
    machine = machine_after()
    assert (machine.max_size_octets, machine.max_recipients) == (1000, 5)
    assert machine.offers(Offer.PIPELINING)
    old = machine_after(b"220 mx\r\n250-mx\r\n250-SIZE x\r\n250 AUTH=PLAIN login\r\n")
    assert old.max_size_octets is None
    assert old.mechanisms == {"PLAIN", "LOGIN"}


@pytest.mark.parametrize("code", [421, 450, 550])
def test_refused_mail_is_everybodys(code: int) -> None:
    """One reply, all recipients; temporary or permanent by its code."""
    machine = machine_after()
    machine.send_letter(LETTER)
    lines = b"%d no\r\n" % code + b"503 no\r\n" * (0 if code == 421 else 3)
    done = all_events(machine, lines)[0]
    assert {o.reply.code for o in done.outcomes} == {code}
    later = oc.Verdict.LATER if code < 500 else oc.Verdict.NEVER
    assert {o.verdict for o in done.outcomes} == {later}


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (b"552 too many", oc.Verdict.LATER),
        (b"552 5.5.3 too many", oc.Verdict.LATER),
        (b"552 5.2.2 mailbox full", oc.Verdict.NEVER),
    ],
)
def test_552_to_rcpt_is_too_many(reply: bytes, verdict: oc.Verdict) -> None:
    """An old server's 452, unless it says otherwise (RFC 5321 §4.5.3.1.10)."""
    machine = machine_after()
    machine.send_letter(LETTER)
    lines = b"250 ok\r\n" + (reply + b"\r\n") * 2 + b"554 nobody\r\n"
    done = all_events(machine, lines)[0]
    assert {o.verdict for o in done.outcomes} == {verdict}


def test_a_lost_connection_is_temporary_for_who_has_no_reply() -> None:
    """RFC 3463 §3.5: 4.4.2; a refusal that came before stands."""
    machine = machine_after()
    machine.send_letter(LETTER)
    events = all_events(machine, b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n", eof=True)
    assert isinstance(events[0], oc.BodyWanted)
    assert [o.reply.code for o in events[1].outcomes] == [451, 550]
    assert isinstance(events[2], oc.ConnectionBroken)
    assert events[3] is CLOSED


def test_354_for_nobody_is_answered_with_an_empty_letter() -> None:
    """RFC 2920 §3.1; its reply is nobody's."""
    machine = machine_after()
    machine.send_letter(LETTER)
    assert all_events(machine, b"250 ok\r\n550 no\r\n450 no\r\n354 go\r\n") == [
        NEED_DATA
    ]
    assert machine.data_to_send().endswith(b"DATA\r\n.\r\n")
    done = all_events(machine, b"250 ok\r\n")[0]
    assert [o.reply.code for o in done.outcomes] == [550, 450]


def test_a_refusal_while_the_letter_goes_out() -> None:
    """The server speaks out of turn: its word counts, the connection ends."""
    machine = machine_after()
    machine.send_letter(LETTER)
    machine.receive_data(b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    assert isinstance(machine.next_event(), oc.BodyWanted)
    machine.send_body(b"x")
    done = all_events(machine, b"452 4.3.1 disk full\r\n")[0]
    assert [o.reply.enhanced for o in done.outcomes] == ["4.3.1"] * 2


@pytest.mark.parametrize("late", [False, True])
def test_octets_behind_starttls_are_refused(late: bool) -> None:
    """CVE-2021-38371 and its kin: nothing in clear is read as if from TLS."""
    machine = machine_after()
    machine.start_tls()
    if late:
        assert isinstance(all_events(machine, b"220 go\r\n")[0], oc.TlsReady)
        assert machine.next_event() is PAUSED
        events = all_events(machine, b"250-evil\r\n")
    else:
        events = all_events(machine, b"220 go\r\n250-evil\r\n")
    assert isinstance(events[0], oc.ConnectionBroken)
    assert events[1] is CLOSED


def test_a_server_that_cannot_prove_itself_is_not_believed() -> None:
    """235 without the server's signature is a lie (RFC 5802 §5)."""
    machine = machine_after()
    machine.authenticate("SCRAM-SHA-256", "kim", "secret", b"n" * 18)
    events = all_events(machine, b"235 welcome\r\n")
    assert not events[0].succeeded
    assert events[-1] is CLOSED
    assert not machine.authenticated


@pytest.mark.parametrize(
    "said",
    [
        b"250-" + b"x" * 3000 + b"\r\n",
        b"250-x\r\n" * 300,
        b"250-a\r\n251 b\r\n",
        b"hello\r\n",
        b"99 x\r\n",
        b"2500 x\r\n",
        b"\r\n",
    ],
)
def test_replies_are_bounded_and_strict(said: bytes) -> None:
    """Line, lines, codes (RFC 5321 §4.2.1): the conversation ends."""
    machine = machine_after()
    machine.noop()
    events = all_events(machine, said)
    assert isinstance(events[0], oc.ConnectionBroken)


def test_text_of_a_server_cannot_break_lines() -> None:
    """CVE-2020-8794: what a remote says is hostile."""
    machine = machine_after()
    machine.noop()
    answered = all_events(machine, b"250-2.0.0 a\nb\r\n250 2.0.0 \x00\xff\x1b\r\n")[0]
    assert answered.reply.lines == ("a?b", "?\ufffd?")
    assert answered.reply.text.isprintable()


PIECES = st.sampled_from(
    [
        b"250 ok\r\n",
        b"250-x\r\n",
        b"354 go\r\n",
        b"550 5.1.1 no\r\n",
        b"421 bye\r\n",
        b"452 4.5.3 x\r\n",
        b"220 go\r\n",
        b"334 \r\n",
        b"334 AAAA\r\n",
        b"235 ok\r\n",
        b"\r",
        b"\n",
        b"x",
        b"25",
        b"050 x\r\n",
        b"250\r\n",
        b"500 no\r\n",
        b"\xff",
    ]
)


@settings(max_examples=150)
@given(
    request=st.sampled_from(["letter", "auth", "tls", "noop", "quit"]),
    pieces=st.lists(PIECES, max_size=10),
    pipelining=st.booleans(),
)
def test_nothing_a_server_says_raises(
    request: str, pieces: list[bytes], pipelining: bool
) -> None:
    """Every recipient has an outcome at the latest when the connection ends."""
    machine = machine_after(pipelining=pipelining)
    match request:
        case "letter":
            machine.send_letter(LETTER)
        case "auth":
            machine.authenticate("PLAIN", "kim", "secret", b"n" * 18)
        case "tls":
            machine.start_tls()
        case "noop":
            machine.noop()
        case _:
            machine.quit()
    found: list[Any] = []
    asked = False
    for piece in [*pieces, b""]:
        machine.receive_data(piece)
        if not piece:
            machine.receive_eof()
        while not isinstance(event := machine.next_event(), Status):
            found.append(event)
            if isinstance(event, oc.BodyWanted):
                machine.end_body() if asked else machine.send_body(b"hi\r\n")
                asked = True
    if request == "letter":
        done = [e for e in found if isinstance(e, oc.LetterDone)]
        assert len(done) == 1
        assert len(done[0].outcomes) == 2
