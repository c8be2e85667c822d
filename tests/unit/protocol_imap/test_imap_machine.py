"""The server machine: commands, literals, limits, states."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.protocol.imap import commands
from pyeonji.protocol.imap.commands import (
    ASKED,
    Append,
    AppendEnded,
    Authenticate,
    Command,
    Fetch,
    Idle,
    IdleEnded,
    Login,
    MessageBegun,
    MessageChunk,
    Refused,
    SaslResponse,
    Section,
    SectionText,
    Simple,
    StartTls,
)
from pyeonji.protocol.imap.parse_append import COMMANDS as STREAMING
from pyeonji.protocol.imap.sequences import SequenceSet
from pyeonji.protocol.imap.server import ServerMachine
from pyeonji.protocol.imap.states import State, Step
from pyeonji.protocol.imap.table import COMMANDS
from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status

STEPS = {
    State.NOT_AUTHENTICATED: (),
    State.AUTHENTICATED: (Step.AUTHENTICATED,),
    State.SELECTED: (Step.AUTHENTICATED, Step.SELECTED),
}


def machine_in(state: State, message_octets: int = 1000) -> ServerMachine:
    machine = ServerMachine(message_octets=message_octets)
    for step in STEPS[state]:
        machine.advance(step)
    return machine


def run(machine: ServerMachine, *packets: bytes) -> tuple[list[Any], bytes]:
    """Events of these packets (chunks of a message joined), and what is sent."""
    events: list[Any] = []
    for packet in packets:
        machine.receive_data(packet)
        while not isinstance(event := machine.next_event(), Status):
            if isinstance(event, ASKED):
                machine.accept_message()
            elif isinstance(event, Authenticate):
                machine.expect_response()
            elif isinstance(event, Idle):
                machine.expect_done()
            elif isinstance(event, StartTls):
                machine.start_tls()
                machine.tls_started()
            if (
                events
                and isinstance(event, MessageChunk)
                and isinstance(events[-1], MessageChunk)
            ):
                event = MessageChunk(events.pop().octets + event.octets)
            events.append(event)
    return events, machine.data_to_send()


def selected(*packets: bytes) -> tuple[list[Any], bytes]:
    return run(machine_in(State.SELECTED), *packets)


ARGUMENTS = {
    b"ID": b" NIL",
    b"AUTHENTICATE": b" PLAIN",
    b"LOGIN": b" kim secret",
    b"COMPRESS": b" DEFLATE",
    b"ENABLE": b" CONDSTORE",
    b"RENAME": b" a b",
    b"LIST": b' "" *',
    b"LSUB": b' "" *',
    b"STATUS": b" a (MESSAGES)",
    b"GETMETADATA": b" a /shared/comment",
    b"SETMETADATA": b" a (/shared/comment NIL)",
    b"SETACL": b" a lee@example.test +lr",
    b"DELETEACL": b" a lee@example.test",
    b"GETACL": b" a",
    b"LISTRIGHTS": b" a lee@example.test",
    b"MYRIGHTS": b" a",
    b"NOTIFY": b" NONE",
    b"GETQUOTA": b" kim@example.test",
    b"GETQUOTAROOT": b" a",
    b"SETQUOTA": b" kim@example.test (STORAGE 10)",
    b"SEARCH": b" ALL",
    b"SORT": b" (DATE) UTF-8 ALL",
    b"THREAD": b" REFERENCES UTF-8 ALL",
    b"ESEARCH": b" IN (personal) ALL",
    b"CANCELUPDATE": b' "a"',
    b"FETCH": b" 1 FLAGS",
    b"STORE": b" 1 FLAGS ()",
    b"COPY": b" 1 a",
    b"MOVE": b" 1 a",
    b"UID EXPUNGE": b" 1",
    b"UIDBATCHES": b" 500",
    **dict.fromkeys((b"SELECT", b"EXAMINE", b"CREATE", b"DELETE"), b" a"),
    **dict.fromkeys((b"SUBSCRIBE", b"UNSUBSCRIBE"), b" a"),
}


def line_of(name: bytes) -> bytes:
    arguments = ARGUMENTS.get(name, ARGUMENTS.get(name.removeprefix(b"UID "), b""))
    return b"t " + name + arguments + b"\r\n"


@pytest.mark.parametrize("state", STEPS)
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in STREAMING])
def test_each_command_in_each_state(name: bytes, state: State) -> None:
    """A command out of its state is BAD (RFC 3501 §3, §6)."""
    events, _ = run(machine_in(state), line_of(name))
    (event,) = events[:1]
    if state in COMMANDS[name].states:
        assert isinstance(event, Command), event
    else:
        assert event.status == b"BAD"
    assert event.tag == b"t"


def test_a_synchronising_literal_is_asked_for() -> None:
    """RFC 3501 §4.3, with the example of §7.5."""
    machine = machine_in(State.NOT_AUTHENTICATED)
    assert run(machine, b"A001 LOGIN {11}\r\n") == (
        [],
        b"+ Ready for the literal.\r\n",
    )
    assert run(machine, b"FRED FOOBAR {7}\r\n") == (
        [],
        b"+ Ready for the literal.\r\n",
    )
    assert run(machine, b"fat man\r\n") == (
        [Login(tag=b"A001", user="FRED FOOBAR", password="fat man")],
        b"",
    )


def test_a_non_synchronising_literal_is_just_read() -> None:
    """RFC 7888 §3."""
    events, sent = run(
        machine_in(State.NOT_AUTHENTICATED),
        b'a LOGIN {4+}\r\n\r\n"( {3+}\r\npw \r\nb NOOP\r\n',
    )
    assert events[0] == Login(tag=b"a", user='\r\n"(', password="pw ")
    assert events[1].tag == b"b"
    assert sent == b""


@pytest.mark.parametrize("literal", [b"{4097}", b"{4097+}", b"{99999999999}"])
def test_octets_of_a_literal_too_large_are_never_commands(literal: bytes) -> None:
    """What is refused is skipped whole (RFC 7888 §4)."""
    machine = machine_in(State.NOT_AUTHENTICATED)
    first = b"a LOGIN kim " + literal + b"\r\n"
    if literal.endswith(b"+}"):
        content = b"x LOGOUT\r\n" * 409 + b"x LOGOU"
        events, sent = run(machine, first, content + b"\r\nb NOOP\r\n")
    else:
        events, sent = run(machine, first, b"b NOOP\r\n")
    assert [(event.tag, type(event).__name__) for event in events] == [
        (b"a", "Refused"),
        (b"b", "Noop"),
    ]
    assert events[0].code == b"TOOBIG"
    assert sent == b""


def test_a_count_that_is_no_number_ends_the_conversation() -> None:
    machine = machine_in(State.SELECTED)
    events, _ = run(machine, b"a SEARCH TEXT {" + b"9" * 40 + b"+}\r\nb NOOP\r\n")
    assert [event.fatal for event in events] == [True]
    assert machine.next_event() is CLOSED


def test_many_literals_are_refused() -> None:
    """Cyrus once kept them all (CVE-2024-34055)."""
    machine = machine_in(State.SELECTED)
    events, _ = run(
        machine, b"a SEARCH" + b" TEXT {1+}\r\nx" * 70 + b"\r\n", b"b NOOP\r\n"
    )
    assert events[0].code == b"TOOBIG"
    assert [event.tag for event in events] == [b"a", b"b"]


@pytest.mark.parametrize("packets", [1, 2, 100])
def test_a_line_too_long_ends_the_conversation(packets: int) -> None:
    """Whether it is too long does not depend on how it was cut."""
    line = b"a LOGIN kim " + b"x" * 8192 + b"\r\n"
    size = len(line) // packets + 1
    machine = machine_in(State.NOT_AUTHENTICATED)
    events, _ = run(
        machine, *(line[at : at + size] for at in range(0, len(line), size))
    )
    assert [event.code for event in events] == [b"TOOBIG"]
    assert machine.next_event() is CLOSED


def test_an_endless_line_takes_no_memory() -> None:
    machine = machine_in(State.NOT_AUTHENTICATED)
    for _ in range(100):
        machine.receive_data(b"a NOOP " + b"(" * 20_000)
        assert machine.next_event() is NEED_DATA
    assert len(machine._reader) < 20


def test_append_streams() -> None:
    """The message comes in chunks, after the session's word (RFC 3501 §6.3.11)."""
    machine = machine_in(State.AUTHENTICATED)
    events, sent = run(
        machine,
        b'A003 APPEND saved-messages (\\Seen) "07-Feb-1994 21:52:25 -0800" {310}\r\n',
    )
    assert events == [
        Append(
            tag=b"A003",
            mailbox="saved-messages",
            first=MessageBegun(
                flags=(b"\\Seen",), internal_date=760686745, size_octets=310
            ),
        )
    ]
    assert sent == b"+ Ready for the message.\r\n"
    events, _ = run(machine, b"x" * 200, b"y" * 110, b"\r\nb NOOP\r\n")
    assert events[:2] == [MessageChunk(b"x" * 200 + b"y" * 110), AppendEnded()]
    assert events[2].tag == b"b"


def test_append_with_a_literal_for_a_name() -> None:
    events, _ = run(
        machine_in(State.AUTHENTICATED),
        b"a APPEND {5+}\r\nINBOX (\\Flagged) {3+}\r\nabc\r\n",
    )
    assert events[0].mailbox == "INBOX"
    assert events[1:] == [MessageChunk(b"abc"), AppendEnded()]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"APPEND INBOX {1001+}", b"TOOBIG"),
        (b"APPEND INBOX (\\Seen {5+}", b""),
        (b'APPEND INBOX "yesterday" {5+}', b""),
        (b"APPEND &AGE- {5+}", b""),
        (b"APPEND {5+}\r\nINBOX{5+}", b""),
        (b"APPEND{5+}", b""),
        (b"NOSUCH {5+}", b""),
        (b"FETCH 1 FLAGS {5+}", b""),
        (b"LOGIN {5+}", b""),
    ],
)
def test_a_refused_command_takes_its_literal_along(head: bytes, code: bytes) -> None:
    size = int(head.rpartition(b"{")[2][:-2])
    content = (b"x LOGOUT\r\n" * 200)[:size]
    packet = b"a " + head + b"\r\n" + content + b"\r\nb NOOP\r\n"
    events, _ = run(machine_in(State.AUTHENTICATED), packet)
    assert [event.tag for event in events] == [b"a", b"b"]
    assert isinstance(events[0], Refused)
    assert events[0].code == code


def test_a_session_may_refuse_a_message() -> None:
    for literal, rest in ((b"{10}", b""), (b"{10+}", b"x LOGOUT\r\n\r\n")):
        machine = machine_in(State.AUTHENTICATED)
        machine.receive_data(b"a APPEND Nowhere " + literal + b"\r\n" + rest)
        assert isinstance(machine.next_event(), Append)
        machine.refuse_message()
        events, sent = run(machine, b"b NOOP\r\n")
        assert [event.tag for event in events] == [b"b"]
        assert sent == b""


def test_what_came_in_clear_after_starttls_closes() -> None:
    """Nobody may put commands before the client's (RFC 3501 §6.2.1)."""
    machine = machine_in(State.NOT_AUTHENTICATED)
    machine.receive_data(b"a STARTTLS\r\nb LOGIN eve secret\r\n")
    assert isinstance(machine.next_event(), StartTls)
    machine.start_tls()
    assert machine.next_event() is CLOSED


def test_starttls_pauses() -> None:
    machine = machine_in(State.NOT_AUTHENTICATED)
    machine.receive_data(b"a STARTTLS\r\n")
    machine.next_event()
    machine.start_tls()
    assert machine.next_event() is PAUSED
    machine.tls_started()
    assert run(machine, b"b NOOP\r\n")[0][0].tag == b"b"


def test_sasl_responses() -> None:
    """RFC 3501 §6.2.2: base64, or "*" to give up; RFC 4959 for the first one."""
    for line, expected in (
        (b"AGtpbQBwdw==", SaslResponse(b"\0kim\0pw")),
        (b"", SaslResponse(b"")),
        (b"*", SaslResponse(None)),
        (b"AGtpbQBwdw=", SaslResponse(None, malformed=True)),
        (b"{5}", SaslResponse(None, malformed=True)),
    ):
        events, _ = run(
            machine_in(State.NOT_AUTHENTICATED),
            b"a AUTHENTICATE plain\r\n",
            line + b"\r\n",
        )
        assert events == [
            Authenticate(tag=b"a", mechanism="PLAIN", initial=None),
            expected,
        ]
    (first,), _ = run(
        machine_in(State.NOT_AUTHENTICATED), b"a AUTHENTICATE PLAIN =\r\n"
    )
    assert first.initial == b""


def test_idle_ends_with_done() -> None:
    """RFC 2177 §3."""
    assert run(machine_in(State.AUTHENTICATED), b"a IDLE\r\n", b"done\r\n")[0][1] == (
        IdleEnded(properly=True)
    )
    events, _ = run(machine_in(State.AUTHENTICATED), b"a IDLE\r\nb NOOP\r\n")
    assert events[1] == IdleEnded(properly=False)


def test_http_is_shown_the_door() -> None:
    """What a browser can be made to send is no command (ALPACA)."""
    machine = machine_in(State.NOT_AUTHENTICATED)
    events, _ = run(machine, b"POST / HTTP/1.1\r\nHost: x\r\n")
    assert [event.fatal for event in events] == [True]


FETCHES = {
    b"FAST": (Simple.FLAGS, Simple.INTERNALDATE, Simple.RFC822_SIZE),
    b"(FLAGS flags UID)": (Simple.FLAGS, Simple.UID),
    b"BODY": (Simple.BODY,),
    b"body[]": (Section(label=b"BODY[]"),),
    b"BODY.PEEK[1.2.MIME]<5.10>": (
        Section(
            label=b"BODY[1.2.MIME]<5>",
            path=(1, 2),
            text=SectionText.MIME,
            peek=True,
            partial=(5, 10),
        ),
    ),
    b'BODY[HEADER.FIELDS (From "X Y" {2+}\r\nTo)]': (
        Section(
            label=b'BODY[HEADER.FIELDS (From "X Y" To)]',
            text=SectionText.HEADER_FIELDS,
            fields=(b"FROM", b"X Y", b"TO"),
        ),
    ),
    b"RFC822.HEADER": (
        Section(label=b"RFC822.HEADER", text=SectionText.HEADER, peek=True),
    ),
}


@pytest.mark.parametrize("items", FETCHES)
def test_fetch_items(items: bytes) -> None:
    """RFC 3501 §6.4.5."""
    events, _ = selected(b"a FETCH 1:* " + items + b"\r\n")
    assert events == [
        Fetch(
            tag=b"a",
            by_uid=False,
            messages=SequenceSet(((1, 0),)),
            items=FETCHES[items],
        )
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"FETCH 1 ()",
        b"FETCH 1 (FLAGS",
        b"FETCH 1 (FLAGS  UID)",
        b"FETCH 1 BODY[MIME]",
        b"FETCH 1 BODY[0]",
        b"FETCH 1 BODY[1.]",
        b"FETCH 1 BODY[]<0.0>",
        b"FETCH 1 BODY[HEADER.FIELDS ()]",
        b"FETCH 0 FLAGS",
        b"FETCH 1 (" + b" ".join(b"BODY[]<%d.1>" % n for n in range(101)) + b")",
        b"FETCH 1 BODY[HEADER.FIELDS (" + b" ".join([b"X"] * 257) + b")]",
        b"FETCH 1 BODY[HEADER.FIELDS ({1+}\r\n\xff)]",
        b"FETCH 1 BODY[HEADER.FIELDS (TO {4+}\r\na\r\nb)]",
        b"FETCH 1 (ALL)",
        b"STORE 1 FLAG (\\Seen)",
        b"STORE 1 FLAGS",
        b"SEARCH",
        b"SEARCH (",
        b"SEARCH BEFORE 31-Feb-2024",
        b"SEARCH NOT",
        b"SEARCH OR ALL",
        b"SEARCH " + b"(" * 1000,
        b"SEARCH " + b"NOT " * 1000 + b"ALL",
        b"COPY 1",
        b"UID",
        b"UID NOOP",
        b"NOOP now",
        b"STATUS a ()",
        b'LOGIN "kim\\n" pw',
        b'SELECT "a',
        b"SELECT a\x00b",
        b"ID (a)",
        b"",
        b" NOOP",
    ],
)
def test_bad_syntax_is_bad(line: bytes) -> None:
    events, _ = selected(b"a " + line + b"\r\nb NOOP\r\n")
    assert [event.tag for event in events] == [b"a", b"b"]
    assert events[0].status == b"BAD"


def test_or_chains_are_flat() -> None:
    """Clients look for many Message-IDs so; it must not nest."""
    chain = b"OR SUBJECT x " * 150 + b"ALL"
    (event,), _ = selected(b"a SEARCH " + chain + b"\r\n")
    assert len(event.key.keys) == 151


PIECES = st.sampled_from(
    [
        b"a ", b"b UID ", b"NOOP", b"LOGIN ", b"FETCH 1:* ", b"SEARCH ", b"APPEND ",
        b"INBOX ", b"(", b")", b'"', b"{3}\r\n", b"{3+}\r\n", b"{0+}\r\n", b"abc",
        b"{70000+}\r\n", b"\r\n", b"\r", b"\n", b"\\Seen", b" ", b"IDLE\r\n", b"DONE",
        b"AUTHENTICATE PLAIN\r\n", b"BODY[1]<0.5>", b"x" * 8180, b"&AGE-", b"\xff\x00",
        b"STARTTLS\r\n", b"CATENATE (", b"URL /a/;UID=1", b"TEXT ",
        b"UTF8 (", b"~{4+}\r\n",
        b"REPLACE 1 ", b"{1001}\r\n", b"OR ", b"NOT ", b"1,2:*", b"a CAPABILITY\r\n",
        b"*",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    pieces=st.lists(PIECES, max_size=14),
    state=st.sampled_from(list(STEPS)),
    cuts=st.lists(st.integers(0, 200), max_size=5),
)
def test_where_packets_split_does_not_matter(
    pieces: list[bytes], state: State, cuts: list[int]
) -> None:
    """Any octets give events and nothing else; how they were cut is not seen."""
    data = b"".join(pieces)
    if b"STARTTLS" in data:
        data, _, _ = data.partition(b"STARTTLS\r\n")
    whole = run(machine_in(state), data)
    points = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    parts = [data[a:b] for a, b in itertools.pairwise(points)]
    assert run(machine_in(state), *parts) == whole
    if len(data) < 600:
        assert run(machine_in(state), *(data[i : i + 1] for i in range(len(data)))) == (
            whole
        )


@settings(max_examples=200, deadline=None)
@given(pieces=st.lists(PIECES | st.binary(max_size=20), max_size=14))
def test_no_octets_break_the_machine(pieces: list[bytes]) -> None:
    run(machine_in(State.SELECTED), *pieces)
    run(machine_in(State.NOT_AUTHENTICATED), *pieces)


def test_every_command_value_has_a_row() -> None:
    made = {
        type(run(machine_in(state), line_of(name))[0][0])
        for name, rule in COMMANDS.items()
        for state in rule.states
        if name not in STREAMING
    }
    assert made <= {
        value
        for value in vars(commands).values()
        if isinstance(value, type) and issubclass(value, Command)
    }
