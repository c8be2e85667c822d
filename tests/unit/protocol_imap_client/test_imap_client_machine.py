"""What the IMAP client writes, when, and what it refuses to."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.imap.client import (
    Challenged,
    ClientMachine,
    Greeted,
    IdleStarted,
    LocalProtocolError,
    RemoteProtocolError,
    State,
    Tagged,
    UnsafeArgument,
    UploadWanted,
    commands,
)
from pyeonji.protocol.machine import CLOSED, PAUSED, Status


def session(
    capabilities: bytes = b"IMAP4rev1", *, want_tls: bool = False
) -> ClientMachine:
    machine = ClientMachine(want_tls=want_tls)
    hear(machine, b"* OK [CAPABILITY " + capabilities + b"] hi\r\n")
    return machine


def hear(machine: ClientMachine, data: bytes) -> list[object]:
    machine.receive_data(data)
    events: list[object] = []
    while not isinstance(event := machine.next_event(), Status):
        events.append(event)
    return events


def written(command: commands.Command, capabilities: bytes = b"LITERAL+") -> bytes:
    machine = session(capabilities)
    machine.send(command)
    return machine.data_to_send()


def test_quoting() -> None:
    """RFC 3501 §4.3: quoted, or a literal for what is not ASCII."""
    assert written(commands.login("kim", 'a"b\\c')) == (
        b'a1 LOGIN "kim" "a\\"b\\\\c"\r\n'
    )
    assert written(commands.login("kim", "열")) == (
        b'a1 LOGIN "kim" {3+}\r\n\xec\x97\xb4\r\n'
    )
    assert written(commands.select("받은 편지")) == (
        b'a1 SELECT "&vBvHQA- &07jJwA-"\r\n'
    )
    assert written(commands.select(b"raw&name")) == b'a1 SELECT "raw&name"\r\n'


def test_commands_on_the_wire() -> None:
    """RFC 3501 §6 and extensions."""
    for command, line in [
        (commands.fetch([3, 1, 2, 9], ["UID", "BODY.PEEK[1.2]<0.10>"]),
         b"UID FETCH 1:3,9 (UID BODY.PEEK[1.2]<0.10>)"),
        (commands.fetch("1:*", ["FLAGS"], uid=False), b"FETCH 1:* (FLAGS)"),
        (commands.store([5], "+", ["\\Seen", "$x"], silent=True),
         b"UID STORE 5 +FLAGS.SILENT (\\Seen $x)"),
        (commands.copy([1], "A"), b'UID COPY 1 "A"'),
        (commands.status("A", ["MESSAGES", "UNSEEN"]),
         b'STATUS "A" (MESSAGES UNSEEN)'),
        (commands.list_mailboxes(returning=["SPECIAL-USE"]),
         b'LIST "" "*" RETURN (SPECIAL-USE)'),
        (commands.create("S", special_use="\\Sent"), b'CREATE "S" (USE (\\Sent))'),
        (commands.identify({"name": "Pyeonji"}), b'ID ("name" "Pyeonji")'),
        (commands.identify(), b"ID NIL"),
        (commands.expunge([7]), b"UID EXPUNGE 7"),
        (commands.search("UNSEEN", ("SINCE", date(2024, 5, 1)),
                         ("OR", ("FROM", "kim"), ("NOT", ("LARGER", 9)))),
         b'UID SEARCH UNSEEN SINCE 1-May-2024 OR FROM "kim" NOT LARGER 9'),
        (commands.search(("SUBJECT", "안녕")),
         b"UID SEARCH CHARSET UTF-8 SUBJECT {6+}\r\n\xec\x95\x88\xeb\x85\x95"),
    ]:  # fmt: skip
        assert written(command) == b"a1 " + line + b"\r\n"


def test_moving_where_there_is_no_move() -> None:
    """RFC 6851 §1, §3.3: copy, mark, and expunge only what was moved."""
    names = [c.name for c in commands.move_plan([1], "A", ["MOVE"])]
    assert names == ["UID MOVE"]
    names = [c.name for c in commands.move_plan([1], "A", ["UIDPLUS"])]
    assert names == ["UID COPY", "UID STORE", "UID EXPUNGE"]
    assert len(commands.move_plan([1], "A", [])) == 2


EVIL = st.sampled_from(
    ["\r", "\n", "\0", "\r\na2 DELETE x", "a", '"', "\\", "{5}", "한"]
)


@given(text=st.lists(EVIL, max_size=4).map("".join))
def test_no_argument_becomes_a_command(text: str) -> None:
    """CR, LF and NUL are refused; whatever is sent is one command."""
    makers: list[Callable[[], commands.Command]] = [
        lambda: commands.login(text, text),
        lambda: commands.search(("TEXT", text)),
        lambda: commands.search(("KEYWORD", text)),
        lambda: commands.search(text),
        lambda: commands.store([1], "+", [text]),
        lambda: commands.fetch([1], [text]),
        lambda: commands.fetch(text, ["UID"]),
        lambda: commands.status("x", [text]),
        lambda: commands.create(text),
        lambda: commands.enable(text),
        lambda: commands.authenticate(text),
        lambda: commands.identify({text: text}),
        lambda: commands.list_mailboxes(text),
        lambda: commands.create(text.encode()),
    ]
    for make in makers:
        try:
            wire = written(make())
        except UnsafeArgument:
            continue
        assert b"\r" not in text.encode() or b"&" in wire  # modified UTF-7 is safe
        lines = wire.split(b"\r\n")
        assert lines[-1] == b""
        for line, following in itertools.pairwise(lines[:-1]):
            assert line.endswith(b"+}")
            assert following


def test_literals_wait_for_the_go_ahead() -> None:
    """RFC 3501 §4.3: what follows a literal, and the next command, wait."""
    machine = session()
    machine.send(commands.login("한", "글"))
    machine.send(commands.noop())
    assert machine.data_to_send() == b"a1 LOGIN {3}\r\n"
    hear(machine, b"+ go\r\n")
    assert machine.data_to_send() == "한 {3}\r\n".encode()
    hear(machine, b"+ go\r\n")
    assert machine.data_to_send() == "글\r\n".encode()
    hear(machine, b"a1 NO never\r\n")
    assert machine.data_to_send() == b"a2 NOOP\r\n"


def test_a_refused_literal_is_not_sent() -> None:
    """RFC 3501 §7.5: a tagged answer instead of the go-ahead ends the command."""
    machine = session()
    tag = machine.send(commands.append("Big", 10**9))
    machine.send(commands.noop())
    machine.data_to_send()
    (event,) = hear(machine, b"a1 NO [TOOBIG] no\r\n")
    assert isinstance(event, Tagged)
    assert (event.tag, event.ok, event.told.code) == (tag, False, "TOOBIG")
    assert machine.data_to_send() == b"a2 NOOP\r\n"


def test_append_streams() -> None:
    """RFC 3501 §6.3.11; RFC 7888: with LITERAL- only small ones go at once."""
    for capabilities, size, waits in (
        (b"X", 5, True),
        (b"LITERAL+", 5, False),
        (b"LITERAL-", 5000, True),
        (b"LITERAL-", 5, False),
    ):
        machine = session(capabilities)
        tag = machine.send(commands.append("A", size, flags=["\\Seen"]))
        machine.send(commands.noop())
        events = hear(machine, b"+ go\r\n" if waits else b"")
        assert events == [UploadWanted(tag, size)]
        machine.upload(b"x" * (size - 1))
        with pytest.raises(LocalProtocolError):
            machine.upload(b"xx")
        machine.upload(b"x")
        plus = b"" if waits else b"+"
        assert machine.data_to_send() == (
            b'a1 APPEND "A" (\\Seen) {%d%s}\r\n' % (size, plus)
            + b"x" * size
            + b"\r\na2 NOOP\r\n"
        )


def test_an_append_refused_early_is_still_given_whole() -> None:
    """RFC 7888 §4: the server reads what was announced; so we go on giving."""
    machine = session(b"LITERAL+")
    machine.send(commands.append("A", 4))
    hear(machine, b"a1 NO [OVERQUOTA] full\r\n")
    machine.send(commands.noop())
    machine.upload(b"abcd")
    assert machine.data_to_send().endswith(b"{4+}\r\nabcd\r\na2 NOOP\r\n")


def test_authenticate() -> None:
    """RFC 3501 §6.2.2; RFC 4959: the initial response goes along if it may."""
    machine = session(b"SASL-IR")
    machine.send(commands.authenticate("PLAIN"), initial=b"\0kim\0x")
    assert machine.data_to_send() == b"a1 AUTHENTICATE PLAIN AGtpbQB4\r\n"
    machine = session()
    machine.send(commands.authenticate("PLAIN"), initial=b"\0kim\0x")
    machine.send(commands.noop())
    assert machine.data_to_send() == b"a1 AUTHENTICATE PLAIN\r\n"
    assert hear(machine, b"+ \r\n") == []
    assert machine.data_to_send() == b"AGtpbQB4\r\n"
    assert hear(machine, b"+ aGk=\r\n") == [Challenged(b"hi")]
    machine.cancel()
    assert machine.data_to_send() == b"*\r\n"
    hear(machine, b"a1 BAD cancelled\r\n")
    assert machine.state is State.NOT_AUTHENTICATED
    assert machine.data_to_send() == b"a2 NOOP\r\n"


def test_login_forgets_capabilities() -> None:
    """RFC 3501 §6.2.3: they may change; a code says the new ones at once."""
    machine = session(b"IMAP4rev1 STARTTLS")
    machine.send(commands.login("kim", "x"))
    hear(machine, b"a1 OK welcome\r\n")
    assert machine.capabilities is None
    assert machine.state.name == "AUTHENTICATED"


def test_idle() -> None:
    """RFC 2177: news while it lasts; nothing is sent before DONE."""
    machine = session(b"IDLE")
    tag = machine.send(commands.idle())
    machine.send(commands.noop())
    assert machine.data_to_send() == b"a1 IDLE\r\n"
    events = hear(machine, b"+ idling\r\n* 3 EXISTS\r\n")
    assert events[0] == IdleStarted(tag)
    machine.done()
    assert machine.data_to_send() == b"DONE\r\n"
    with pytest.raises(LocalProtocolError):
        machine.done()
    hear(machine, b"a1 OK done\r\n")
    assert machine.data_to_send() == b"a2 NOOP\r\n"


def test_starttls() -> None:
    """RFC 3501 §6.2.1: pause, forget, go on; nothing may come in between."""
    machine = session(b"IMAP4rev1 STARTTLS", want_tls=True)
    machine.send(commands.starttls())
    machine.send(commands.noop())
    machine.data_to_send()
    hear(machine, b"a1 OK begin\r\n")
    assert machine.next_event() is PAUSED
    machine.tls_started()
    assert machine.capabilities is None
    evil = session(want_tls=True)
    evil.send(commands.starttls())
    evil.receive_data(b"a1 OK begin\r\n* CAPABILITY AUTH=LOGIN\r\n")
    with pytest.raises(RemoteProtocolError):
        hear(evil, b"")
    assert evil.next_event() is CLOSED


def test_preauth_is_refused_where_tls_is_wanted() -> None:
    """RFC 3501 §7.1.4: STARTTLS is not possible after it; someone cuts in."""
    machine = ClientMachine(want_tls=True)
    machine.receive_data(b"* PREAUTH welcome\r\n")
    with pytest.raises(RemoteProtocolError):
        machine.next_event()
    machine = ClientMachine()
    (event,) = hear(machine, b"* PREAUTH welcome\r\n")
    assert isinstance(event, Greeted)
    assert machine.state is State.AUTHENTICATED


def test_the_end() -> None:
    """RFC 3501 §6.1.3, §7.1.5."""
    machine = session()
    machine.send(commands.logout())
    events = hear(machine, b"* BYE see you\r\na1 OK bye\r\n")
    assert len(events) == 2
    assert machine.next_event() is CLOSED
    machine = ClientMachine()
    hear(machine, b"* BYE overloaded\r\n")
    assert machine.next_event() is CLOSED
    machine = session()
    machine.receive_eof()
    assert machine.next_event() is CLOSED
