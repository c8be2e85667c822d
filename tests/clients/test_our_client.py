"""Our own client library and Debian's Dovecot, over TLS: nothing of ours answers."""

from __future__ import annotations

import asyncio
import unicodedata
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.clients.dovecot import Dovecot
from tests.clients.letters import BODIES, KOREAN, letter, new_token, token_of
from tests.running import PASSWORD

from pyeonji.mua.agent.errors import LoginRefused, NotFound
from pyeonji.mua.agent.imap import ImapSession
from pyeonji.mua.agent.pop3 import Pop3Session
from pyeonji.protocol.imap.client import commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from pyeonji.mua.agent.letters import News
    from pyeonji.mua.agent.profiles import Tls

TLS = pytest.mark.parametrize("tls", ["starttls", "implicit"])


@pytest.fixture(scope="module", params=["scram-sha-256 plain", "plain"])
def dovecot(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(request.param) as running:
        yield running


@pytest.fixture
def user(dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user whose mailboxes are empty; the certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(dovecot.certificate))
    return dovecot.new_user()


@asynccontextmanager
async def imap(
    dovecot: Dovecot, user: str, tls: Tls = "implicit"
) -> AsyncIterator[ImapSession]:
    async with asyncio.timeout(30):
        session = await ImapSession.open(dovecot.where("imap", tls), user, PASSWORD)
        try:
            yield session
        finally:
            await session.close()


async def pop3(dovecot: Dovecot, user: str, tls: Tls = "implicit") -> Pop3Session:
    return await Pop3Session.open(dovecot.where("pop3", tls), user, PASSWORD)


async def fill(dovecot: Dovecot, user: str, *letters: bytes) -> None:
    async with imap(dovecot, user) as session:
        for each in letters:
            await session.append("INBOX", each, [])


@TLS
def test_every_letter_goes_and_comes(dovecot: Dovecot, user: str, tls: Tls) -> None:
    """APPEND, SELECT, list of the last ones, FETCH of all octets."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}

    async def run() -> None:
        async with imap(dovecot, user, tls) as session:
            for octets in sent.values():
                await session.append("INBOX", octets, [r"\Flagged"])
            assert await session.select("INBOX") == len(sent)
            latest = await session.latest(1000)
            assert [one.subject for one in latest] == list(sent)
            for one in latest:
                octets = await session.octets(one.id)
                assert octets == sent[token_of(octets)]
                assert one.size_octets == len(octets)
                assert one.from_ == "kim@example.test"
                assert one.message_id == f"<{one.subject}@example.test>"
                assert r"\Flagged" in one.flags
                assert r"\Seen" not in one.flags
            assert [one.id for one in await session.latest(2)] == [
                one.id for one in latest[-2:]
            ]
            first = latest[0].id
            header = await session.octets(first, section="HEADER", seen=True)
            assert sent[latest[0].subject].startswith(header)
            [seen] = await session.summaries([first])
            assert r"\Seen" in seen.flags
            with pytest.raises(NotFound):
                await session.octets(latest[-1].id + 100)

    asyncio.run(run())


def test_folders_with_korean_names(dovecot: Dovecot, user: str) -> None:
    """Made by a move, listed with counters, found however its name is composed."""
    tokens = [new_token() for _ in range(3)]

    async def run() -> None:
        async with imap(dovecot, user) as session:
            for token in tokens:
                await session.append("INBOX", letter("euc-kr", token), [])
            await session.select("INBOX")
            uids = [one.id for one in await session.latest(10)]
            await session.move(uids[:2], KOREAN, create=True)
            assert [one.subject for one in await session.latest(10)] == tokens[2:]
            folders = {one.name: one for one in await session.folders(counters=True)}
            assert folders.keys() == {"INBOX", "Sent", "받은편지", KOREAN}
            assert folders[KOREAN].counters == {"MESSAGES": 2, "UNSEEN": 2}
            assert folders[KOREAN].delimiter == "/"
            assert r"\sent" in folders["Sent"].attributes
            assert await session.select(KOREAN, read_only=True) == 2
            assert [one.subject for one in await session.latest(10)] == tokens[:2]
            # as a Mac writes it: each syllable in pieces
            assert await session.select(unicodedata.normalize("NFD", KOREAN)) == 2
            with pytest.raises(NotFound):
                await session.select("없는편지함")
            folder = await session.resolve(KOREAN)
            await session.append(folder, letter("dots", new_token()), [r"\Seen"])
            assert await session.select(KOREAN) == 3
            assert await session.sent_folder("") == b"Sent"

    asyncio.run(run())


def test_search(dovecot: Dovecot, user: str) -> None:
    """Keys with Korean words, numbers, NOT and OR."""
    tokens = [new_token() for _ in range(3)]

    async def run() -> None:
        async with imap(dovecot, user) as session:
            await session.append("INBOX", letter("utf-8", tokens[0]), [])
            await session.append("INBOX", letter("large", tokens[1]), [r"\Seen"])
            await session.append("INBOX", letter("plain", tokens[2]), [r"\Answered"])
            await session.select("INBOX")
            korean, large, plain = [one.id for one in await session.latest(3)]
            found = session.search
            assert await found() == [korean, large, plain]
            assert await found(("BODY", "안녕하세요")) == [korean]
            assert await found(("SUBJECT", tokens[2])) == [plain]
            assert await found(("LARGER", 100_000)) == [large]
            assert await found("UNSEEN", ("NOT", "ANSWERED")) == [korean]
            either = ("OR", ("SUBJECT", tokens[0]), ("TEXT", "한 줄입니다"))
            assert await found(either) == [korean, large]
            assert await found(("BODY", "없는말")) == []

    asyncio.run(run())


def test_flags_copies_and_removal(dovecot: Dovecot, user: str) -> None:
    """STORE, COPY, and UID EXPUNGE of one that leaves another's mark alone."""
    tokens = [new_token() for _ in range(3)]

    async def run() -> None:
        async with imap(dovecot, user) as session:
            for token in tokens:
                await session.append("INBOX", letter("plain", token), [])
            await session.select("INBOX")
            uids = [one.id for one in await session.latest(3)]
            await session.flag(uids, "+", [r"\Seen", "$Work"])
            await session.flag(uids[1:], "-", ["$Work"])
            flags = [set(one.flags) - {r"\Recent"} for one in await session.latest(3)]
            assert flags == [{r"\Seen", "$Work"}, {r"\Seen"}, {r"\Seen"}]
            await session._do(commands.copy(uids[:1], "Sent"))
            await session.flag(uids[2:], "+", [r"\Deleted"])
            assert await session.delete(uids[1:2])
            assert await session.search() == [uids[0], uids[2]]
            assert await session.select("Sent") == 1
            [copied] = await session.latest(1)
            assert copied.subject == tokens[0]
            assert "$Work" in copied.flags

    asyncio.run(run())


def test_move_without_the_extension(
    dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 6851 §3.3 by hand: COPY, STORE, UID EXPUNGE."""

    async def run() -> None:
        async with imap(dovecot, user) as session:
            token = new_token()
            await session.append("INBOX", letter("plain", token), [])
            await session.select("INBOX")
            [one] = await session.latest(1)

            async def few() -> frozenset[str]:
                return frozenset({"IMAP4REV1", "UIDPLUS"})

            monkeypatch.setattr(session, "_capabilities", few)
            await session.move([one.id], KOREAN, create=True)
            assert await session.search() == []
            assert await session.select(KOREAN) == 1
            [moved] = await session.latest(1)
            assert moved.subject == token
            assert r"\Deleted" not in moved.flags

    asyncio.run(run())


def test_watching(dovecot: Dovecot, user: str) -> None:
    """IDLE tells new letters, flags and removals of another session."""

    async def run() -> None:
        async with imap(dovecot, user) as session, imap(dovecot, user) as other:
            await session.append("INBOX", letter("plain", new_token()), [])
            assert await session.select("INBOX") == 1
            assert await other.select("INBOX") == 1
            [first] = await other.latest(1)
            news = session.watch()

            async def until(wanted: Callable[[News], bool]) -> News:
                async with asyncio.timeout(15):
                    async for one in news:
                        if wanted(one):
                            return one
                raise AssertionError("it stopped watching")

            waiting = asyncio.ensure_future(until(lambda n: n.what == "exists"))
            await asyncio.sleep(0.3)
            await other.append("INBOX", letter("dots", new_token()), [])
            assert (await waiting).number == 2
            await other.flag([first.id], "+", [r"\Flagged"])
            flagged = await until(lambda n: r"\Flagged" in n.flags)
            assert flagged.number == 1
            await other.delete([first.id])
            assert (await until(lambda n: n.what == "expunged")).number == 1
            assert session.exists == other.exists == 1
            await news.aclose()  # type: ignore[attr-defined]

    asyncio.run(run())


@TLS
def test_pop3(dovecot: Dovecot, user: str, tls: Tls) -> None:
    """LIST, TOP, RETR of every letter; DELE is done by QUIT and by nothing else."""
    sent = {token: letter(name, token) for name in BODIES if (token := new_token())}

    async def run() -> None:
        await fill(dovecot, user, *sent.values())
        session = await pop3(dovecot, user, tls)
        sizes = await session.sizes()
        assert list(sizes.values()) == [len(octets) for octets in sent.values()]
        latest = await session.latest(1000)
        assert [one.subject for one in latest] == list(sent)
        for number, (token, octets) in enumerate(sent.items(), 1):
            told: list[int] = []
            got = await session.octets(number, told=told.append)
            assert got == octets, token
            assert told[-1] == len(octets)
        await session.delete([1])
        await session.abort()

        session = await pop3(dovecot, user, tls)
        assert await session.sizes() == sizes
        await session.delete([1, 3])
        with pytest.raises(NotFound):
            await session.octets(1)
        await session.close()

        session = await pop3(dovecot, user, tls)
        kept = [one.subject for one in await session.latest(1000)]
        tokens = list(sent)
        assert kept == [tokens[1], *tokens[3:]]
        await session.close()

    asyncio.run(run())


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_wrong_password(dovecot: Dovecot, user: str, protocol: str) -> None:
    kind: type[ImapSession | Pop3Session]
    kind = ImapSession if protocol == "imap" else Pop3Session

    async def run() -> None:
        with pytest.raises(LoginRefused):
            await kind.open(dovecot.where(protocol, "implicit"), user, "틀림 wrong")

    asyncio.run(run())
