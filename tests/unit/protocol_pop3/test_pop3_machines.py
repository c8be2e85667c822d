"""The POP3 machines against the table, each other, and hostile peers."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED, Status
from pyeonji.protocol.pop3 import ClientMachine, Offer, ServerMachine, State, Text, Verb
from pyeonji.protocol.pop3 import client as said
from pyeonji.protocol.pop3 import commands as asked
from pyeonji.protocol.pop3.dots import DotStuffer, DotUnstuffer
from pyeonji.protocol.pop3.server import MAX_COMMAND
from pyeonji.protocol.pop3.state import NEXT

ARGUMENT = {
    Verb.USER: b" kim",
    Verb.PASS: b" secret",
    Verb.APOP: b" kim " + b"0" * 32,
    Verb.AUTH: b" PLAIN",
    Verb.RETR: b" 1",
    Verb.TOP: b" 1 0",
    Verb.DELE: b" 1",
}
OFFER = Offer(stls=True, mechanisms=("PLAIN",), timestamp="<1@x>")


def server_events(*pieces: bytes) -> tuple[list[object], bytes]:
    """Events and replies when every question is answered +OK."""
    machine = ServerMachine(OFFER)
    events: list[object] = []
    for piece in pieces:
        machine.receive_data(piece)
        while not isinstance(event := machine.next_event(), Status):
            events.append(event)
            machine.ok(Text.DONE)
        if event is PAUSED:
            break
    return events, machine.data_to_send()


@pytest.mark.parametrize(("state", "verb"), list(product(State, Verb)))
def test_every_pair_moves_by_the_table_or_is_refused(state: State, verb: Verb) -> None:
    """RFC 1939 §3: a command that the state does not know is refused."""
    if state in (State.CLOSED, State.SASL, State.UPDATE):
        return  # where no command line is read
    machine = ServerMachine(OFFER)
    machine.state = state
    machine.data_to_send()
    machine.receive_data(verb.value + ARGUMENT.get(verb, b"") + b"\r\n")
    event = machine.next_event()
    if (state, verb) not in NEXT:
        assert event is NEED_DATA
        assert machine.data_to_send() == b"-ERR not now\r\n"
        assert machine.state is state
    elif isinstance(event, Status):
        assert machine.data_to_send().startswith(b"+OK ")
        assert machine.state is NEXT[state, verb][0]
    elif verb is Verb.QUIT:
        assert machine.state.name == "UPDATE"
        machine.ok(Text.BYE)
        assert machine.next_event() is CLOSED
    else:
        machine.err(Text.BAD_CREDENTIALS)
        assert machine.state is NEXT[state, verb][1]


PIECES = st.sampled_from(
    [
        b"USER kim",
        b"PASS x",
        b"STAT",
        b"QUIT",
        b"CAPA",
        b"LANG ko",
        b" ",
        b"\xff",
        b"\x00",
        b"x" * (MAX_COMMAND - 2),
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n",
        b"AUTH PLAIN",
        b"*",
    ]
)


@given(pieces=st.lists(PIECES, max_size=12))
def test_where_packets_split_does_not_matter(pieces: list[bytes]) -> None:
    """Commands are lines, however they come."""
    data = b"".join(pieces)
    whole = server_events(data)
    assert whole == server_events(*pieces)
    assert whole == server_events(*(data[i : i + 1] for i in range(len(data))))


def test_overlong_lines_are_refused_once_and_skipped() -> None:
    """RFC 2449 §4: 255 octets, CRLF included."""
    line = b"USER " + b"k" * (MAX_COMMAND - 7)
    assert server_events(line + b"\r\n")[1].endswith(b"+OK now the password\r\n")
    replies = server_events(line + b"k\r\nCAPA\r\n")[1].split(b"\r\n")
    assert replies[1:3] == [b"-ERR line too long", b"+OK capabilities follow"]


def test_only_crlf_ends_a_line() -> None:
    """RFC 1939 §3; a lone LF is an octet like others, and none of a name."""
    assert server_events(b"USER kim\nPASS x\r\n")[1].endswith(b"-ERR bad argument\r\n")


LINES = st.lists(
    st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r", b"\n", b".\r\n", b"\xff"])
)


@given(chunks=LINES, cuts=st.lists(st.integers(0, 60)))
def test_dots_come_back_as_they_went(chunks: list[bytes], cuts: list[int]) -> None:
    """RFC 1939 §3: stuffed in any chunks, un-stuffed in any chunks."""
    message = b"".join(chunks)
    stuffer = DotStuffer()
    wire = b"".join(stuffer.stuff(c) for c in chunks) + stuffer.end()
    whole = DotStuffer()
    assert wire == whole.stuff(message) + whole.end()
    assert b"\n.\r\n" not in wire[:-3]  # nor for who reads LF as a line's end
    unstuffer, got, rest = DotUnstuffer(), b"", None
    edges = sorted({0, *(c for c in cuts if c < len(wire)), len(wire)})
    for start, end in pairwise(edges):
        assert rest is None
        octets, rest = unstuffer.take(wire[start:end])
        got += octets
    assert rest == b""
    if b"\n." not in message.replace(b"\r\n", b""):
        assert got == message if message.endswith(b"\r\n") or not message else True
        assert got.removesuffix(b"\r\n") == message.removesuffix(b"\r\n")


def answer(machine: ServerMachine, event: object, message: bytes) -> None:
    match event:
        case asked.RetrAsked() | asked.TopAsked():
            machine.begin(Text.MESSAGE)
            machine.body(message)
            machine.end()
        case asked.ListAsked(number=None):
            machine.begin(Text.LISTING)
            machine.lines(b"".join(b"%d 7\r\n" % n for n in range(1, 2501)))
            machine.end()
        case asked.UidlAsked(number=None):
            machine.begin(Text.LISTING)
            machine.lines(b"1 1.1\r\n2 1.2\r\n")
            machine.end()
        case asked.StatAsked():
            machine.answer(b"2 14")
        case asked.AuthAsked():
            machine.challenge(b"hello")
        case _:
            machine.ok(Text.DONE)


def talk(client: ClientMachine, server: ServerMachine, message: bytes) -> list[object]:
    """Carry octets until both are still; what the client heard."""
    heard: list[object] = []
    while True:
        server.receive_data(sent := client.data_to_send())
        while not isinstance(event := server.next_event(), Status):
            answer(server, event, message)
        client.receive_data(got := server.data_to_send())
        while not isinstance(event2 := client.next_event(), Status):
            heard.append(event2)
        if not sent and not got:
            return heard


def test_the_client_reads_what_the_server_writes() -> None:
    """All commands at once (RFC 2449 §6.6), replies in their order."""
    client, server = ClientMachine(), ServerMachine(OFFER)
    message = b".a\r\n" * 50_000
    heard = talk(client, server, message)
    assert heard == [
        said.Greeted(ok=True, text="Pyeonji POP3 ready <1@x>", timestamp="<1@x>")
    ]
    client.capa()
    client.auth("PLAIN")
    heard = talk(client, server, message)
    assert heard[-1] == said.Challenged(b"hello")
    assert client.capabilities is not None
    assert client.capabilities["SASL"] == "PLAIN"
    client.respond(b"\0kim\0secret")
    client.stat()
    client.list()
    client.uidl()
    client.retr(1)
    client.top(1, 0)
    client.dele(1)
    client.quit()
    heard = talk(client, server, message)
    kinds = [e for e in heard if isinstance(e, said.Replied | said.Ended)]
    assert [e.verb.name for e in kinds] == (
        [
            "AUTH",
            "STAT",
            "LIST",
            "LIST",
            "UIDL",
            "UIDL",
            "RETR",
            "RETR",
            "TOP",
            "TOP",
            "DELE",
            "QUIT",
        ]
    )
    chunks = [e.octets for e in heard if isinstance(e, said.BodyChunk)]
    assert b"".join(chunks) == message * 2
    listed = [e.entries for e in heard if isinstance(e, said.Listed)]
    assert sum(len(entries) for entries in listed) == 2502
    assert listed[-1] == ((1, "1.1"), (2, "1.2"))
    assert client.waiting == 0


def test_response_codes_are_taken_apart() -> None:
    """RFC 2449 §8."""
    client = ClientMachine()
    client.password("x")
    client.receive_data(b"+OK hi\r\n-ERR [IN-USE] busy [now]\r\n")
    client.next_event()
    reply = client.next_event()
    assert reply == said.Replied(
        verb=Verb.PASS, ok=False, code="IN-USE", text="busy [now]"
    )


@pytest.mark.parametrize("text", ["kim\r\nDELE 1", "kim\nQUIT", "k\0"])
def test_no_argument_becomes_a_command(text: str) -> None:
    """CR, LF and NUL are refused before anything is sent."""
    client = ClientMachine()
    with pytest.raises(said.UnsafeArgument):
        client.user(text)
    assert client.data_to_send() == b""


def test_words_before_tls_are_not_believed() -> None:
    """RFC 2595 §4: replies injected after +OK to STLS end the session."""
    client = ClientMachine()
    client.receive_data(b"+OK hi\r\n")
    client.next_event()
    client.stls()
    client.receive_data(b"+OK go\r\n+OK evil\r\n")
    with pytest.raises(said.RemoteProtocolError):
        client.next_event()
    assert client.next_event() is CLOSED


@pytest.mark.parametrize("challenge", [b"+ YW!Jj", b"+ =YWJ", b"+ YWJ"])
def test_a_challenge_that_is_not_base64_is_cancelled(challenge: bytes) -> None:
    """Nothing in it is passed over, and nothing secret is said (RFC 5034 §4)."""
    client = ClientMachine()
    client.receive_data(b"+OK hi\r\n")
    client.next_event()
    client.auth("PLAIN", b"x" * 183)
    assert client.data_to_send() == b"AUTH PLAIN\r\n"
    client.receive_data(challenge + b"\r\n")
    assert client.next_event() is NEED_DATA
    assert client.data_to_send() == b"*\r\n"
    client.receive_data(b"-ERR cancelled\r\n")
    assert client.next_event() == said.Replied(
        verb=Verb.AUTH, ok=False, code="", text="cancelled"
    )
    client.stat()
    assert client.data_to_send() == b"STAT\r\n"


def test_a_long_initial_response_waits_to_be_asked() -> None:
    """The command has 255 octets at most (RFC 5034 §4)."""
    client = ClientMachine()
    client.receive_data(b"+OK hi\r\n")
    client.next_event()
    client.auth("PLAIN", b"x" * 180)
    assert len(client.data_to_send()) == 253
    client.receive_data(b"-ERR no\r\n")
    client.next_event()
    client.auth("PLAIN", b"x" * 183)
    assert client.data_to_send() == b"AUTH PLAIN\r\n"
    client.receive_data(b"+ \r\n")
    assert client.next_event() is NEED_DATA
    assert client.data_to_send() == b"eHh4" * 61 + b"\r\n"
    client.receive_data(b"+OK\r\n")
    assert client.next_event() == said.Replied(
        verb=Verb.AUTH, ok=True, code="", text=""
    )


def test_apop_prepares_name_and_secret() -> None:
    """RFC 6856 §2.2: composed and decomposed letters are the same secret."""
    sent = []
    for secret in ("\u00e9", "e\u0301"):
        client = ClientMachine()
        client.receive_data(b"+OK <1@x>\r\n")
        client.next_event()
        client.apop("kim", secret)
        sent.append(client.data_to_send())
        with pytest.raises(said.UnsafeArgument):
            client.apop("kim", "\u2028")
    assert sent[0] == sent[1]


HOSTILE = st.sampled_from(
    [
        b"+OK",
        b"-ERR",
        b" ",
        b"\r\n",
        b"\r\n",
        b".",
        b".\r\n",
        b"+ ",
        b"[",
        b"]",
        b"1 2",
        b"+OK hi\r\n",
        b"x" * 9000,
        b"\xff",
        b"<a@b>",
        b"99999999999999999999",
    ]
)


@given(pieces=st.lists(HOSTILE, max_size=15), which=st.integers(0, 6))
def test_hostile_replies_raise_only_what_is_documented(
    pieces: list[bytes], which: int
) -> None:
    """And the same however they are cut."""

    def run(*data: bytes) -> list[object]:
        client = ClientMachine()
        for send in (
            client.capa,
            client.list,
            client.uidl,
            lambda: client.retr(1),
            lambda: client.auth("PLAIN"),
            client.lang,
            client.stat,
        )[which:]:
            send()
        heard: list[object] = []
        try:
            for piece in data:
                client.receive_data(piece)
                while not isinstance(event := client.next_event(), Status):
                    heard.append(event)
        except said.RemoteProtocolError:
            heard.append("broken")
        bodies = b"".join(e.octets for e in heard if isinstance(e, said.BodyChunk))
        kept = [e for e in heard if not isinstance(e, said.BodyChunk | said.Listed)]
        return [bodies, *kept]

    whole = b"".join(pieces)
    assert run(whole)[1:][-1:] == run(*pieces)[1:][-1:]
    assert run(whole) == run(*pieces)
