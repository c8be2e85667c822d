"""One who may look into a few of another's mailboxes tries all else (RFC 4314).

lee has "lr" for two of kim's mailboxes, "l" for a third, and tries commands of every
kind, legal and nearly so: what kim has stays as it is to the last octet, and nothing
that lee may not read is ever heard.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from tests.transcripts.imap.imap_play import Client, Stage, stage
from tests.transcripts.imap.imap_talker import PASSWORD
from tests.unit.mra_imap.imap_answers import tags_of
from tests.unit.mra_imap.imap_grammar import OPEN, Grammar

from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.mailboxes import MAX_UID, Column

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyeonji.storage.mailboxes import AccountStore

KIM: Final = b"user/kim@example.test/"
HIDDEN: Final = b"XYZZY"
"""Stands in whatever lee may not learn; lee never says it."""

READABLE: Final = (KIM + b"INBOX", KIM + b"a", b"shared/board")
CLOSED: Final = (KIM + b"a/b", KIM + b"dim", KIM + b"closed", b"shared/closed")
NAMES: Final = (
    *READABLE, *CLOSED, b"INBOX", b"own", b"user", b"shared", b"user/kim@example.test",
    KIM + b"INBOX/new", KIM + b"a/new", b"user/choi@example.test/INBOX", KIM + b"a/b/c",
    KIM + b"inbox", b'"user/kim@example.test/a/"', b'"user/KIM@Example.Test/closed"',
    b"user/lee@example.test/INBOX", b"user/kim@example.test/../choi/INBOX",
)  # fmt: skip
SILENT: Final = OPEN | {b"LOGIN", b"AUTHENTICATE", b"UNAUTHENTICATE", b"SETQUOTA"}
ROUNDS: Final = 300


class Greedy(Grammar):
    """Commands about mailboxes of others."""

    def mailbox(self) -> bytes:
        return self.pick(NAMES)

    def url(self) -> bytes:
        tail = self.pick((b"/;UID=1", b"/;UID=2", b"/;UID=1/;SECTION=TEXT", b"/;UID=3"))
        return b'"/%b%b"' % (self.mailbox().strip(b'"'), tail)

    def list(self) -> bytes:
        asked = super().list()
        return asked if self.likely(0.5) else b' "" "%b*"' % self.pick((b"", KIM))

    def set_acl(self) -> bytes:
        return b" %b lee@example.test %b" % (
            self.mailbox(),
            self.pick((b"lrswipkxtea", b"+a", b"+s", b"lrs")),
        )

    def command(self, tag: bytes) -> bytes:
        while True:
            made = super().command(tag)
            if made.split()[1].upper() not in SILENT:
                return made


async def fill(client: Client, mailbox: bytes, text: bytes) -> None:
    for number in range(2):
        letter = b"Subject: %b\r\n\r\n%b %d\r\n" % (text, text, number)
        head = b"f APPEND %b ($x \\Flagged) {%d+}\r\n" % (mailbox, len(letter))
        assert b"f OK" in await client.ask(head + letter + b"\r\n")


async def told_ok(client: Client, *asked: bytes) -> None:
    for one in asked:
        heard = await client.ask(b"k " + one + b"\r\n")
        assert b"k OK" in heard, (one, heard)


@asynccontextmanager
async def house() -> AsyncIterator[Stage]:
    """kim's mailboxes, those of the domain, and others who may look."""
    async with stage() as system:
        for person in ("lee", "choi", "shared", "boss"):
            await system.store.directory.add_account(
                f"{person}@example.test",
                make_credentials(PASSWORD, sealer=system.store.sealer),
                administrator=person == "boss",
            )
        kim = system.client()
        await kim.log_in()
        names = (b"a", b"a/b", b"dim", b"closed", b"hidden-" + HIDDEN)
        await told_ok(kim, *(b"CREATE " + name for name in names))
        await fill(kim, b"INBOX", b"to be read")
        await fill(kim, b"a", b"to be read")
        for name in names[1:]:
            await fill(kim, name, HIDDEN)
        await told_ok(
            kim,
            b"SETACL INBOX lee@example.test lr",
            b"SETACL INBOX choi@example.test lr",  # whom lee can't see
            b"SETACL a lee@example.test lr",
            b"SETACL dim lee@example.test l",
            b"DELETEACL a/b lee@example.test",
            b'SETMETADATA INBOX (/private/comment "%b" /shared/comment "read")'
            % HIDDEN,
            b'SETMETADATA dim (/shared/comment "%b")' % HIDDEN,
            b"SUBSCRIBE a",
        )
        shared = system.client()
        await shared.log_in("shared@example.test")
        await told_ok(
            shared, b"CREATE board", b"CREATE closed", b"SETACL board anyone lr"
        )
        await fill(shared, b"board", b"to be read")
        await fill(shared, b"closed", HIDDEN)
        yield system


async def of_account(account: AccountStore) -> list[Any]:
    """All that an account has, but for what guests note down for themselves."""
    found: list[Any] = [sorted(await account.subscriptions())]
    columns = [
        Column.UID, Column.FLAGS, Column.KEYWORDS, Column.MOD_SEQ, Column.SAVE_DATE,
    ]  # fmt: skip
    for box in await account.mailboxes():
        notes = await account.annotations(box.id)
        entries: Any = []
        if box.selectable:
            entries = await account.select(box.id, [(1, MAX_UID)], columns)
        found.append(
            (
                box.name,
                box.uid_next,
                box.uid_validity,
                box.highest_mod_seq,
                box.first_recent,
                box.special_use,
                entries,
                await account.rights(box.id),
                {k: v for k, v in notes.items() if not k.startswith("/user:")},
            )
        )
    found.append(await account.annotations(None))
    found.append(await account.usage())
    return found


async def everything(system: Stage) -> list[Any]:
    directory = system.store.directory
    found: list[Any] = [await directory.annotations()]
    for name in ("kim", "choi", "shared", "boss"):
        account = await directory.account_at(f"{name}@example.test")
        assert account is not None
        found += [name, account]
        found += await of_account(await system.store.mail.account(account.id))
    return found


async def try_all(system: Stage, seed: int) -> int:
    """Many commands of lee's; gives how many were done."""
    grammar = Greedy(seed)
    client: Client | None = None
    done = 0
    for number in range(ROUNDS):
        if client is None or client.transport.closed:
            client = system.client()
            await client.log_in("lee@example.test")
            client.say(b"c CREATE own\r\n")
            await client.settle()
        if grammar.likely(0.1):
            await client.ask(b"s SELECT %b\r\n" % grammar.pick(READABLE))
            if grammar.likely(0.3):
                await client.ask(b"e ENABLE QRESYNC UTF8=ACCEPT\r\n")
        said = grammar.command(b"t%d" % number)
        heard = await client.ask(said)
        for fill in (b"", b"DONE\r\n", b"x" * 60_000 + b"\r\n", b")\r\n"):
            if fill and not client.transport.closed:
                heard += await client.ask(fill)
            if b"t%d " % number in heard or client.transport.closed:
                break
        else:
            client.transport.close()
        assert HIDDEN not in heard, (said, heard)
        assert b"choi" not in heard.replace(b"user/choi@example.test", b""), heard
        assert b"SERVERBUG" not in heard, (said, heard)
        done += b"t%d OK" % number in heard
    return done


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_changed_and_nothing_is_learnt(seed: int) -> None:
    """RFC 4314 §4, §6: each command asks for its right, whatever stands around it."""

    async def run() -> None:
        async with house() as system:
            before = await everything(system)
            done = await try_all(system, seed)
            await asyncio.sleep(0.01)
            after = await everything(system)
            for was, now in zip(before, after, strict=True):
                assert was == now
            assert done > ROUNDS // 10

    asyncio.run(run())


ASKED: Final = (
    b"SELECT %b", b"EXAMINE %b", b"STATUS %b (MESSAGES UIDNEXT)", b"CREATE %b",
    b"CREATE %b/x", b"DELETE %b", b"RENAME %b own2", b"RENAME own3 %b",
    b"RENAME own3 %b/x", b"SUBSCRIBE %b", b"MYRIGHTS %b", b"GETACL %b",
    b"SETACL %b lee@example.test lr", b"SETACL %b nobody@example.test lr",
    b"DELETEACL %b lee@example.test", b"LISTRIGHTS %b lee@example.test",
    b"GETMETADATA %b /shared/comment", b"SETMETADATA %b (/private/comment NIL)",
    b"SETMETADATA %b (/shared/comment NIL)", b"GETQUOTAROOT %b", b'LIST "" %b',
    b'LIST "" %b RETURN (STATUS (MESSAGES) MYRIGHTS)', b'LSUB "" %b', b"COPY 1 %b",
    b"MOVE 1 %b", b"APPEND %b {3+}\r\nabc", b"ESEARCH IN (mailboxes %b) ALL",
    b"ESEARCH IN (subtree %b) ALL", b'APPEND own3 CATENATE (URL "/%b/;UID=1")',
    b"NOTIFY SET STATUS (mailboxes %b (MessageNew MessageExpunge))",
    b"NOTIFY SET STATUS (subtree %b (MessageNew MessageExpunge))",
    b"REPLACE 1 %b {1+}\r\nx", b"UNSUBSCRIBE %b",
)  # fmt: skip
ALIKE: Final = (
    (KIM + b"closed", KIM + b"nosuch"),
    (KIM + b"a/b", KIM + b"a/n"),
    (b"user/choi@example.test/INBOX", b"user/none@example.test/INBOX"),
    (b"user/choi@example.test", b"user/none@example.test"),
    (b"shared/closed", b"shared/nosuch"),
)


@pytest.mark.parametrize(("there", "nowhere"), ALIKE)
def test_what_may_not_be_known_is_as_if_it_were_not(
    there: bytes, nowhere: bytes
) -> None:
    """RFC 4314 §6: no answer tells it from a mailbox or account that is not there."""

    async def answers(name: bytes) -> list[tuple[bytes, bytes]]:
        found = []
        async with house() as system:
            client = system.client()
            await client.log_in("lee@example.test")
            await client.ask(b"c CREATE own3\r\n")
            await fill(client, b"INBOX", b"mine")
            for asked in ASKED:
                await client.ask(b"s SELECT INBOX\r\n")
                heard = await client.ask(b"q " + asked % name + b"\r\n")
                assert tags_of(heard) == [b"q"], (asked, heard)
                heard = heard.replace(name, b"X").replace(name.rsplit(b"/", 1)[0], b"Y")
                heard = re.sub(rb"HIGHESTMODSEQ \d+|MAILBOXID \([^)]*\)", b"", heard)
                found.append((asked, heard))
                await client.ask(b"n NOTIFY NONE\r\n")
        return found

    async def run() -> None:
        for one, other in zip(
            await answers(there), await answers(nowhere), strict=True
        ):
            assert one == other

    asyncio.run(run())


def test_rights_taken_are_gone_at_once() -> None:
    """Also for who has the mailbox selected, listening or working."""

    async def run() -> None:
        async with house() as system:
            kim, lee, idle = (system.client() for _ in range(3))
            await kim.log_in()
            await told_ok(kim, b"SETACL a lee@example.test lrswte")
            for client in (lee, idle):
                await client.log_in("lee@example.test")
                await client.ask(b"s SELECT user/kim@example.test/a\r\n")
            await idle.ask(b"i IDLE\r\n")
            assert b"1 OK" in await lee.ask(b"1 STORE 1 +FLAGS.SILENT ($mine)\r\n")
            await told_ok(kim, b"SETACL a lee@example.test lrs")
            heard = await lee.ask(b"2 STORE 1 +FLAGS ($more)\r\n")
            assert b"2 NO [NOPERM]" in heard, heard
            heard = await lee.ask(b"3 STORE 1 +FLAGS.SILENT (\\Deleted)\r\n")
            assert b"3 NO [NOPERM]" in heard, heard
            assert b"4 OK" in await lee.ask(b"4 STORE 2 +FLAGS.SILENT (\\Seen)\r\n")
            await told_ok(kim, b"SETACL a lee@example.test lr")
            heard = await lee.ask(b"5 STORE 1 +FLAGS (\\Seen)\r\n")
            assert b"5 NO [READ-ONLY]" in heard, heard
            assert b"6 OK" in await lee.ask(b"6 FETCH 1 BODY.PEEK[]\r\n")
            await told_ok(kim, b"DELETEACL a lee@example.test")
            heard = await lee.ask(b"7 FETCH 1 BODY.PEEK[]\r\n")
            assert b"* BYE [UNAVAILABLE]" in heard
            assert b"FETCH (" not in heard
            async with asyncio.timeout(60):
                while not idle.transport.closed:  # noqa: ASYNC110 - no event
                    await asyncio.sleep(0.01)
            assert b"* BYE [UNAVAILABLE]" in idle.transport.heard

    asyncio.run(run())


def test_annotations_are_told_to_readers_only() -> None:
    """Not even that one has changed, to who has "l" alone (RFC 5465 §5.6)."""

    async def run() -> None:
        async with house() as system:
            lee, kim = system.client(), system.client()
            await lee.log_in("lee@example.test")
            await kim.log_in()
            names = b"(%b %b)" % (READABLE[0], KIM + b"dim")
            events = b"(MessageNew MessageExpunge MailboxMetadataChange)"
            await told_ok(lee, b"NOTIFY SET (mailboxes %b %b)" % (names, events))
            for name in (b"dim", b"INBOX"):
                asked = b'SETMETADATA %b (/shared/vendor/x "y")' % name
                await told_ok(kim, asked)
            await asyncio.sleep(0.05)
            heard = await lee.ask(b"n NOOP\r\n")
            assert b"* METADATA %b /shared/vendor/x\r\n" % READABLE[0] in heard
            assert b"dim" not in heard

    asyncio.run(run())


def test_guests_take_no_room_from_the_owner() -> None:
    """Their own annotations of a mailbox are few, and count apart (RFC 5464 §4.3)."""

    async def run() -> None:
        async with house() as system:
            lee, kim = system.client(), system.client()
            await lee.log_in("lee@example.test")
            await kim.log_in()
            for number in range(20):
                asked = b'SETMETADATA %b (/private/n%d "x")' % (READABLE[0], number)
                await told_ok(lee, asked)
            heard = await lee.ask(
                b'q SETMETADATA %b (/private/more "x")\r\n' % READABLE[0]
            )
            assert b"q NO [METADATA TOOMANY]" in heard
            await told_ok(
                lee, b'SETMETADATA %b (/private/n1 NIL /private/n "y")' % READABLE[0]
            )
            for start in range(0, 998, 50):  # and two that are there already
                numbers = range(start, min(start + 50, 998))
                entries = b" ".join(b'/private/n%d "x"' % one for one in numbers)
                await told_ok(kim, b"SETMETADATA INBOX (%b)" % entries)
            heard = await kim.ask(b'q SETMETADATA INBOX (/private/more "x")\r\n')
            assert b"q NO [METADATA TOOMANY]" in heard

    asyncio.run(run())
