"""Searches of headers say the same before and after texts are made."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.engines import Engine, World, new_message

from pyeonji.base.clock import SystemClock
from pyeonji.message.fields import common_fields
from pyeonji.message.prepare import prepare
from pyeonji.message.text import normalise, one_line, storable
from pyeonji.storage import query as q
from pyeonji.storage.embedded.rawheaders import RawHeaders
from pyeonji.storage.embedded.texts import has_field, texts_of

VALUES = st.sampled_from(
    [
        b"Kim", b"kim@example.test", b" ", b"  ", b"\t", b"\r\n ", b"\r\n\t", b"\n ",
        b"=?utf-8?q?K=49m?=", b"=?utf-8?b?7Y647KeA?=", b"\xed\x8e\xb8\xec\xa7\x80",
        b"\xff", b"\0", b"KIM", b":", b",", b"\xef\xbc\xab", b"a", b".", b"\r",
    ]
)  # fmt: skip
NAMES = st.sampled_from([b"From", b"to", b"SUBJECT", b"X-Other", b"From ", b"No colon"])
FIELDS = st.tuples(NAMES, st.lists(VALUES, max_size=5).map(b"".join)).map(b":".join)
HEADERS = st.lists(FIELDS, max_size=5).map(
    lambda fields: b"".join(field + b"\r\n" for field in fields) + b"\r\n"
)
TEXTS = st.sampled_from(
    ["kim", "Kim k", "im@", "", " ", "편지", "K", "kimkim", "a.", "kim kim", ":", ","]
)


@settings(max_examples=300)
@given(
    st.lists(HEADERS, min_size=1, max_size=4),
    st.sampled_from(["from", "to", "subject", "x-other", "x-none", "\u20ac"]),
    TEXTS,
)
def test_headers_as_they_are_say_what_texts_say(
    headers: list[bytes], name: str, text: str
) -> None:
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE fields (message INTEGER PRIMARY KEY, octets)")
    connection.execute("CREATE TABLE heads (message INTEGER PRIMARY KEY, header)")
    messages = [header + b"body" for header in headers]
    for number, octets in enumerate(messages):
        header = octets[: prepare(octets).header_octets]
        kept_fields = (number, common_fields(header))
        connection.execute("INSERT INTO fields VALUES (?, ?)", kept_fields)
        connection.execute("INSERT INTO heads VALUES (?, ?)", (number, header))
    wanted = storable(normalise(one_line(text)))

    raw = RawHeaders(connection, list(range(len(headers))))  # type: ignore[arg-type]

    assert raw.holding(name, wanted) == [
        number
        for number, octets in enumerate(messages)
        if has_field(texts_of(octets)[0], name, wanted)
    ]


@pytest.mark.parametrize("made", [False, True])
def test_with_and_without_texts(tmp_path: Path, made: bool) -> None:
    """All of a mailbox, a part of it, or none has its texts when it is searched."""

    async def scenario(world: World) -> None:
        inbox = await world.mail.mailbox("INBOX")

        async def found(query: q.Query) -> list[int]:
            return list(await world.mail.search(inbox.id, query))

        async def put(sender: bytes, subject: bytes) -> None:
            octets = b"From: %b\r\nSubject: %b\r\n\r\nwords\r\n" % (sender, subject)
            await world.mail.append(inbox.id, [new_message(octets)])

        await put(b"kim@example.test", b"plum")
        await put(b"lee@example.test", b"=?utf-8?q?pl=75m?=")
        if made:
            assert await found(q.BodyContains(text="words")) == [1, 2]
        await put(b"Kim <k@example.test>", b"fig")
        await put(b"=?utf-8?q?k=69m?= <k@example.test>", b"fig and plum")
        kim = q.AddressContains(field="from", text="KIM")
        plum = q.SubjectContains(text="Plum")
        assert await found(kim) == [1, 3, 4]
        assert await found(q.Not(kim)) == [2]
        assert await found(q.And((kim, plum))) == [1, 4]
        assert await found(q.Or((q.Not(plum), q.UidIn([(2, 2)])))) == [2, 3]
        assert await found(q.HeaderContains(name="X-None", text="")) == []
        assert await found(q.Not(q.HeaderContains(name="Subject", text=""))) == []
        assert not world.mail.file.texts_until or made
        assert await found(q.And((kim, q.BodyContains(text="words")))) == [1, 3, 4]

    Engine(tmp_path / "data", SystemClock()).run(scenario)
