"""The server machine: messages cut anywhere, and the table of its states."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.protocol_imap.test_imap_machine import (
    STEPS,
    line_of,
    machine_in,
    run,
)

from pyeonji.protocol.imap.commands import (
    ASKED,
    Append,
    AppendEnded,
    Command,
    MessageBegun,
    MessageChunk,
    MessageForm,
    Noop,
    Refused,
    TextPart,
    UrlPart,
)
from pyeonji.protocol.imap.parse_append import COMMANDS as STREAMING
from pyeonji.protocol.imap.states import NEXT, State, Step
from pyeonji.protocol.imap.table import COMMANDS
from pyeonji.protocol.machine import CLOSED, Status

if TYPE_CHECKING:
    from pyeonji.protocol.imap.server import ServerMachine

Made = tuple[bytes, list[Any]]
"""Octets, and the events that they are."""

CONTENTS = st.sampled_from(
    [
        b"", b"a", b"x LOGOUT\r\n", b")\r\nx LOGOUT\r\n", b"{5+}\r\n", b"\r\n\r\n",
        b"\r", b"\n", b'"', b"\\", b"\xed\x8e\xb8", b"+ \r\n", b"~{3}\r\nabc",
        b"A: b\r\n\r\nhello\r\n", b"x" * 900,
    ]
)  # fmt: skip
BINARY = st.sampled_from([b"\0", b"a\0\r\n\0x LOGOUT\r\n", b"\0" * 300])
HEADS: list[tuple[bytes, dict[str, Any]]] = [
    (b"", {}),
    (b"(\\Seen $x) ", {"flags": (b"\\Seen", b"$x")}),
    (b'"17-Jul-1996 02:44:25 -0700" ', {"internal_date": 837596665}),
    (
        b'() " 1-Jan-1970 00:00:00 +0000" ',
        {"internal_date": 0},
    ),
]
URLS: list[Made] = [
    (b'"/INBOX/;UID=1"', [UrlPart(url=b"/INBOX/;UID=1")]),
    (b"/a/;UID=2", [UrlPart(url=b"/a/;UID=2")]),
    (b"{9+}\r\n/b\r\nUID=)", [UrlPart(url=b"/b\r\nUID=)")]),
]


def literal(octets: bytes, *, waits: bool, binary: bool = False) -> bytes:
    head = b"%b{%d%b}\r\n" % (
        b"~" if binary else b"",
        len(octets),
        b"" if waits else b"+",
    )
    return head + octets


def chunk(octets: bytes) -> list[Any]:
    return [MessageChunk(octets)] if octets else []


@st.composite
def parts(draw: st.DrawFn, *, waits: bool) -> Made:
    """A part of CATENATE (RFC 4469 §3)."""
    kind = draw(st.sampled_from(["URL", "TEXT", "UTF8"]))
    if kind == "URL":
        url, events = draw(st.sampled_from(URLS))
        return b"URL " + url, events
    octets = draw(CONTENTS)
    sent = literal(octets, waits=waits, binary=kind == "UTF8")
    told = TextPart(size_octets=len(octets), utf8=kind == "UTF8")
    text = b"UTF8 (%b)" % sent if kind == "UTF8" else b"TEXT " + sent
    return text, [told, *chunk(octets)]


@st.composite
def messages(draw: st.DrawFn, *, waits: bool) -> Made:
    """A message of APPEND in any of its forms, and its events, the head first."""
    head, facts = draw(st.sampled_from(HEADS))
    form = draw(st.sampled_from(MessageForm))
    if form is MessageForm.CATENATE:
        made = draw(st.lists(parts(waits=waits), min_size=1, max_size=4))
        text = b" ".join(octets for octets, _ in made)
        begun = MessageBegun(form=form, **facts)
        events = [event for _, events in made for event in events]
        return b" %bCATENATE (%b)" % (head, text), [begun, *events]
    binary = form is not MessageForm.LITERAL
    octets = draw(CONTENTS | BINARY if binary else CONTENTS)
    sent = literal(octets, waits=waits, binary=binary)
    if form is MessageForm.UTF8:
        sent = b"UTF8 (%b)" % sent
    begun = MessageBegun(form=form, size_octets=len(octets), **facts)
    return b" " + head + sent, [begun, *chunk(octets)]


@st.composite
def appends(draw: st.DrawFn, *, waits: bool) -> Made:
    """APPEND with one or several messages (RFC 3502), then NOOP."""
    made = draw(st.lists(messages(waits=waits), min_size=1, max_size=3))
    name = draw(st.sampled_from([b"INBOX", b'"inbox"', b"{5+}\r\nINBOX"]))
    octets = b"a APPEND " + name + b"".join(text for text, _ in made) + b"\r\n"
    first, *rest = [event for _, events in made for event in events]
    begins_with_parts = first.form is MessageForm.CATENATE
    append = Append(
        tag=b"a", mailbox="INBOX", first=first, waits=waits or begins_with_parts
    )
    return octets + b"b NOOP\r\n", [append, *rest, AppendEnded(), Noop(tag=b"b")]


def pieces_of(octets: bytes, cuts: list[int]) -> list[bytes]:
    points = sorted({cut % (len(octets) + 1) for cut in cuts} | {0, len(octets)})
    return [octets[a:b] for a, b in itertools.pairwise(points)]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@settings(max_examples=200, deadline=None)
@given(made=st.booleans().flatmap(lambda waits: appends(waits=waits)), cuts=CUTS)
def test_messages_may_be_cut_anywhere(made: Made, cuts: list[int]) -> None:
    """MULTIAPPEND, literal8 and CATENATE are what they are in any packets."""
    octets, events = made
    whole = run(machine_in(State.AUTHENTICATED), octets)
    assert whole[0] == events
    assert run(machine_in(State.AUTHENTICATED), *pieces_of(octets, cuts)) == whole
    if len(octets) < 1000:
        singly = [octets[i : i + 1] for i in range(len(octets))]
        assert run(machine_in(State.AUTHENTICATED), *singly) == whole


def refusing(machine: ServerMachine, packets: list[bytes], at: int) -> list[Any]:
    """Events where the session refuses what is asked the `at`th time."""
    events: list[Any] = []
    asked = 0
    for packet in packets:
        machine.receive_data(packet)
        while not isinstance(event := machine.next_event(), Status):
            events.append(event)
            if isinstance(event, ASKED):
                if asked == at:
                    machine.refuse_message()
                else:
                    machine.accept_message()
                asked += 1
    return events


@settings(max_examples=200, deadline=None)
@given(made=appends(waits=False), cuts=CUTS, at=st.integers(0, 5))
def test_nothing_of_a_refused_message_is_executed(
    made: Made, cuts: list[int], at: int
) -> None:
    """What was announced is skipped whole, however it comes (RFC 7888 §4)."""
    octets, events = made
    packets = pieces_of(octets, cuts)
    found = refusing(machine_in(State.AUTHENTICATED), packets, at)
    asks = [n for n, event in enumerate(events) if isinstance(event, ASKED)]
    if at < len(asks):
        events = [*events[: asks[at] + 1], events[-1]]
    chunks = b"".join(e.octets for e in found if isinstance(e, MessageChunk))
    wanted = b"".join(e.octets for e in events if isinstance(e, MessageChunk))
    assert chunks == wanted
    assert [e for e in found if not isinstance(e, MessageChunk)] == [
        e for e in events if not isinstance(e, MessageChunk)
    ]


# -- states


@pytest.mark.parametrize("state", STEPS)
@pytest.mark.parametrize("name", sorted(STREAMING))
def test_messages_come_after_login_only(name: bytes, state: State) -> None:
    """APPEND after login, REPLACE in a mailbox (RFC 8508 §3); else all is skipped."""
    number = b"" if name == b"APPEND" else b" 1"
    octets = b"t %b%b a {12+}\r\nx LOGOUT\r\n\r\n\r\nu NOOP\r\n" % (name, number)
    events, _ = run(machine_in(state), octets)
    if state in COMMANDS[name].states:
        assert isinstance(events[0], Append)
        assert events[1:-1] == [MessageChunk(b"x LOGOUT\r\n\r\n"), AppendEnded()]
    else:
        assert [(e.tag, e.status) for e in events[:-1]] == [(b"t", b"BAD")]
    assert events[-1] == Noop(tag=b"u")


@pytest.mark.parametrize("state", STEPS)
@pytest.mark.parametrize("step", Step)
def test_the_machine_moves_by_the_table(state: State, step: Step) -> None:
    """A step that the table does not have is the session's mistake (RFC 3501 §3)."""
    machine = machine_in(state)
    following = NEXT.get((state, step))
    if following is None:
        with pytest.raises(KeyError):
            machine.advance(step)
        assert machine.state is state
        return
    machine.advance(step)
    assert machine.state is following
    if following is State.LOGOUT:
        machine.receive_data(b"a NOOP\r\n")
        assert machine.next_event() is CLOSED


MOVES = st.lists(st.sampled_from(Step), max_size=8)


@settings(deadline=None)
@given(moves=MOVES, name=st.sampled_from(sorted(set(COMMANDS) - STREAMING)))
def test_what_is_allowed_depends_on_the_state_alone(
    moves: list[Step], name: bytes
) -> None:
    """However the state was reached: no command is let through by its history."""
    machine = machine_in(State.NOT_AUTHENTICATED)
    for step in moves:
        if (machine.state, step) in NEXT:
            machine.advance(step)
    machine.receive_data(line_of(name))
    event = machine.next_event()
    if machine.state is State.LOGOUT:
        assert event is CLOSED
    elif machine.state in COMMANDS[name].states:
        assert isinstance(event, Command)
    else:
        assert isinstance(event, Refused)
        assert event.status == b"BAD"
