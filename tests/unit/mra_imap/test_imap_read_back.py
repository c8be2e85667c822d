"""What we write, our client and another's parser read back (RFC 3501 §7).

Pure writers get anything that may stand there; the rest is asked of a whole
server whose mailboxes have hostile names.
"""

from __future__ import annotations

import asyncio
import random
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.imap_utf7 import decode as decode_utf7
from imapclient.response_parser import (
    parse_fetch_response,
    parse_message_list,
    parse_response,
)
from tests.transcripts.imap.imap_play import LETTER, PARTED, Stage, stage
from tests.unit.mra_imap.imap_answers import as_imaplib, read, responses, tags_of

from pyeonji.mra.imap import metadata
from pyeonji.mra.imap.search_results import (
    correlated_mailbox,
    correlator,
    extended,
    number_set,
    plain,
    window,
)
from pyeonji.mra.imap.threads import Forest
from pyeonji.protocol.imap import client as imap
from pyeonji.protocol.imap import responses as write
from pyeonji.protocol.imap.client import ClientMachine, commands
from pyeonji.protocol.imap.commands import ReturnOption, Returns, StatusItem
from pyeonji.protocol.machine import Status
from pyeonji.storage.errors import BadMailboxName
from pyeonji.storage.names import mailbox_name

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE: Final = "\"\\&%*(){}[]~ -+,!#;:<>|'`^$=@?._aZ09"
KOREAN: Final = "가힣편지함ㄱ한글"
LETTERS: Final = st.sampled_from(HOSTILE + KOREAN + "éß日😀\u0301\u200f\xa0/")
ODD_NAMES: Final = (
    "NIL", "nil", "1", "0123", "a[b", "a]b", "{3}", "{3+}", "~", "~{1}", "&", "&-",
    "&AGE-", '"', '""', "\\", '\\"', "%", "*", "(", ")", " ", "  a  ", "편지함",
    "받은 편지함/2026", "a/b", "INBOX/x", "é a" * 60, "😀", "OK", "* OK", "+",
    "x" * 255, "CHILDINFO",
)  # fmt: skip


@st.composite
def names(draw: st.DrawFn) -> str:
    """Any name that a mailbox may have."""
    text = draw(st.text(LETTERS, min_size=1, max_size=30) | st.sampled_from(ODD_NAMES))
    try:
        return mailbox_name(text)
    except BadMailboxName:
        return "x"


def by_client(line: bytes, word: bytes = b"LIST") -> Any:
    (event,) = read(line, word)
    return event


def by_imapclient(line: bytes, word: bytes) -> tuple[Any, ...]:
    (records,) = as_imaplib(line, word)
    found: tuple[Any, ...] = parse_response(records)
    return found


# -- writers


@given(name=names(), old=names(), utf8=st.booleans())
def test_any_name_is_read_back(name: str, old: str, *, utf8: bool) -> None:
    """In modified UTF-7 or UTF-8, as an atom, quoted or a literal (§5.1.3)."""
    tell: Callable[[str], bytes] = write.utf8_mailbox if utf8 else write.mailbox
    line = b'* LIST (\\HasChildren) "/" %b ("OLDNAME" (%b))\r\n' % (
        tell(name),
        tell(old),
    )
    listed = by_client(line)
    assert listed.delimiter == "/"
    if utf8:  # which our client does not ask for: names are told as they came
        assert listed.wire_name.decode() == name
    else:
        assert (listed.name, listed.old_name) == (name, old)
    found = by_imapclient(line, b"LIST")
    told = found[2] if isinstance(found[2], bytes) else b"%d" % found[2]
    assert found[:2] == ((b"\\HasChildren",), b"/")
    assert name == (told.decode() if utf8 else decode_utf7(told))


@given(numbers=st.lists(st.integers(1, 2**32 - 1), max_size=20), mod_seq=st.integers(0))
def test_search_and_sort_are_read_back(numbers: list[int], mod_seq: int) -> None:
    """RFC 3501 §7.2.5, RFC 5256 §4, RFC 7162 §3.1.5."""
    mod_seq %= 2**63
    for word in (b"SEARCH", b"SORT"):
        line = plain(word, numbers, mod_seq)
        told = mod_seq if numbers and mod_seq else None
        assert by_client(line, word) == imap.Found(tuple(numbers), told)
        (records,) = as_imaplib(line, word)
        found = parse_message_list(records)
        assert list(found) == numbers
        assert found.modseq == told


OPTIONS: Final = tuple(set(ReturnOption) - {ReturnOption.SAVE, ReturnOption.PARTIAL})


@given(
    found=st.lists(st.integers(1, 2**32 - 1), unique=True, max_size=20),
    options=st.sets(st.sampled_from(OPTIONS)),
    partial=st.none() | st.tuples(st.integers(-9, 9), st.integers(0, 9)),
    name=st.none() | names(),
    tag=st.text("ab1!;'[]~", min_size=1, max_size=20),
    by_uid=st.booleans(),
    mod_seq=st.integers(0, 2**63 - 1),
)
def test_esearch_is_read_back(
    found: list[int],
    options: set[ReturnOption],
    partial: tuple[int, int] | None,
    name: str | None,
    tag: str,
    *,
    by_uid: bool,
    mod_seq: int,
) -> None:
    """RFC 4731 §3.1, RFC 5267 §4.3, RFC 7377 §2.1, RFC 9394 §3.1."""
    if partial is not None and partial[0]:
        sign = 1 if partial[0] > 0 else -1
        partial = partial[0], partial[0] + sign * partial[1]
        options.add(ReturnOption.PARTIAL)
    else:
        partial = None
    options = options or {ReturnOption.ALL}
    mailbox = correlated_mailbox(write.mailbox(name), 7) if name else b""
    line = extended(
        correlator(tag.encode(), mailbox),
        found,
        Returns(frozenset(options), partial),
        by_uid=by_uid,
        mod_seq=mod_seq,
        scores=[5] * len(found),
    )
    summed = by_client(line, b"ESEARCH")
    assert (summed.tag, summed.by_uid, summed.mailbox) == (tag, by_uid, name)
    assert summed.minimum == (
        found[0] if found and ReturnOption.MIN in options else None
    )
    assert summed.maximum == (
        found[-1] if found and ReturnOption.MAX in options else None
    )
    assert summed.count == (len(found) if ReturnOption.COUNT in options else None)
    assert list(summed.numbers) == (found if ReturnOption.ALL in options else [])
    assert summed.mod_seq == (mod_seq if mod_seq and found else None)
    inside = found
    if partial is None:
        assert summed.partial is None
    else:
        start, stop = window(partial, len(found))
        inside = found[start:stop]
        assert summed.partial == (f"{partial[0]}:{partial[1]}", tuple(inside))
    if ReturnOption.RELEVANCY in options:
        assert summed.others["RELEVANCY"] == ["5"] * len(inside)
    others = by_imapclient(line, b"ESEARCH")
    rest = others[2:] if by_uid else others[1:]
    pairs = dict(zip(rest[::2], rest[1::2], strict=True))
    if found and ReturnOption.ALL in options:
        assert str_of(pairs[b"ALL"]) == number_set(found).decode()
    if partial is not None:
        part = number_set(inside).decode() if inside else None
        told = pairs[b"PARTIAL"][1]
        assert (told if told is None else str_of(told)) == part


def str_of(value: bytes | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@st.composite
def forests(draw: st.DrawFn) -> tuple[Forest, tuple[Any, ...]]:
    """Threads, and what they are as nested tuples."""
    count = draw(st.integers(0, 25))
    parents = [draw(st.integers(-1, max(-1, n - 1))) for n in range(count)]
    children: dict[int, list[int]] = defaultdict(list)
    for child, parent in enumerate(parents):
        if parent >= 0:
            children[parent].append(child)
    tops = [n for n in range(count) if parents[n] < 0]
    roots: list[int | list[int]] = []
    while tops:
        size = draw(st.integers(1, 3))
        group, tops = tops[:size], tops[size:]
        roots.append(group if len(group) > 1 else group[0])

    def nested(one: int) -> tuple[Any, ...]:
        below = children.get(one, [])
        if len(below) == 1:
            return (one + 1, *nested(below[0]))
        return (one + 1, *map(nested, below))

    expected = tuple(
        tuple(map(nested, root)) if isinstance(root, list) else nested(root)
        for root in roots
    )
    return Forest(roots, dict(children)), expected


@given(forests())
def test_threads_are_read_back(made: tuple[Forest, tuple[Any, ...]]) -> None:
    """RFC 5256 §4, THREAD response."""
    forest, expected = made
    written = forest.write(range(1, 100))
    line = b"* THREAD %b\r\n" % written if written else b"* THREAD\r\n"
    assert by_client(line, b"THREAD") == imap.Threaded(expected)
    assert by_imapclient(line, b"THREAD") == expected


ENTRY: Final = st.text("abz019/-_", max_size=12).map(lambda text: f"/shared/v{text}")


@given(
    values=st.dictionaries(ENTRY, st.none() | st.binary(max_size=40), min_size=1),
    name=names(),
)
def test_metadata_is_read_back(values: dict[str, bytes | None], name: str) -> None:
    """RFC 5464 §4.4.1: NIL, quoted, literal, literal8 (our client only)."""
    line = metadata.line(write.mailbox(name), values.items())
    event = by_client(line, b"METADATA")
    assert event.name == "METADATA"
    told, pairs = event.values
    octets = told if isinstance(told, bytes) else told.encode()
    assert imap.mailbox_name(octets) == name
    found = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert {e: None if v is None else bytes(v) for e, v in found.items()} == values


# -- a whole server


def random_names(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    found = {mailbox_name(name) for name in ODD_NAMES}
    while len(found) < count:
        text = "".join(chance.choice(HOSTILE + KOREAN + "é😀/") for _ in range(8))
        try:
            found.add(mailbox_name(unicodedata.normalize("NFC", text)))
        except BadMailboxName:
            continue
    return sorted(found)


class Both:
    """Our client's commands to our server."""

    def __init__(self, system: Stage) -> None:
        self.client = system.client()
        self.machine = ClientMachine()

    async def come(self, *, utf8: bool) -> None:
        self.machine.receive_data(bytes(self.client.transport.heard))
        self.client.transport.heard.clear()
        await self.do(commands.login("kim@example.test", "secret"))
        if utf8:
            heard = await self.client.ask(b"u ENABLE UTF8=ACCEPT\r\n")
            assert b"u OK" in heard

    async def do(self, asked: commands.Command, upload: bytes = b"") -> list[Any]:
        tag = self.machine.send(asked)
        events: list[Any] = []
        for _ in range(50):
            heard = await self.client.ask(self.machine.data_to_send())
            self.machine.receive_data(heard)
            while not isinstance(event := self.machine.next_event(), Status):
                events.append(event)
                if isinstance(event, imap.UploadWanted):
                    self.machine.upload(upload)
                if isinstance(event, imap.Tagged) and event.tag == tag:
                    return events
        raise AssertionError(events)


async def furnish(system: Stage, names: list[str]) -> None:
    both = Both(system)
    await both.come(utf8=False)
    for at, name in enumerate(names):
        assert (await both.do(commands.create(name)))[-1].ok, name
        if at % 3 == 0:
            assert (await both.do(commands.subscribe(name)))[-1].ok, name
        if at % 4 == 0:
            assert (await both.do(commands.append(name, len(LETTER)), LETTER))[-1].ok
    events = await both.do(commands.create("보낸 것", special_use="\\Sent"))
    assert events[-1].ok
    both.client.transport.close()


STATUS_ITEMS: Final = b" ".join(
    item.value for item in StatusItem if item is not StatusItem.RECENT
)
QUERIES: Final = (
    b'LIST "" "*"',
    b'LSUB "" "*"',
    b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"',
    b'LIST (SPECIAL-USE) "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)',
    b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN MYRIGHTS STATUS (%b) METADATA '
    b"(/shared/comment))" % STATUS_ITEMS,
)


@pytest.mark.parametrize("utf8", [False, True])
def test_mailboxes_are_read_back(*, utf8: bool) -> None:
    """LIST with all that it can return, LSUB and STATUS (RFC 5258, RFC 5819)."""
    made = random_names(7, 120)

    async def run() -> None:
        async with stage() as system:
            await furnish(system, made)
            both = Both(system)
            await both.come(utf8=utf8)
            heard = {asked: await both.client.ask(b"q " + asked + b"\r\n")
                     for asked in QUERIES}  # fmt: skip
            for asked, answer in heard.items():
                assert b"\r\nq OK" in answer, (asked, answer[-200:])
                word = asked.split(b" ", 1)[0]
                ours = read(answer, word)
                assert names_by_imapclient(answer, word, utf8=utf8) == [
                    name_of(listed, utf8=utf8) for listed in ours
                ]
            check_lists(heard, made, utf8=utf8)
            check_counters(heard[QUERIES[-1]], made, utf8=utf8)

    asyncio.run(run())


def names_by_imapclient(answer: bytes, word: bytes, *, utf8: bool) -> list[str]:
    names = []
    for records in as_imaplib(answer, word):
        name = parse_response(records)[2]
        octets = name if isinstance(name, bytes) else b"%d" % name
        names.append(octets.decode() if utf8 else decode_utf7(octets))
    return names


def name_of(event: Any, *, utf8: bool) -> str:
    name = event.wire_name.decode() if utf8 else event.name
    return str(name)


def check_lists(heard: dict[bytes, bytes], made: list[str], *, utf8: bool) -> None:
    """Every mailbox once, subscribed ones as such, parents with their children."""
    everything, subscribed, above, used, returned = (
        {
            name_of(listed, utf8=utf8): listed
            for listed in read(answer, asked.split(b" ", 1)[0])
        }
        for asked, answer in heard.items()
    )
    missing = set(made) - set(everything)
    assert not missing
    wanted = set(made[::3])
    assert wanted <= set(subscribed)
    for name in wanted:
        top = name.partition("/")[0]
        if top != name and top not in wanted and "/" not in name[len(top) + 1 :]:
            assert "SUBSCRIBED" in above[top].extended["CHILDINFO"]
    assert used["보낸 것"].special_use == "\\sent"
    for name in made:
        assert ("\\subscribed" in returned[name].attributes) == (name in wanted)


def check_counters(answer: bytes, made: list[str], *, utf8: bool) -> None:
    counted = {name_of(one, utf8=utf8): one for one in read(answer, b"STATUS")}
    for at, name in enumerate(made):
        event = counted[name]
        assert isinstance(event, imap.Counted)
        messages = 1 if at % 4 == 0 else 0
        assert event.counters["MESSAGES"] == messages
        assert event.counters["UIDNEXT"] == messages + 1
        assert event.counters["SIZE"] == messages * len(LETTER)
        (identity,) = cast("list[str]", event.others["MAILBOXID"])
        assert identity
    for records in as_imaplib(answer, b"STATUS"):
        name, pairs = parse_response(records)
        octets = name if isinstance(name, bytes) else b"%d" % name
        text = octets.decode() if utf8 else decode_utf7(octets)
        others = dict(zip(pairs[::2], pairs[1::2], strict=True))
        assert others[b"UIDNEXT"] == counted[text].counters["UIDNEXT"]


FETCHED: Final = (
    b"ALL", b"FULL", b"(UID FLAGS MODSEQ)", b"BODY[]", b"BODY.PEEK[1.MIME]<3.7>",
    b"(PREVIEW EMAILID THREADID)", b"(PREVIEW (LAZY) SAVEDATE)", b"RFC822",
    b"BODY.PEEK[HEADER.FIELDS (FROM {2+}\r\nTO)]", b"BODY[HEADER.FIELDS.NOT (X)]",
    b"(ENVELOPE BODYSTRUCTURE)", b"BODY[2.TEXT]",
)  # fmt: skip


def test_imapclient_reads_what_fetch_says() -> None:
    """Every item, by another's parser (RFC 3501 §7.4.2)."""

    async def run() -> None:
        async with stage() as system:
            client = system.client()
            await client.log_in()
            for octets in (LETTER, PARTED):
                head = b"x APPEND INBOX {%d+}\r\n" % len(octets)
                assert b"x OK" in await client.ask(head + octets + b"\r\n")
            await client.ask(b"s SELECT INBOX\r\n")
            for items in FETCHED:
                heard = await client.ask(b"f UID FETCH 1:* " + items + b"\r\n")
                assert b"f OK" in heard, heard
                assert tags_of(heard) == [b"f"]
                records: list[Any] = []
                for number in (b"1", b"2"):
                    (told,) = as_imaplib(heard, number + b" FETCH")
                    records += [number, *told]
                parsed = parse_fetch_response(records)
                assert set(parsed) == {1, 2}, (items, parsed)

    asyncio.run(run())


def test_our_client_and_our_server() -> None:
    """What one writes the other reads: APPEND, FETCH, and the rest of a session."""

    async def run() -> None:
        async with stage() as system:
            both = Both(system)
            await both.come(utf8=False)
            await both.do(commands.append("INBOX", len(PARTED)), PARTED)
            await both.do(commands.select("INBOX"))
            events = await both.do(
                commands.fetch("1:*", ["UID", "FLAGS", "BODY.PEEK[]", "ENVELOPE"])
            )
            (fetched,) = [e for e in events if isinstance(e, imap.Fetched)]
            assert fetched.uid == 1
            assert PARTED in fetched.sections.values()

    asyncio.run(run())


def test_responses_are_cut_at_their_literals() -> None:
    """The helper that all this stands on: a literal may look like a response."""
    heard = b"* 1 FETCH (BODY[] {9}\r\nq OK no\r\n)\r\n* OK see {10}\r\nq OK done\r\n"
    assert responses(heard) == [
        [b"* 1 FETCH (BODY[] ", b"q OK no\r\n", b")"],
        [b"* OK see {10}"],
        [b"q OK done"],
    ]
