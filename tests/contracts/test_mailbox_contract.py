"""What every engine's mailboxes do."""

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

from pyeonji.base.ids import ModSeq
from pyeonji.base.limits import SMALL_BLOB_OCTETS
from pyeonji.storage import query as q
from pyeonji.storage.errors import (
    BadMailboxName,
    MailboxExists,
    MailboxIsFixed,
    MaildropLocked,
    NoSuchAccount,
    NoSuchMailbox,
    OverQuota,
)
from pyeonji.storage.mailboxes import (
    DELETED,
    FLAGGED,
    SEEN,
    Column,
    FlagChange,
    SpecialUse,
)

ALL = [(1, 2**32 - 1)]


def test_a_new_account_has_its_mailboxes(engine: Engine) -> None:
    """INBOX first, the others by name, with their special uses (RFC 6154 §2)."""

    async def test(w: World) -> None:
        boxes = await w.mail.mailboxes()
        assert [box.name for box in boxes] == [
            "INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash",
        ]  # fmt: skip
        assert boxes[0].uid_next == 1
        assert boxes[2].special_use is SpecialUse.DRAFTS
        assert all(box.subscribed and box.selectable for box in boxes)
        assert (await w.mail.mailbox("inbox")).id == boxes[0].id

    engine.run(test)


def test_create_rename_delete(engine: Engine) -> None:
    """Names above are made; ids and uid validity survive renaming."""

    async def test(w: World) -> None:
        box = await w.mail.create("a/b/c")
        assert (await w.mail.mailbox("a/b")).selectable
        with pytest.raises(MailboxExists):
            await w.mail.create("a/b/c/")
        paths = ("..", "../../etc/passwd", "a/../b", "a/.")
        for bad in ("", "a//b", "x\n", "/a", "y" * 300, "/".join("z" * 60), *paths):
            with pytest.raises(BadMailboxName):
                await w.mail.create(bad)
        await w.mail.append(box.id, [new_message(letter())])
        top = await w.mail.mailbox("a")
        await w.mail.rename(top.id, "new/top")
        again = await w.mail.mailbox("new/top/b/c")
        assert (again.id, again.uid_validity, again.exists) == (
            box.id,
            box.uid_validity,
            1,
        )
        with pytest.raises(NoSuchMailbox):
            await w.mail.mailbox("a")
        with pytest.raises(BadMailboxName):
            await w.mail.rename(top.id, "new/top/below")
        with pytest.raises(MailboxExists):
            await w.mail.rename(top.id, "Sent")
        await w.mail.delete(top.id)
        assert not (await w.mail.mailbox("new/top")).selectable
        with pytest.raises(NoSuchMailbox):
            await w.mail.append(top.id, [new_message(letter())])
        made = await w.mail.create("new/top")
        assert made.id != top.id
        assert made.uid_validity > top.uid_validity
        with pytest.raises(MailboxIsFixed):
            await w.mail.delete((await w.mail.mailbox("INBOX")).id)

    engine.run(test)


def test_bare_names_go_with_what_is_below(engine: Engine) -> None:
    """A name that only stood above others is not left behind."""

    async def test(w: World) -> None:
        below = await w.mail.create("p/q")
        await w.mail.delete((await w.mail.mailbox("p")).id)
        await w.mail.delete(below.id)
        assert "p" not in [box.name for box in await w.mail.mailboxes()]

    engine.run(test)


def test_renaming_inbox_moves_its_messages(engine: Engine) -> None:
    """INBOX stays, empty (RFC 3501 §6.3.5)."""

    async def test(w: World) -> None:
        inbox = await w.mail.mailbox("INBOX")
        await w.mail.append(inbox.id, [new_message(letter())])
        await w.mail.rename(inbox.id, "old")
        assert (await w.mail.mailbox("INBOX")).exists == 0
        assert (await w.mail.mailbox("old")).exists == 1

    engine.run(test)


def test_subscriptions_outlive_mailboxes(engine: Engine) -> None:
    """LSUB names stay when the mailbox goes (RFC 3501 §6.3.6)."""

    async def test(w: World) -> None:
        await w.mail.subscribe("nowhere", wanted=True)
        assert "nowhere" in await w.mail.subscriptions()
        await w.mail.subscribe("nowhere", wanted=False)
        assert "nowhere" not in await w.mail.subscriptions()
        sent = await w.mail.mailbox("Sent")
        box = await w.mail.create("other", special_use=SpecialUse.SENT)
        assert (await w.mail.mailbox("Sent")).special_use is None
        await w.mail.set_special_use(sent.id, SpecialUse.SENT)
        assert (await w.mail.mailbox_by_id(box.id)).special_use is None

    engine.run(test)


def test_what_is_appended_is_read(engine: Engine) -> None:
    """Each column gives what was prepared; octets come back as they were."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        octets = letter(7, "안녕")
        message = new_message(octets, flags=SEEN, keywords="$Junk a")
        assert await w.mail.append(box, [message, message]) == [1, 2]
        rows = await w.mail.select(box, [(1, 9)], list(Column))
        row, prepared = rows[0], message.prepared
        assert row[:7][0:3] == (1, SEEN, "$Junk a")
        assert row[Column.SIZE] == len(octets)
        assert row[Column.PREFIX_SIZE] == 0
        assert row[Column.ENVELOPE] == prepared.envelope
        assert row[Column.BODY_STRUCTURE] == prepared.body_structure
        assert row[Column.PARTS] == prepared.parts
        assert row[Column.HEADER_MESSAGE_ID] == "<7@example.test>"
        assert row[Column.SORT_SUBJECT] == prepared.sort_subject
        assert row[Column.PREVIEW] == prepared.preview
        ((uid, stored),) = await w.mail.octets(box, [2])  # type: ignore[list-item]
        assert (uid, stored.whole()) == (2, octets)
        assert await w.mail.select(box, [(3, 9)], [Column.UID]) == []
        assert await w.mail.select(box, [], [Column.UID]) == []
        assert await w.mail.select(box, [(1, 1), (2, 2)], [Column.UID]) == [(1,), (2,)]

    engine.run(test)


def test_large_messages_are_files_shared_and_removed(engine: Engine) -> None:
    """A large message is linked, not copied, and goes with its last entry."""

    async def test(w: World) -> None:
        octets = letter(1, size=SMALL_BLOB_OCTETS + 5000)
        spool = w.store.mail.spool()
        for start in range(0, len(octets), 10_000):
            spool.write(octets[start : start + 10_000])
        content = await spool.finish()
        assert not isinstance(content, bytes)
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [replace(new_message(octets), content=content)])
        spool.abort()
        ((_, stored),) = await w.mail.octets(box, [1])  # type: ignore[list-item]
        assert stored.whole() == octets
        assert stored.slice(5, 25) == octets[5:25]
        await w.mail.remove(box, [1])  # type: ignore[list-item]

    def blobs() -> list[str]:
        return [str(p) for p in (engine.data / "accounts").glob("*/blobs/*")]

    async def until_it_is_gone(w: World) -> None:
        """Rubbish goes a little later, also after a restart."""
        await w.mail.usage()
        await until(lambda: not blobs(), blobs)

    engine.run(test)
    engine.run(until_it_is_gone)


def test_flags(engine: Engine) -> None:
    """SET, ADD, REMOVE; what is already so is not a change (RFC 7162 §3.1.3)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [new_message(letter(n)) for n in range(5)])
        change = w.mail.store_flags
        stored = await change(box, [(1, 3)], FlagChange.ADD, SEEN)
        assert [entry[:3] for entry in stored.entries()] == [
            (1, SEEN, ""), (2, SEEN, ""), (3, SEEN, ""),
        ]  # fmt: skip
        since = stored.entries()[0][3]
        stored = await change(box, [(1, 5)], FlagChange.ADD, SEEN)
        assert [entry[0] for entry in stored.entries()] == [4, 5]
        stored = await change(box, ALL, FlagChange.ADD, SEEN, unchanged_since=since)
        assert (stored.refused, stored.beside, stored.entries()) == ([4, 5], [], [])
        # other flags may be changed, but not of what came afterwards (§3.1.12)
        stored = await change(
            box, ALL, FlagChange.REMOVE, DELETED, ["A"], unchanged_since=since
        )
        assert (stored.refused, stored.beside, stored.entries()) == ([], [4, 5], [])
        came = ModSeq(since - 2)
        stored = await change(box, ALL, FlagChange.ADD, 0, ["A"], unchanged_since=came)
        assert (stored.refused, stored.entries()) == ([1, 2, 3, 4, 5], [])
        stored = await change(
            box, ALL, FlagChange.SET, DELETED, ["b", "A"], unchanged_since=since
        )
        assert stored.refused == [4, 5]
        assert [entry[:3] for entry in stored.entries()] == [
            (uid, DELETED, "A b") for uid in (1, 2, 3)
        ]
        stored = await change(box, ALL, FlagChange.REMOVE, 0, ["a"])
        assert [entry[2] for entry in stored.entries()] == ["b"] * 3
        assert (await change(box, ALL, FlagChange.ADD, 0, ["B"])).uids[0] == 4
        status = await w.mail.mailbox("INBOX")
        assert (status.exists, status.unseen, status.deleted) == (5, 3, 3)
        assert await w.mail.expunge(box, [(2, 9)]) == [2, 3]
        assert await w.mail.expunge(box) == [1]
        assert await w.mail.uids(box) == [4, 5]

    engine.run(test)


def test_changes_tell_everything_since(engine: Engine) -> None:
    """New, changed and vanished, whoever asks for whatever since."""

    async def test(w: World) -> None:
        box = await w.mail.mailbox("INBOX")
        seen = box.highest_mod_seq
        await w.mail.append(box.id, [new_message(letter(n)) for n in range(6)])
        one = await w.mail.changes(box.id, seen)
        assert [entry[0] for entry in one.entries] == [1, 2, 3, 4, 5, 6]
        await w.mail.store_flags(box.id, [(2, 2), (4, 5)], FlagChange.ADD, DELETED)
        await w.mail.expunge(box.id, [(4, 4)])
        two = await w.mail.changes(box.id, one.highest_mod_seq)
        assert [entry[0] for entry in two.entries] == [2, 5]
        assert (two.vanished, two.exists, two.uid_next) == ([4], 5, 7)
        three = await w.mail.changes(box.id, two.highest_mod_seq)
        assert (three.entries, three.vanished) == ([], [])
        other = await w.mail.create("gone")
        await w.mail.delete(other.id)
        assert (await w.mail.changes(other.id, other.highest_mod_seq)).gone

    engine.run(test)


def test_copy_and_move(engine: Engine) -> None:
    """Flags go along; a copied message counts once in the usage."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        target = await w.mail.mailbox("Archive")
        await w.mail.append(
            box, [new_message(letter(n), flags=n % 2 * SEEN) for n in range(4)]
        )
        used = await w.mail.usage()
        copied = await w.mail.copy(box, [(1, 1), (3, 9)], target.id)
        assert (copied.source, copied.target) == ([1, 3, 4], [1, 2, 3])
        assert copied.uid_validity == target.uid_validity
        assert await w.mail.usage() == used
        moved = await w.mail.move(box, [(2, 3)], target.id)
        assert (moved.source, moved.target) == ([2, 3], [4, 5])
        assert (await w.mail.changes(box, 0)).vanished == [2, 3]  # type: ignore[arg-type]
        assert await w.mail.search(target.id, q.HasFlags(SEEN)) == [3, 4]
        again = await w.mail.move(target.id, [(1, 1)], target.id)
        assert again.target == [6]
        with pytest.raises(NoSuchMailbox):
            await w.mail.copy(box, ALL, 999)  # type: ignore[arg-type]
        assert (await w.mail.copy(box, [(77, 78)], target.id)).source == []
        await w.mail.delete(target.id)
        assert (await w.mail.usage()).messages == 2

    engine.run(test)


def test_quota(engine: Engine) -> None:
    """All or none, and the error says how much."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        message = new_message(letter())
        limit = len(letter()) * 3 // 2
        with pytest.raises(OverQuota) as full:
            await w.mail.append(box, [message, message], quota_octets=limit)
        assert (full.value.resource, full.value.limit) == ("octets", limit)
        assert (await w.mail.mailbox("INBOX")).uid_next == 1
        await w.mail.append(box, [message], quota_octets=limit)
        with pytest.raises(OverQuota):
            await w.store.mail.deliver(delivery(w.account, 1, quota_octets=limit))

    engine.run(test)


def test_deliveries_happen_once(engine: Engine) -> None:
    """The same id again changes nothing, also after the letter was removed."""

    async def test(w: World) -> None:
        deliver = w.store.mail.deliver
        many = [delivery(w.account, n // 2) for n in range(40)]
        done = await asyncio.gather(*map(deliver, many))
        assert {(d.mailbox, d.uid) for d in done} == {
            ("INBOX", n + 1) for n in range(20)
        }
        await w.store.mail.sync(w.account.id)
        inbox = done[0].mailbox_id
        await w.mail.remove(inbox, [done[0].uid])
        assert await deliver(many[0]) == done[0]
        assert (await w.mail.mailbox("INBOX")).exists == 19
        ((_, stored),) = await w.mail.octets(inbox, [done[2].uid])
        assert stored.whole() == b"Return-Path: <>\r\n" + letter(1)
        made = await deliver(delivery(w.account, 99, mailbox="Lists/a"))
        assert (made.mailbox, made.uid) == ("Lists/a", 1)
        with pytest.raises(BadMailboxName):
            await deliver(delivery(w.account, 98, mailbox="a//b"))
        with pytest.raises(NoSuchAccount):
            await w.store.mail.account("nobody")  # type: ignore[arg-type]

    engine.run(test)


def test_recent_is_claimed_once(engine: Engine) -> None:
    r"""\Recent belongs to the first session that selects (RFC 3501 §2.3.2)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [new_message(letter())] * 3)
        assert await w.mail.claim_recent(box, 3) == 1
        assert await w.mail.claim_recent(box, 4) == 3
        assert await w.mail.claim_recent(box, 4) == 4
        await w.mail.append(box, [new_message(letter())])
        assert (await w.mail.opened(box)).first_recent == 4
        assert (await w.mail.opened(box, claim=True)).first_recent == 4
        assert (await w.mail.opened(box, claim=True)).first_recent == 5
        assert (await w.mail.opened(box)).first_recent == 5
        opened = await w.mail.opened(box, unseen=False)
        assert (opened.runs, opened.first_unseen) == ([(1, 4)], None)

    engine.run(test)


def test_recent_is_claimed_while_others_write(engine: Engine) -> None:
    """It waits for them, and nothing else does."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        message = new_message(letter())
        for number in range(1, 6):
            appending = asyncio.ensure_future(w.mail.append(box, [message] * 3))
            await asyncio.sleep(0)
            await w.mail.opened(box, claim=True)
            await appending
            await w.mail.opened(box, claim=True)
            assert (await w.mail.opened(box)).first_recent == 3 * number + 1

    engine.run(test)


def test_the_maildrop_is_locked(engine: Engine) -> None:
    """One POP3 session at a time (RFC 1939 §4)."""

    async def test(w: World) -> None:
        release = await w.mail.lock_maildrop()
        with pytest.raises(MaildropLocked):
            await w.mail.lock_maildrop()
        release()
        release()
        (await w.mail.lock_maildrop())()

    engine.run(test)


def test_search(engine: Engine) -> None:
    """Substrings, decoded and casefolded, in every script (RFC 3501 §6.4.4)."""

    async def test(w: World) -> None:
        box = (await w.mail.mailbox("INBOX")).id
        messages = [
            new_message(letter(1, "편지가 왔다"), flags=SEEN, internal_date=100),
            new_message(letter(2, "STRASSE", size=7000), keywords="$Work"),
            new_message(letter(3, "other"), flags=FLAGGED),
        ]
        await w.mail.append(box, messages)

        async def found(*parts: q.Query) -> list[int]:
            return list(await w.mail.search(box, q.And(parts)))

        assert await found() == [1, 2, 3]
        assert await found(q.BodyContains("지가")) == [1]
        assert await found(q.TextContains("straße")) == [2]
        assert await found(q.SubjectContains("LETTER 3")) == [3]
        assert await found(q.AddressContains("from", "LEE@")) == [1, 2, 3]
        assert await found(q.AddressContains("cc", "lee")) == []
        assert await found(q.HeaderContains("Message-Id", "<2@")) == [2]
        assert await found(q.HeaderContains("subject", "")) == [1, 2, 3]
        assert await found(q.HeaderContains("X-None", "")) == []
        assert await found(q.Not(q.HasFlags(SEEN))) == [2, 3]
        assert await found(q.HasKeyword("$work")) == [2]
        assert await found(q.Or((q.HasFlags(FLAGGED), q.UidIn([(1, 1)])))) == [1, 3]
        assert await found(q.Or(())) == []
        assert await found(q.UidIn([(1, 1), (3, 7)])) == [1, 3]
        assert await found(q.SizeBetween(least=7000)) == [2]
        assert await found(q.ReceivedBetween(since=50, before=101)) == [1]
        day = messages[0].prepared.sent_day
        assert day is not None
        assert await found(q.SentBetween(since_day=day)) == [1, 2, 3]
        assert await found(q.SentBetween(before_day=day)) == []
        modified = (await w.mail.mailbox("INBOX")).highest_mod_seq
        assert await found(q.ChangedSince(modified)) == [1, 2, 3]
        assert await found(q.ChangedSince(modified + 1)) == []

    engine.run(test)


def test_watchers_are_told(engine: Engine) -> None:
    """Of changes here and by another process; an empty set means the list."""

    async def test(w: World) -> None:
        told: list[frozenset[int]] = []
        end = w.mail.watch(told.append)
        box = (await w.mail.mailbox("INBOX")).id
        await w.mail.append(box, [new_message(letter())])
        assert frozenset({box}) in told
        await w.mail.create("x")
        assert frozenset() in told
        await asyncio.sleep(0)
        told.clear()
        other = await engine.open(worker=1)
        await other.mail.deliver(delivery(w.account, 5))
        await other.directory.add_account("lee@example.test", CREDENTIALS)
        await until(lambda: frozenset({box}) in told)
        await other.close()
        assert frozenset({box}) in told
        assert (await w.mail.mailbox("INBOX")).exists == 2
        assert await w.store.directory.account_at("lee@example.test") is not None
        end()

    engine.run(test)


def test_erase_takes_everything(engine: Engine) -> None:
    """An erased account's folder is gone; the id is not used again."""

    async def test(w: World) -> None:
        await w.store.directory.remove_account(w.account.id)
        await w.store.mail.erase(w.account.id)
        assert not (engine.data / "accounts" / w.account.id).exists()

    engine.run(test)
