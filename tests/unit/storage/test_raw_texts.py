"""Messages without texts are searched as if they had them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.contracts.engines import Engine, World, new_message

from pyeonji.base.clock import SystemClock
from pyeonji.message.prepare import prepare
from pyeonji.message.text import normalise, storable
from pyeonji.storage import query as q
from pyeonji.storage.embedded.octets import pack
from pyeonji.storage.embedded.rawtexts import RawTexts
from pyeonji.storage.embedded.texts import texts_of

PLAIN = [
    b"kim", b"Ki", b"m", b" ", b"\r\n", b"\r\n.", b"\r", b"\n", b"K=69m", b"=\r\n",
    b"=", b"==\r\n", b"= \r\n", b"a@b", b"0", b"\0", b"&", b";", b"-- ",
    b"\x1b$)C", b"\x0e", b"\x0f", b"+AGs-im", b"~{", b"a2lt", b"!/",
]  # fmt: skip
HIGH = [
    "편지".encode(), "편".encode(), "지".encode(), "편지".encode("euc-kr"), b"\xff",
    "ｋｉｍ".encode(), "\u212a".encode(), "ﬁ".encode(),
    "①".encode(), "Ä".encode("latin-1"),
]  # fmt: skip
MARKUP = [
    b"<b>", b"</b>", b"<p>", b"<br>", b'<a title="x>', b'">', b"<style>", b"</style>",
    b"<script>", b"</script>", b"<!--", b"-->", b"&#107;", b"&nbsp;", b"&amp;",
    b"&#39;", b"&ffilig;", b"&#x69", b"<table>", b"<td>", b"<![CDATA[",
    b"]]>", b"<", b">", b"<textarea>", b"<svg>", b"<wbr>", b"<title>", b"</title>",
    b"&shy;",
]  # fmt: skip
TYPES = [
    b"", b"text/plain", b"text/plain; charset=utf-8", b'TEXT/Plain; charset="euc-kr"',
    b"text/plain; charset=utf-7", b"text/plain; charset=hz-gb-2312", b"t(c)ext/html",
    b"text/plain; charset=utf-16be", b"text/plain; charset=iso-2022-kr",
    b"text/plain; charset=x-unknown", b"text/html", b"text/html; charset=utf-8",
    b"text/plain; charset=us-ascii; name=kim.txt", b"application/octet-stream",
    b"application/pdf; name*=utf-8''K%69m", b"message/rfc822", b"nonsense",
]  # fmt: skip
ENCODINGS = [
    b"", b"7bit", b"8bit", b"quoted-printable", b"base64", b"x-none",
    b"Q(c)uoted-PRINTABLE",
]  # fmt: skip
CONTENTS = st.lists(st.sampled_from(PLAIN + HIGH + MARKUP), max_size=8).map(b"".join)
ASCII = st.lists(st.sampled_from(PLAIN[:4] + MARKUP), max_size=8).map(b"".join)
FIELDS = st.sampled_from(
    [
        b"Subject: Kim",
        b"subject: =?utf-8?q?K=69m?=",
        b"X: a\r\n kim",
        b"Kim: x",
        b"X: k\rim",
        b"From : K@im",
        b"Subject: \xed\x8e\xb8\xec\xa7\x80",
        b"no colon",
        b"X: \x1b$)C",
        b"Content-Disposition: attachment; filename=kim",
        b"X: =?euc-kr?b?xu0=?=",
    ]
)


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    about = [draw(FIELDS)] if draw(st.booleans()) else []
    if given := draw(st.sampled_from(TYPES)):
        about.append(b"Content-Type: " + given)
    if encoding := draw(st.sampled_from(ENCODINGS)):
        about.append(b"content-transfer-encoding: " + encoding)
    about += [draw(FIELDS)] if draw(st.booleans()) else []
    end = draw(st.sampled_from([b"\r\n", b"\n", b""]))
    lines = b"".join(line + b"\r\n" for line in about)
    return lines + end + draw(CONTENTS | ASCII)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    if draw(st.booleans()):
        return draw(parts())
    kind = draw(st.sampled_from([b"mixed", b"alternative", b"digest", b"di(c)gest"]))
    name = draw(st.sampled_from([b"", b"; name=kim"]))
    inner = draw(st.lists(parts(), max_size=3))
    head = draw(FIELDS) + b"\r\nContent-Type: multipart/%b; boundary=b%b" % (kind, name)
    return head + b"\r\n\r\n--b\r\n" + b"\r\n--b\r\n".join(inner) + b"\r\n--b--\r\n"


TEXTS = st.sampled_from(
    [
        "kim",
        "ki",
        "m",
        "k",
        "",
        " ",
        "편지",
        "편",
        "a@b",
        "@",
        ":kim",
        "subject:kim",
        "kim.txt",
        "i",
        "fi",
        "1",
        "<b>",
        "&",
        ">",
        "\n",
        "kim\r\n",
        "\0",
        "\r",
        "ä",
        "kimkim",
        "im k",
        "\ufffd",
        "?",
        "-- ",
        "ﾴ",
        "b",
        "0",
    ]
)
PREFIXES = st.sampled_from([b"", b"Return-Path: <kim@example.test>\r\n"])


def search(prefix: bytes, octets: bytes, text: str, *, header: bool) -> bool:
    """What RawTexts says of one message, kept as messages are."""
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, prefix_size, parts);"
        "CREATE TABLE heads (message INTEGER PRIMARY KEY, header);"
        "CREATE TABLE bodies (message INTEGER PRIMARY KEY, octets, file, checksum)"
    )
    prepared = prepare(octets)
    head, body = octets[: prepared.header_octets], octets[prepared.header_octets :]
    message = (1, len(prefix), prepared.parts)
    connection.execute("INSERT INTO messages VALUES (?, ?, ?)", message)
    connection.execute("INSERT INTO heads VALUES (1, ?)", (prefix + head,))
    connection.execute("INSERT INTO bodies VALUES (1, ?, ?, ?)", pack(body))
    raw = RawTexts(connection, Path(), [1])  # type: ignore[arg-type]
    return raw.holding(text, header=header) == [1]


@settings(max_examples=600)
@given(PREFIXES, messages(), TEXTS, st.booleans())
@example(b"", b"Content-Type: text/html\r\n\r\nki<b>m</b>", "kim", False)
@example(b"", b"Content-Type: text/html\r\n\r\n<b>ki</b>&#109;", "kim", False)
@example(b"", b"Content-Type: text/html\r\n\r\n<table><td>m</td>ki", "kim", False)
@example(b"", b"Content-Type: text/html\r\n\r\nk\0im", "kim", False)
@example(b"A: b\r\n", b"no colon\r\nkim", "kim", False)
@example(b"A: b\r\n", b"\r\nkim", "kim", False)
def test_messages_say_what_their_texts_would_say(
    prefix: bytes, octets: bytes, text: str, header: bool
) -> None:
    wanted = storable(normalise(text))
    texts = texts_of(prefix + octets)

    held = any(wanted in each for each in texts[not header :])

    assert search(prefix, octets, wanted, header=header) == held


def test_large_messages_in_files(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        inbox = await world.mail.mailbox("INBOX")
        filler = b"words and words\r\n" * 20_000
        octets = b"Subject: plum\r\n\r\n" + filler + b"Quince\r\n"
        spool = world.store.mail.spool()
        spool.write(octets)
        large = replace(new_message(octets), content=await spool.finish())
        await world.mail.append(inbox.id, [large])
        assert list((tmp_path / "data").glob("accounts/*/blobs/*"))

        for text in ("quince", "plum"):
            assert list(await world.mail.search(inbox.id, q.TextContains(text=text)))
        assert not list(await world.mail.search(inbox.id, q.BodyContains(text="plum")))

    Engine(tmp_path / "data", SystemClock()).run(scenario)


@pytest.mark.parametrize("made", [0, 2, 4])
def test_with_and_without_texts(tmp_path: Path, made: int) -> None:
    """All of a mailbox, a part of it, or none has its texts when it is searched."""

    async def scenario(world: World) -> None:
        inbox = await world.mail.mailbox("INBOX")
        file = world.mail.file
        file._making_texts = True  # nobody makes them

        async def found(query: q.Query) -> list[int]:
            return list(await world.mail.search(inbox.id, query))

        pear, fig = q.BodyContains(text="Pear"), q.TextContains(text="FIG")
        for number, body in enumerate([b"pear", b"fig", b"pe=\r\nar and fig", b"p"]):
            head = b"Subject: fig\r\n" if number == 3 else b""
            head += b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
            await world.mail.append(inbox.id, [new_message(head + body)])
            if number == made - 1:
                many = q.Or(tuple(q.BodyContains(text=f"x{n}") for n in range(9)))
                assert await found(many) == []
        assert file.reader.execute("SELECT count(*) FROM texts").get == made

        assert await found(pear) == [1, 3]
        assert await found(fig) == [2, 3, 4]
        assert await found(q.Not(pear)) == [2, 4]
        assert await found(q.And((pear, fig))) == [3]
        assert await found(q.Or((q.Not(fig), pear))) == [1, 3]
        subject = q.SubjectContains(text="fig")
        assert await found(q.And((fig, q.Not(subject)))) == [2, 3]

    Engine(tmp_path / "data", SystemClock()).run(scenario)
