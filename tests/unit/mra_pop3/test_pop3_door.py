"""The POP3 door over loopback, asked by Python's own client."""

from __future__ import annotations

import asyncio
import poplib
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from pyeonji.base.clock import SetClock
from pyeonji.base.errors import PermanentError
from pyeonji.message.prepare import prepare
from pyeonji.mra import pop3
from pyeonji.mra.pop3.maildrop import Maildrop
from pyeonji.net.connection import Connection
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.mailboxes import NewMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pyeonji.storage.embedded import Store
    from pyeonji.storage.mailboxes import AccountStore

KIM = "kim@example.test"
PASSWORD = "비밀 열쇠"
SMALL = b"Subject: one\r\n\r\n.dot\r\n..two\r\nend\r\n"
LARGE = b"Subject: large\r\n\r\n" + b".line of a large letter\r\n" * 40_000


class House:
    """A running door with an account behind it."""

    def __init__(self, store: Store, account: AccountStore, port: int) -> None:
        self.store, self.account, self.port = store, account, port
        self.connections: list[Connection] = []

    async def fill(self, *messages: bytes) -> None:
        inbox = await self.account.mailbox("INBOX")
        await self.account.append(
            inbox.id,
            [
                NewMessage(content=m, prepared=prepare(m), internal_date=1)
                for m in messages
            ],
        )

    async def ask(
        self, talk: Callable[[poplib.POP3], Any], *, login: bool = True
    ) -> Any:
        """Run a client's side in a thread."""

        def run() -> Any:
            client = poplib.POP3("127.0.0.1", self.port, timeout=10)
            client.encoding = "UTF-8"
            try:
                if login:
                    client.user(KIM)
                    client.pass_(PASSWORD)
                return talk(client)
            finally:
                with suppress(OSError, poplib.error_proto):
                    client.close()

        return await asyncio.to_thread(run)


@asynccontextmanager
async def house(
    folder: Path, *, clock: SetClock | None = None, **more: Any
) -> AsyncIterator[House]:
    store = await open_store(folder, worker=0)
    authenticator = store.authenticator(legacy=True)
    await store.directory.add_domain(Domain(name="example.test"))
    made = await store.directory.add_account(
        KIM, make_credentials(PASSWORD, sealer=store.sealer)
    )
    loop = asyncio.get_running_loop()
    options = pop3.Options(
        hostname="pop.example.test", plaintext_auth=True, apop=True, **more
    )
    make = pop3.door(options, store.directory, store.mail, authenticator, clock=clock)
    ended = asyncio.Event()
    server = await loop.create_server(
        lambda: Connection(
            make, connection_id="t", loop=loop, on_end=lambda _: ended.set()
        ),
        "127.0.0.1",
        0,
    )
    port = server.sockets[0].getsockname()[1]
    running = House(store, await store.mail.account(made.id), port)
    try:
        yield running
    finally:
        server.close()
        await asyncio.sleep(0.05)
        authenticator.close()
        await store.close()


def test_letters_come_octet_for_octet(tmp_path: Path) -> None:
    """STAT, LIST, UIDL, RETR, TOP as RFC 1939 §5, §7 say; sizes are exact."""

    async def run() -> None:
        async with house(tmp_path) as running:
            await running.fill(SMALL, LARGE)

            def talk(client: poplib.POP3) -> None:
                assert client.stat() == (2, len(SMALL) + len(LARGE))
                sizes = [line.split() for line in client.list()[1]]
                assert sizes == [[b"1", b"%d" % len(SMALL)], [b"2", b"%d" % len(LARGE)]]
                ids = [line.split()[1] for line in client.uidl()[1]]
                assert len(set(ids)) == 2
                for number, letter in ((1, SMALL), (2, LARGE)):
                    lines = client.retr(number)[1]
                    assert b"\r\n".join(lines) + b"\r\n" == letter
                assert client.top(2, 1)[1] == LARGE.split(b"\r\n")[:3]
                assert client.top(1, 0)[1] == [b"Subject: one", b""]
                assert client.top(1, 10**9)[1] == SMALL.split(b"\r\n")[:-1]
                with pytest.raises(poplib.error_proto, match="no such message"):
                    client.retr(3)
                client.quit()

            await running.ask(talk)

    asyncio.run(run())


def test_only_quit_removes(tmp_path: Path) -> None:
    """RFC 1939 §6: marks are forgotten at RSET and when the client just leaves."""

    async def run() -> None:
        async with house(tmp_path) as running:
            await running.fill(SMALL, LARGE)

            def leave(client: poplib.POP3) -> None:
                client.dele(1)
                assert client.stat()[0] == 1
                with pytest.raises(poplib.error_proto):
                    client.dele(1)

            def reset(client: poplib.POP3) -> None:
                assert client.stat()[0] == 2
                client.dele(2)
                client.rset()
                client.quit()

            def remove(client: poplib.POP3) -> bytes:
                assert client.stat()[0] == 2
                client.dele(1)
                return client.quit()

            await running.ask(leave)
            await asyncio.sleep(0.1)
            await running.ask(reset)
            assert await running.ask(remove) == b"+OK bye"
            inbox = await running.account.mailbox("INBOX")
            assert inbox.exists == 1
            assert await running.ask(lambda c: c.stat()) == (1, len(LARGE))

    asyncio.run(run())


def test_one_session_at_a_time(tmp_path: Path) -> None:
    """RFC 1939 §4: the maildrop is locked; [IN-USE] says so (RFC 2449 §8.1.2)."""

    async def run() -> None:
        async with house(tmp_path) as running:

            def talk(client: poplib.POP3) -> None:
                other = poplib.POP3("127.0.0.1", running.port, timeout=10)
                other.encoding = "UTF-8"
                other.user(KIM)
                with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
                    other.pass_(PASSWORD)
                client.quit()
                other.user(KIM)
                other.pass_(PASSWORD)
                other.quit()

            await running.ask(talk)

    asyncio.run(run())


def test_apop_and_refusals(tmp_path: Path) -> None:
    """RFC 1939 §7 APOP; RFC 3206 §5: [AUTH] says that it is the credentials."""

    async def run() -> None:
        async with house(tmp_path) as running:

            def apop(client: poplib.POP3) -> None:
                client.apop(KIM, PASSWORD)
                client.quit()

            def wrong(client: poplib.POP3) -> None:
                client.user(KIM)
                with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
                    client.pass_("wrong")

            await running.ask(apop, login=False)
            await running.ask(wrong, login=False)

    asyncio.run(run())


def test_a_client_that_leaves_at_once_leaves_no_lock(tmp_path: Path) -> None:
    """RFC 1939 §4: the lock ends with the session, whenever that ends."""

    async def run() -> None:
        async with house(tmp_path) as running:

            def rude() -> None:
                with socket.create_connection(("127.0.0.1", running.port)) as s:
                    s.sendall(f"USER {KIM}\r\nPASS {PASSWORD}\r\n".encode())

            await asyncio.to_thread(rude)
            await asyncio.sleep(0.5)
            assert await running.ask(lambda c: c.stat()) == (0, 0)

    asyncio.run(run())


def test_many_commands_at_once(tmp_path: Path) -> None:
    """RFC 2449 §6.6: replies come in the order of the commands."""

    async def run() -> None:
        async with house(tmp_path) as running:
            await running.fill(*[b"Subject: %d\r\n\r\nx\r\n" % n for n in range(200)])

            def pipelined() -> bytes:
                with socket.create_connection(("127.0.0.1", running.port)) as s:
                    retr = "".join(f"RETR {n}\r\n" for n in range(1, 201))
                    login = f"USER {KIM}\r\nPASS {PASSWORD}\r\n"
                    s.sendall((login + retr + "QUIT\r\n").encode())
                    return b"".join(iter(lambda: s.recv(65536), b""))

            said = await asyncio.to_thread(pipelined)
            subjects = [x for x in said.split(b"\r\n") if x.startswith(b"Subject")]
            assert subjects == [b"Subject: %d" % n for n in range(200)]
            assert said.endswith(b"+OK bye\r\n")

    asyncio.run(run())


UTF8_LETTER = (
    "From: 김 <kim@example.test>, 이 <이@예.test>\r\nSubject: 편지 one\r\n"
    "Received: from 예.test\r\n\r\n본문\r\n"
).encode()


def test_utf8_headers_only_for_who_can_read_them(tmp_path: Path) -> None:
    """RFC 6856 §2.1: a surrogate in ASCII, or after UTF8 the letter itself."""

    async def run() -> None:
        async with house(tmp_path) as running:
            legacy = UTF8_LETTER.decode().encode("euc-kr")
            await running.fill(UTF8_LETTER, legacy)

            def plain(client: poplib.POP3) -> None:
                assert client.retr(1)[1] == [
                    b"From: =?UTF-8?B?6rmA?= <kim@example.test>,",
                    b" =?UTF-8?B?7J20IOydtEDsmIgudGVzdA==?=:;",
                    b"Subject: =?UTF-8?B?7Y647KeA?= one",
                    b"Received: from ???.test",
                    b"",
                    "본문".encode(),
                ]
                assert client.top(1, 0)[1][2] == b"Subject: =?UTF-8?B?7Y647KeA?= one"
                assert client.retr(2)[1] == legacy.split(b"\r\n")[:-1]

            def able(client: poplib.POP3) -> None:
                client.utf8()
                client.user(KIM)
                client.pass_(PASSWORD)
                assert client.retr(1)[1] == UTF8_LETTER.split(b"\r\n")[:-1]

            await running.ask(plain)
            await asyncio.sleep(0.1)
            await running.ask(able, login=False)

    asyncio.run(run())


def test_logins_may_not_come_too_fast(tmp_path: Path) -> None:
    """RFC 2449 §6.5, §8.1.1: LOGIN-DELAY is told and kept, over sessions."""

    async def run() -> None:
        clock = SetClock()
        async with house(tmp_path, clock=clock, login_delay_s=60.0) as running:

            def first(client: poplib.POP3) -> None:
                assert client.capa()["LOGIN-DELAY"] == ["60"]
                client.user(KIM)
                client.pass_(PASSWORD)
                client.quit()

            def second(client: poplib.POP3) -> None:
                client.user(KIM)
                with pytest.raises(poplib.error_proto, match=r"\[LOGIN-DELAY\]"):
                    client.pass_(PASSWORD)

            await running.ask(first, login=False)
            await running.ask(second, login=False)
            clock.advance(59)
            await running.ask(second, login=False)
            clock.advance(2)
            await running.ask(first, login=False)

    asyncio.run(run())


def test_retrieved_letters_expire(tmp_path: Path) -> None:
    """RFC 2449 §6.7: what was retrieved goes after so many days, at QUIT only."""

    async def run() -> None:
        clock = SetClock()
        async with house(tmp_path, clock=clock, expire_days=30) as running:
            for age in (40, 40, 10):
                inbox = await running.account.mailbox("INBOX")
                date = int(clock.time()) - age * 86400
                await running.account.append(
                    inbox.id,
                    [
                        NewMessage(
                            content=SMALL, prepared=prepare(SMALL), internal_date=date
                        )
                    ],
                )

            def retrieve(client: poplib.POP3) -> int:
                assert client.capa()["EXPIRE"] == ["30"]
                count = client.stat()[0]
                client.retr(1)
                client.retr(count)
                return count

            def gone(client: poplib.POP3) -> int:
                found = retrieve(client)
                client.quit()
                return found

            def count(client: poplib.POP3) -> int:
                found = client.stat()[0]
                client.quit()
                return found

            assert await running.ask(retrieve) == 3
            await asyncio.sleep(0.1)
            assert await running.ask(gone) == 3  # the session before had no QUIT
            # the old one that was retrieved is gone; the old one that was not stays
            assert await running.ask(count) == 2
            clock.advance(21 * 86400)
            assert await running.ask(count) == 2
            assert await running.ask(count) == 1

    asyncio.run(run())


def test_top_reads_no_body(tmp_path: Path) -> None:
    """TOP n 0 comes from the header that is kept apart (RFC 1939 §7)."""

    async def run() -> None:
        async with house(tmp_path) as running:
            await running.fill(LARGE, UTF8_LETTER, b"only: header\r\n")

            def talk(client: poplib.POP3) -> None:
                assert client.top(1, 0)[1] == [b"Subject: large", b""]
                assert client.top(2, 0)[1][-1] == b""
                assert b"=?UTF-8?B?7Y647KeA?= one" in client.top(2, 0)[1][2]
                assert client.top(3, 0)[1][0] == b"only: header"

            await running.ask(talk)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("error", "code"),
    [(StorageUnavailable("disk"), "SYS/TEMP"), (PermanentError("rot"), "SYS/PERM")],
)
def test_what_fails_here_says_how_long(
    tmp_path: Path, error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3206 §4: whether it is worth while to try again."""

    async def broken(*_: object) -> None:
        raise error

    async def run() -> None:
        async with house(tmp_path) as running:
            await running.fill(SMALL)

            def talk(client: poplib.POP3) -> None:
                with pytest.raises(poplib.error_proto, match=rf"\[{code}\]"):
                    client.retr(1)
                client.dele(1)
                with pytest.raises(poplib.error_proto, match=rf"\[{code}\]"):
                    client.quit()

            monkeypatch.setattr(Maildrop, "octets", broken)
            monkeypatch.setattr(Maildrop, "remove_marked", broken)
            await running.ask(talk)
            assert (await running.account.mailbox("INBOX")).exists == 1

    asyncio.run(run())


def test_a_full_maildrop_is_not_read_at_login(tmp_path: Path) -> None:
    """Uids and sizes only: some octets for each message, whatever it weighs."""

    async def run() -> None:
        async with house(tmp_path) as running:
            letter = b"Subject: x\r\n\r\n" + b"y" * 2000 + b"\r\n"
            one = NewMessage(content=letter, prepared=prepare(letter), internal_date=1)
            inbox = await running.account.mailbox("INBOX")
            for _ in range(4):
                await running.account.append(inbox.id, [one] * 500)
            read = 0
            octets = type(running.account).octets

            async def counted(*args: Any) -> Any:
                nonlocal read
                read += 1
                return await octets(*args)

            type(running.account).octets = counted  # type: ignore[assignment]
            try:

                def talk(client: poplib.POP3) -> None:
                    assert client.stat()[0] == 2000
                    assert len(client.uidl()[1]) == len(client.list()[1]) == 2000
                    client.quit()

                await running.ask(talk)
            finally:
                type(running.account).octets = octets  # type: ignore[method-assign]
            assert read == 0
            drop = await Maildrop.open(running.account)
            kept = drop._uids.itemsize + drop._sizes.itemsize
            assert len(drop._uids) == 2000
            assert kept <= 12
            drop.release()

    asyncio.run(run())
