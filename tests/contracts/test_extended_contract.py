"""What every engine keeps beside letters: threads, rights, annotations, quotas."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.contracts.engines import (
    CREDENTIALS,
    Engine,
    World,
    delivery,
    letter,
    new_message,
)
from tests.patience import until

from pyeonji.base.ids import MailboxId, ModSeq, Uid
from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.message.prepare import prepare
from pyeonji.storage import query as q
from pyeonji.storage.embedded.account import EmbeddedAccount
from pyeonji.storage.entries import (
    DELETED,
    DRAFT,
    FLAGGED,
    MAX_ANNOTATION_OCTETS,
    MAX_ANNOTATIONS,
    SEEN,
    Column,
    FlagChange,
    NewMessage,
    Quota,
    Settable,
)
from pyeonji.storage.errors import (
    NoSuchMailbox,
    NoSuchMessage,
    NoteTooLarge,
    OverQuota,
    TooManyNotes,
)

ALL = [(1, 2**32 - 1)]


def linked(own: str, *references: str, subject: str = "the same") -> NewMessage:
    """A message with a Message-ID that refers to others."""
    fields = [f"Subject: {subject}"]
    if own:
        fields.append(f"Message-ID: <{own}@x.test>")
    if references:
        fields.append("References: " + " ".join(f"<{r}@x.test>" for r in references))
    octets = ("\r\n".join(fields) + "\r\n\r\nhello\r\n").encode()
    return NewMessage(content=octets, prepared=prepare(octets), internal_date=1)


async def threads(mail: EmbeddedAccount, box: MailboxId) -> list[int]:
    rows = await mail.select(box, ALL, [Column.UID, Column.THREAD_ID])
    return [thread for _, thread in rows]


async def other_account(w: World) -> EmbeddedAccount:
    other = await w.store.directory.add_account("lee@example.test", CREDENTIALS)
    return await w.store.mail.account(other.id)


def test_threads_are_found_by_references(engine: Engine) -> None:
    """By References and Message-IDs, never by subject (RFC 8474 §5.2)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [linked("a"), linked("b", "a"), linked("c")])
        await w.mail.append(box, [linked("d", "gone"), linked(""), linked("")])
        a, b, c, d, e, f = await threads(w.mail, box)
        assert a == b
        assert len({a, c, d, e, f}) == 5
        # a sibling whose parent never came, and a second copy of a message
        await w.mail.append(box, [linked("e", "gone"), linked("c")])
        assert (await threads(w.mail, box))[6:] == [d, c]

    engine.run(test)


def test_a_late_message_leaves_threads_as_they_are(engine: Engine) -> None:
    """What was said of a message stays so; it goes into the older thread."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        sent = (await w.mail.mailbox("Sent")).id
        for name in "ab":
            await w.mail.append(box, [linked(name), linked(name * 2, name)])
        await w.mail.copy(box, [(3, 3)], sent)
        before = await threads(w.mail, box)
        assert len(set(before)) == 2
        await w.mail.append(box, [linked("x", "bb", "a")])
        await w.mail.append(box, [linked("later", "b"), linked("last", "x")])
        found = await threads(w.mail, box)
        assert found[:4] == before
        assert found[4:] == [before[0], before[2], before[0]]
        assert await threads(w.mail, sent) == [before[2]]
        assert await w.mail.search(box, q.ThreadIs(before[0])) == [1, 2, 5, 7]
        assert await w.mail.search(box, q.ThreadIs(999)) == []

    engine.run(test)


def test_threads_go_with_their_messages(engine: Engine) -> None:
    """When the last message of a thread is gone, its ids begin another."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [linked("a"), linked("b", "a"), linked("c")])
        first = (await threads(w.mail, box))[0]
        await w.mail.remove(box, [Uid(1)])
        await w.is_tidy()
        await w.mail.append(box, [linked("d", "a")])
        assert (await threads(w.mail, box))[-1] == first
        await w.mail.remove(box, [Uid(2), Uid(4)])
        await w.is_tidy()
        await w.mail.append(box, [linked("e", "a")])
        assert (await threads(w.mail, box))[-1] != first

    engine.run(test)


def test_headers_without_bodies(engine: Engine) -> None:
    """HEADER is the header section as in the message; sort keys of RFC 5957 §3."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        large = letter(2, size=SMALL_BLOB_OCTETS + 9)
        bare = b"From: a@x.test\r\nTo: A Group: ;\r\n"
        named = b"From: =?utf-8?q?=ED=8E=B8=EC=A7=80?= <b@x>\r\nTo: Lee\r\n\r\nx"
        spool = w.store.mail.spool()
        spool.write(large)
        content = await spool.finish()
        await w.mail.append(
            box,
            [
                new_message(letter(1)),
                replace(new_message(large), content=content),
                new_message(bare),
                new_message(named),
            ],
        )
        spool.abort()
        await w.store.mail.deliver(delivery(w.account, 3))
        head = letter(1).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        rows = await w.mail.select(
            box,
            ALL,
            [Column.HEADER, Column.SORT_DISPLAY_FROM, Column.SORT_DISPLAY_TO],
        )
        assert [row[0] for row in rows] == [
            head,
            head.replace(b"Letter 1", b"Letter 2").replace(b"<1@", b"<2@"),
            bare,
            named[:-1],
            b"Return-Path: <>\r\n"
            + head.replace(b"Letter 1", b"Letter 3").replace(b"<1@", b"<3@"),
        ]
        assert rows[0][1:] == ("lee", "kim@example.test")
        assert rows[2][1:] == ("a@x.test", "a group")
        assert rows[3][1:] == ("편지", "lee")
        stored = dict(await w.mail.octets(box, [Uid(uid) for uid in range(1, 6)]))
        assert stored[Uid(1)].whole() == letter(1)
        assert stored[Uid(2)].whole() == large
        assert stored[Uid(3)].whole() == bare
        assert stored[Uid(5)].prefix == b"Return-Path: <>\r\n"
        assert stored[Uid(5)].body == letter(3)

    engine.run(test)


def test_rights_and_annotations(engine: Engine) -> None:
    """What is set is read, by whoever watches; it goes with the mailbox."""

    async def test(w: World) -> None:
        told: list[frozenset[MailboxId]] = []
        box = (await w.mail.create("team")).id
        await asyncio.sleep(0)
        end = w.mail.watch(told.append)
        await w.mail.set_rights(box, "lee@example.test", "srl")
        await w.mail.set_rights(box, "-anyone", "x")
        assert await w.mail.rights(box) == {"lee@example.test": "lrs", "-anyone": "x"}
        await w.mail.set_rights(box, "-anyone", "")
        assert await w.mail.rights(box) == {"lee@example.test": "lrs"}
        await w.mail.annotate(box, {"/Private/Comment": b"a\0b", "/shared/x": b""})
        assert await w.mail.annotations(box) == {
            "/private/comment": b"a\0b", "/shared/x": b"",
        }  # fmt: skip
        await w.mail.annotate(box, {"/PRIVATE/comment": None, "/none": None})
        assert await w.mail.annotations(box) == {"/shared/x": b""}
        await until(lambda: told)
        assert set(told) == {frozenset({box})}
        told.clear()
        await w.mail.annotate(None, {"/private/v": b"1"})
        assert await w.mail.annotations(None) == {"/private/v": b"1"}
        await w.mail.subscribe("team", wanted=True)
        await until(lambda: told)
        assert set(told) == {frozenset()}
        end()
        await w.mail.rename(box, "new")
        assert await w.mail.rights((await w.mail.mailbox("new")).id)
        await w.mail.delete(box)
        assert await w.mail.rights(box) == {}
        for missing in (
            w.mail.set_rights(box, "anyone", "l"),
            w.mail.annotate(box, {"/a": b""}),
        ):
            with pytest.raises(NoSuchMailbox):
                await missing

    engine.run(test)


def test_annotations_have_limits(engine: Engine) -> None:
    """Too large or too many: refused whole."""

    async def test(w: World) -> None:
        with pytest.raises(NoteTooLarge):
            await w.mail.annotate(
                None, {"/a": b"", "/b": b"x" * (MAX_ANNOTATION_OCTETS + 1)}
            )
        many = {f"/{n}": b"" for n in range(MAX_ANNOTATIONS)}
        await w.mail.annotate(None, many)
        with pytest.raises(TooManyNotes):
            await w.mail.annotate(None, {"/one": b""})
        assert "/one" not in await w.mail.annotations(None)
        await w.mail.annotate(None, {"/one": b"", "/1": None})

    engine.run(test)


def test_another_process_is_told(engine: Engine) -> None:
    """Rights, subscriptions and the list, changed by another worker (RFC 5465)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        there = await engine.open(worker=None)
        try:
            mail = await there.mail.account(w.account.id)
            told: list[frozenset[MailboxId]] = []
            w.mail.watch(told.append)
            await mail.set_rights(box, "anyone", "l")
            await mail.subscribe("x", wanted=True)
            await until(lambda: len(told) > 1)
            assert set(told) == {frozenset({box}), frozenset()}
        finally:
            await there.close()

    engine.run(test)


def test_replace(engine: Engine) -> None:
    """The new one comes and the old one goes, or neither (RFC 8508 §3)."""

    async def test(w: World) -> None:
        drafts = (await w.mail.mailbox("Drafts")).id
        sent = (await w.mail.mailbox("Sent")).id
        await w.mail.append(drafts, [new_message(letter(1)), new_message(letter(2))])
        since = (await w.mail.mailbox("Drafts")).highest_mod_seq
        message = new_message(letter(3, "changed"))
        assert await w.mail.replace(drafts, Uid(1), drafts, message) == 3
        changes = await w.mail.changes(drafts, since)
        assert ([e[0] for e in changes.entries], changes.vanished) == ([3], [1])
        assert len({e[3] for e in changes.entries}) == 1
        with pytest.raises(NoSuchMessage):
            await w.mail.replace(drafts, Uid(1), sent, message)
        assert await w.mail.uids(sent) == []
        assert await w.mail.replace(drafts, Uid(3), sent, message) == 1
        assert await w.mail.uids(drafts) == [2]
        # a full account can replace by what is no larger
        used = (await w.mail.usage()).octets
        await w.mail.replace(sent, Uid(1), sent, message, quota=Quota(octets=used))
        bigger = new_message(letter(4, "much larger than before"))
        with pytest.raises(OverQuota):
            await w.mail.replace(sent, Uid(2), sent, bigger, quota=Quota(octets=used))
        assert await w.mail.uids(sent) == [2]

    engine.run(test)


def test_copies_from_another_account(engine: Engine) -> None:
    """Flags, dates, columns and octets come along; large ones share their file."""

    async def test(w: World) -> None:
        theirs = await other_account(w)
        source = (await theirs.mailbox("INBOX")).id
        target = (await w.mail.mailbox("Archive")).id
        large = letter(2, size=SMALL_BLOB_OCTETS + 9)
        spool = w.store.mail.spool()
        spool.write(large)
        content = await spool.finish()
        await theirs.append(
            source,
            [
                new_message(letter(1), flags=SEEN, keywords="a b"),
                replace(new_message(large), content=content),
                linked("b", "a"),
            ],
        )
        spool.abort()
        await w.mail.append(target, [linked("a")])
        copied = await w.mail.copy_from(theirs, source, ALL, target)
        assert (copied.source, copied.target) == ([1, 2, 3], [2, 3, 4])
        same = [
            c
            for c in Column
            if c not in {Column.UID, Column.MOD_SEQ, Column.MESSAGE_ID,
                         Column.THREAD_ID, Column.SAVE_DATE}
        ]  # fmt: skip
        assert await w.mail.select(target, [(2, 9)], same) == await theirs.select(
            source, ALL, same
        )
        ids = await threads(w.mail, target)
        assert ids[0] == ids[3] != ids[1]
        ours = dict(await w.mail.octets(target, [Uid(2), Uid(3)]))
        assert ours[Uid(2)].whole() == letter(1)
        assert ours[Uid(3)].whole() == large
        moved = await w.mail.move_from(theirs, source, [(1, 2)], target)
        assert (moved.source, moved.target) == ([1, 2], [5, 6])
        assert await theirs.uids(source) == [3]
        assert (await w.mail.usage()).messages == 6
        with pytest.raises(OverQuota) as full:
            await w.mail.copy_from(theirs, source, ALL, target, quota=Quota(messages=6))
        assert (full.value.resource, full.value.used) == ("messages", 6)
        assert await w.mail.uids(target) == [1, 2, 3, 4, 5, 6]
        with pytest.raises(NoSuchMailbox):
            await w.mail.copy_from(theirs, MailboxId(99), ALL, target)
        with pytest.raises(NoSuchMailbox):
            await w.mail.copy_from(theirs, source, ALL, MailboxId(99))
        nothing = await w.mail.copy_from(theirs, source, [(9, 9)], target)
        assert nothing.source == nothing.target == []

    engine.run(test)


def test_only_flags_that_may_be_set(engine: Engine) -> None:
    """Changes and copies leave the others as they are, in one step (RFC 4314 §4)."""

    async def test(w: World) -> None:
        box = (await w.mail.create("here")).id
        there = (await w.mail.create("there")).id
        theirs = await other_account(w)
        source = (await theirs.create("source")).id
        flagged = new_message(letter(1), flags=SEEN | FLAGGED, keywords="a b")
        await w.mail.append(box, [flagged, new_message(letter(2), flags=DELETED)])
        await theirs.append(source, [flagged])
        columns = [Column.FLAGS, Column.KEYWORDS]

        async def flags(of: MailboxId) -> list[tuple[int, str]]:
            return [tuple(row) for row in await w.mail.select(of, ALL, columns)]

        seen = Settable(SEEN, keywords=False)
        words = Settable(0, keywords=True)
        stored = await w.mail.store_flags(
            box, ALL, FlagChange.SET, DELETED, ["c"], within=seen
        )
        assert [uid for uid, *_ in stored.entries()] == [1]
        assert await flags(box) == [(FLAGGED, "a b"), (DELETED, "")]
        await w.mail.store_flags(box, ALL, FlagChange.SET, SEEN, ["c"], within=words)
        assert await flags(box) == [(FLAGGED, "c"), (DELETED, "c")]
        await w.mail.store_flags(box, ALL, FlagChange.ADD, SEEN | DRAFT, within=seen)
        assert await flags(box) == [(SEEN | FLAGGED, "c"), (SEEN | DELETED, "c")]
        await w.mail.copy(box, ALL, there, within=seen)
        await w.mail.copy_from(theirs, source, ALL, there, within=words)
        await w.mail.move(box, [(2, 2)], there, within=Settable(DELETED, keywords=True))
        await w.mail.move_from(
            theirs, source, ALL, there, within=Settable(0, keywords=False)
        )
        assert await flags(there) == [
            (SEEN, ""),
            (SEEN, ""),
            (0, "a b"),
            (DELETED, "c"),
            (0, ""),
        ]
        status = await w.mail.mailbox("there")
        assert (status.unseen, status.deleted) == (3, 1)

    engine.run(test)


def test_quotas_of_messages_and_mailboxes(engine: Engine) -> None:
    """The error says which resource, how much there is and how much may be."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        message = new_message(letter())
        two = Quota(messages=2)
        await w.mail.append(box, [message, message], quota=two)
        for work in (
            w.mail.append(box, [message], quota=two),
            w.store.mail.deliver(delivery(w.account, 1, quota=two)),
        ):
            with pytest.raises(OverQuota) as full:
                await work
            error = full.value
            assert (error.resource, error.used, error.limit) == ("messages", 2, 2)
        usage = await w.mail.usage()
        assert (usage.messages, usage.mailboxes) == (2, 6)
        seven = Quota(mailboxes=7)
        with pytest.raises(OverQuota) as full:
            await w.mail.create("a/b", quota=seven)  # two of them
        assert full.value.resource == "mailboxes"
        assert (await w.mail.usage()).mailboxes == 6
        await w.mail.create("a", quota=seven)
        with pytest.raises(OverQuota):
            await w.mail.create("b", quota=seven)

    engine.run(test)


def test_object_ids_name_mailboxes(engine: Engine) -> None:
    """They outlive renaming, and are never given again (RFC 8474 §4)."""

    async def test(w: World) -> None:
        first = await w.mail.create("a")
        await w.mail.rename(first.id, "b")
        assert (await w.mail.mailbox("b")).object_id == first.object_id
        await w.mail.delete(first.id)
        again = await w.mail.create("b")
        theirs = await other_account(w)
        boxes = [*await w.mail.mailboxes(), *await theirs.mailboxes()]
        ids = [box.object_id for box in boxes]
        assert len(set(ids)) == len(ids)
        assert again.object_id != first.object_id not in ids
        assert all(i.isascii() and i.isalnum() and len(i) < 256 for i in ids)

    engine.run(test)


def test_changes_are_exact_from_anywhere(engine: Engine) -> None:
    """What was expunged long ago is still known (RFC 7162 §3.2.5.2)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        message = new_message(letter())
        await w.mail.append(box, [message] * 20)
        states = {}
        for uid in range(1, 15):
            row = await w.mail.mailbox("INBOX")
            states[row.highest_mod_seq] = set(await w.mail.uids(box))
            flags = DELETED if uid % 3 == 0 else SEEN
            await w.mail.store_flags(box, [(uid, uid)], FlagChange.ADD, flags)
            await w.mail.expunge(box)
        now = set(await w.mail.uids(box))
        for since, before in states.items():
            changes = await w.mail.changes(box, since)
            assert set(changes.vanished) == before - now
            assert all(entry[3] > since for entry in changes.entries)
        assert set((await w.mail.changes(box, ModSeq(0))).vanished) == {3, 6, 9, 12}

    engine.run(test)


def test_saved_dates_and_messages_are_searched(engine: Engine) -> None:
    """When it came here (RFC 8514), and which stored message it is (RFC 8474)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        sent = (await w.mail.mailbox("Sent")).id
        await w.mail.append(box, [new_message(letter(1)), new_message(letter(2))])
        await w.mail.copy(box, [(2, 2)], sent)
        ((saved, number),) = await w.mail.select(
            sent, ALL, [Column.SAVE_DATE, Column.MESSAGE_ID]
        )
        assert await w.mail.search(box, q.MessageIs(number)) == [2]
        assert await w.mail.search(sent, q.Not(q.MessageIs(number))) == []
        assert await w.mail.search(box, q.SavedBetween(since=saved + 1)) == []
        assert await w.mail.search(
            sent, q.SavedBetween(since=saved, before=saved + 1)
        ) == [1]

    engine.run(test)
