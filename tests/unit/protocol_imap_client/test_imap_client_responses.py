"""Responses as servers of several makes write them; the samples are made up."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.message.prepare import prepare
from pyeonji.protocol.imap import client as imap
from pyeonji.protocol.imap.client import (
    Capabilities,
    ClientMachine,
    Counted,
    Exists,
    Fetched,
    Found,
    Listed,
    RemoteProtocolError,
    Streamed,
    Summed,
    Tagged,
    Threaded,
    Told,
    Vanished,
)
from pyeonji.protocol.imap.client.values import parse_values
from pyeonji.protocol.machine import CLOSED, Status

_ODD = 'BODY[HEADER.FIELDS ("]" a)]'


def heard(*pieces: bytes, stream_above: int = 65_536) -> list[object]:
    """Events of a session whose greeting has been read."""
    machine = ClientMachine(stream_above=stream_above)
    machine.receive_data(b"* OK hi\r\n")
    machine.next_event()
    for _ in range(3):
        machine.send(imap.commands.noop())
    events: list[object] = []
    for piece in pieces:
        machine.receive_data(piece)
        while not isinstance(event := machine.next_event(), Status):
            events.append(event)
    return events


def one(data: bytes) -> object:
    (event,) = heard(data + b"\r\n")
    return event


def fetched(data: bytes) -> Fetched:
    event = one(data)
    assert isinstance(event, Fetched)
    return event


def test_select_as_dovecot_says_it() -> None:
    """RFC 3501 §7.1, §7.2, §7.3."""
    events = heard(
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded)\r\n"
        b"* OK [PERMANENTFLAGS (\\Answered \\Seen \\*)] Flags permitted.\r\n"
        b"* 172 EXISTS\r\n* 0 RECENT\r\n"
        b"* OK [UIDVALIDITY 3857529045] UIDs valid\r\n"
        b"* OK [HIGHESTMODSEQ 63] Highest\r\n"
        b"a1 OK [READ-WRITE] Select completed (0.001 + 0.000 secs).\r\n"
    )
    told = [e for e in events if isinstance(e, Told)]
    assert told[0].arguments == (["\\Answered", "\\Seen", "\\*"],)
    assert [t.number for t in told[1:]] == [3857529045, 63]
    assert Exists(172) in events
    assert isinstance(events[-1], Tagged)
    assert events[-1].told.code == "READ-WRITE"


def test_mailboxes() -> None:
    """RFC 3501 §7.2.2, §5.1.3; RFC 6154: names both ways, quoted, atom, literal."""
    events = heard(
        b'* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/&vPSwuA- &07jJwNVo-"\r\n'
        b"* LIST (\\HasChildren) NIL inbox\r\n"
        b'* LIST (\\Noselect) "\\\\" {5}\r\na"b&c\r\n'
        b'* LSUB () "." [Gmail]/All\r\n'
    )
    assert all(isinstance(e, Listed) for e in events)
    sent, inbox, strange, lsub = (e for e in events if isinstance(e, Listed))
    assert (sent.name, sent.special_use) == ("[Gmail]/보낸 편지함", "\\sent")
    assert sent.wire_name == b"[Gmail]/&vPSwuA- &07jJwNVo-"
    assert (inbox.name, inbox.delimiter) == ("INBOX", "")
    assert (strange.name, strange.delimiter) == ('a"b&c', "\\")
    assert not strange.selectable
    assert (lsub.name, lsub.subscription) == ("[Gmail]/All", True)


def test_status_search_and_what_vanished() -> None:
    """RFC 3501 §7.2.4, §7.2.5; RFC 4731; RFC 7162 §3.2.10."""
    assert one(b'* STATUS "&07jJwA-" (MESSAGES 2 UNSEEN 1 X-GUID abc)') == Counted(
        name="편지",
        wire_name=b"&07jJwA-",
        counters={"MESSAGES": 2, "UNSEEN": 1},
        others={"X-GUID": "abc"},
    )
    assert one(b"* SEARCH") == Found(())
    assert one(b"* SEARCH 2 3 6 ") == Found((2, 3, 6))
    assert one(b"* SEARCH 2 3 (MODSEQ 917)") == Found((2, 3), 917)
    assert one(b'* ESEARCH (TAG "a1") UID COUNT 3 ALL 1:2,9') == Summed(
        tag="a1", by_uid=True, count=3, numbers=(1, 2, 9)
    )
    assert one(b"* ESEARCH") == Summed()
    assert one(b"* ESEARCH UID PARTIAL (-1:-5 NIL) ODD (a b)") == Summed(
        by_uid=True, partial=("-1:-5", ()), others={"ODD": ["a", "b"]}
    )
    assert one(b"* THREAD (2)(3 6 (4 23)(44 7 96))") == Threaded(
        ((2,), (3, 6, (4, 23), (44, 7, 96)))
    )
    assert one(b"* THREAD ((3)(5))") == Threaded((((3,), (5,)),))
    assert one(b"* VANISHED (EARLIER) 41,43:45") == Vanished((41, 43, 44, 45), True)


def test_capabilities_from_everywhere() -> None:
    """RFC 3501 §7.1, §7.2.1: untagged, or as a code."""
    machine = ClientMachine()
    machine.receive_data(b"* OK [CAPABILITY IMAP4rev1 idle] hi\r\n")
    machine.next_event()
    assert machine.capabilities == frozenset({"IMAP4REV1", "IDLE"})
    assert one(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN") == Capabilities(
        frozenset({"IMAP4REV1", "AUTH=PLAIN"})
    )


def test_fetch_as_gmail_and_exchange_say_it() -> None:
    """Unknown items are kept; quirks get the nearest sense."""
    event = fetched(
        b'* 7 FETCH (X-GM-THRID 1278455344230334865 X-GM-LABELS ("\\\\Inbox" "a b") '
        b'UID 12 RFC822.SIZE 4711 INTERNALDATE "17-Jul-1996 02:44:25 -0700" '
        b"FLAGS () MODSEQ (624140003))"
    )
    assert (event.uid, event.size_octets, event.flags) == (12, 4711, ())
    assert (event.internal_date, event.mod_seq) == (837596665, 624140003)
    assert event.others["X-GM-LABELS"] == [b"\\Inbox", b"a b"]
    assert fetched(b'* 1 FETCH (INTERNALDATE "31-Feb-2024 99:00:00")').uid is None
    assert fetched(b"* 1 FETCH (FLAGS (\\Seen) )").flags == ("\\Seen",)


def test_sections_inline_quoted_and_nil() -> None:
    """RFC 3501 §7.4.2: nstring; quotes around header names don't matter."""
    event = fetched(
        b'* 1 FETCH (BODY[HEADER.FIELDS ("TO")] "a\\"b" BODY[2] NIL BODY[1]<0> {3}\r\n'
        b"x)y BODY[TEXT] {0}\r\n)"
    )
    assert event.sections == {
        "BODY[HEADER.FIELDS (TO)]": b'a"b',
        "BODY[2]": None,
        "BODY[1]<0>": b"x)y",
        "BODY[TEXT]": b"",
    }


def test_large_literals_come_in_chunks() -> None:
    """What is larger than the limit is never kept."""
    body = b"x" * 200_000
    events = heard(
        b"* 5 FETCH (BODY[] {200000}\r\n" + body + b" UID 9)\r\n", stream_above=1000
    )
    began, *chunks, ended, last = events
    assert began == imap.LiteralBegan(number=5, section="BODY[]", octets=200_000)
    assert all(isinstance(c, imap.LiteralChunk) for c in chunks)
    assert (
        b"".join(c.octets for c in chunks if isinstance(c, imap.LiteralChunk)) == body
    )
    assert ended == imap.LiteralEnded()
    assert isinstance(last, Fetched)
    assert (last.uid, last.sections) == (9, {"BODY[]": Streamed(200_000)})


def test_envelope() -> None:
    """RFC 3501 §7.4.2: octets as they came, text decoded, groups."""
    event = fetched(
        b'* 1 FETCH (ENVELOPE ("Mon, 7 Feb 1994 21:52:25 -0800" '
        b'"=?utf-8?B?7Y647KeA?=" (("=?utf-8?B?6rmA?=" NIL "kim" "example.test")) '
        b"NIL NIL ((NIL NIL {4}\r\nteam NIL)(NIL NIL NIL NIL)) NIL NIL NIL "
        b'"<1@example.test>"))'
    )
    envelope = event.envelope
    assert envelope is not None
    assert envelope.subject_text == "편지"
    assert envelope.from_[0].display_name == "김"
    assert envelope.from_[0].address == "kim@example.test"
    assert envelope.to[0].begins_group
    assert envelope.to[1].ends_group
    assert envelope.message_id == b"<1@example.test>"


LETTER = (
    b"From: =?utf-8?B?6rmA?= <kim@example.test>\r\nSubject: two\r\n"
    b"Message-ID: <2@example.test>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n'
    b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: "
    b"multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\na\r\n--c\r\nContent-Type:"
    b" text/html\r\n\r\nb\r\n--c--\r\n--b\r\nContent-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename*=utf-8''%ED%8E%B8%EC%A7%80.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
)


def test_what_we_store_the_client_reads() -> None:
    """ENVELOPE and BODYSTRUCTURE as our own server prepares them."""
    ready = prepare(LETTER)
    event = fetched(
        b"* 1 FETCH (ENVELOPE " + ready.envelope + b" BODYSTRUCTURE "
        + ready.body_structure + b")"
    )  # fmt: skip
    assert event.envelope is not None
    assert event.envelope.from_[0].display_name == "김"
    root = event.structure
    assert root is not None
    assert [(p.path, p.media_type) for p in root.walk()] == [
        ("", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "message/rfc822"),
        ("2", "multipart/alternative"),
        ("2.1", "text/plain"),
        ("2.2", "text/html"),
        ("3", "application/pdf"),
    ]
    assert root.children[1].envelope is not None
    assert root.children[1].envelope.subject == b"inner"
    assert root.children[2].filename == "편지.pdf"
    assert root.children[2].disposition == "attachment"


@pytest.mark.parametrize(
    "structure",
    [
        b'("TEXT" "PLAIN" NIL NIL NIL "7BIT")',
        b'("message" "rfc822" NIL NIL NIL "7bit" 100)',
        b'("image" "png" ("name") NIL NIL NIL NIL NIL "inline")',
        b'((("a" "b")) )',
        b"(())",
        b"(NIL NIL NIL)",
    ],
)
def test_broken_structures_get_the_nearest_sense(structure: bytes) -> None:
    assert fetched(b"* 1 FETCH (BODYSTRUCTURE " + structure + b")").number == 1


def test_a_brace_in_text_is_no_literal() -> None:
    """A human-readable text may end like the announcement of a literal."""
    assert one(b"* OK see {10}") == Told(condition=imap.Condition.OK, text="see {10}")


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH " + b"(" * 1000,
        b"* 1 FETCH (FLAGS",
        b"* LIST (",
        b"* LIST )",
        b'* LIST () "/',
        b"zzz OK done",
        b"a1 MAYBE done",
        b"+ go",
        b"* 1 FETCH (BODY[] {99999999999999999}",
        b"* VANISHED 1:4000000000",
        b"hello",
    ],
)
def test_what_cannot_be_followed_ends_the_session(data: bytes) -> None:
    """RemoteProtocolError, once, and CLOSED after it."""
    machine = ClientMachine()
    machine.receive_data(b"* OK hi\r\n")
    machine.next_event()
    machine.send(imap.commands.noop())
    machine.receive_data(data + b"\r\n")
    with pytest.raises(RemoteProtocolError):
        machine.next_event()
    assert machine.next_event() is CLOSED


PIECES = st.sampled_from(
    [
        b"* ",
        b"1 FETCH (",
        b"FLAGS ",
        b"(",
        b")",
        b"BODY[] ",
        b"{3}\r\n",
        b"{0}\r\n",
        b"abc",
        b'"',
        b"\\",
        b"[",
        b"]",
        b" ",
        b"\r\n",
        b"\r\n",
        b"NIL",
        b"ENVELOPE (",
        b"BODYSTRUCTURE ((",
        b"a1 OK x",
        b"OK [",
        b"LIST () ",
        b"1:3",
        b"\xff",
        b"+ ",
        b"~{2}\r\n",
        b"VANISHED ",
        b"STATUS x (",
        b"SEARCH 1 ",
        b"NAMESPACE ((",
        b"\r",
    ]
)


@given(pieces=st.lists(PIECES, max_size=20), stream=st.sampled_from([1, 100]))
def test_hostile_responses_raise_only_what_is_documented(
    pieces: list[bytes], stream: int
) -> None:
    """And mean the same wherever they are cut."""

    def run(data: list[bytes]) -> list[object]:
        events: list[object] = []
        machine = ClientMachine(stream_above=stream)
        machine.receive_data(b"* OK hi\r\n")
        machine.next_event()
        machine.send(imap.commands.noop())
        try:
            for piece in data:
                machine.receive_data(piece)
                while not isinstance(event := machine.next_event(), Status):
                    if isinstance(event, imap.LiteralChunk) and isinstance(
                        events[-1], imap.LiteralChunk
                    ):
                        event = imap.LiteralChunk(events.pop().octets + event.octets)  # type: ignore[attr-defined]
                    events.append(event)
        except RemoteProtocolError as error:
            events.append(str(error))
        return events

    whole = b"* " + b"".join(pieces)
    expected = run([whole])
    assert run([whole[i : i + 1] for i in range(len(whole))]) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"* 1 FETCH (" + b"BODY[" * 100_000 + b"\r\n",
        b"* 1 FETCH (" + b"[ " * 100_000 + b")\r\n",
        b"* 1 FETCH (" + b'"' + b"\\" * 300_000 + b"\r\n",
        b"* 1 FETCH (" + b"() " * 100_000 + b")\r\n",
        b"* SEARCH " + b"1 " * 300_000 + b"\r\n",
        b"* OK [" + b"[" * 300_000 + b"\r\n",
        b"* LIST " + b"BODY[" * 10_000 + b" {9}\r\n",
        b"* 1 FETCH (" + b"BODY[x {1}\r\nx" * 5_000 + b"\r\n",
    ],
)
def test_time_grows_no_faster_than_the_response(data: bytes) -> None:
    with cpu_time_below(5.0), contextlib.suppress(RemoteProtocolError):
        heard(data)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"(a[b $c)", [["a[b", "$c"]]),
        (b"([b BODY[])", [["[b", "BODY[]"]]),
        (b'(BODY[HEADER.FIELDS ("]" a)]<0> "x")', [[_ODD + "<0>", b"x"]]),
        (b"binary.peek[1.2] NIL", ["binary.peek[1.2]", None]),
    ],
)
def test_brackets(text: bytes, values: list[object]) -> None:
    """A flag may have one (RFC 3501 §9: atom); a section's end is not in a string."""
    assert parse_values([text]) == values
