"""What every engine's directory does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contracts.engines import CREDENTIALS, Engine, World

from pyeonji.base.ids import AccountId, MailboxId
from pyeonji.storage.directory import Alias, DkimKey, Domain, KeyState, Share
from pyeonji.storage.entries import Quota
from pyeonji.storage.errors import (
    AlreadyExists,
    NoSuchAccount,
    NoSuchAlias,
    NoSuchDomain,
    NoSuchKey,
    NoteTooLarge,
)


def test_any_spelling_is_found(engine: Engine) -> None:
    """Case, NFC, A-labels and quotes are only spelling."""

    async def test(w: World) -> None:
        d = w.store.directory
        await d.add_domain(Domain(name="편지.test"))
        account = await d.add_account(
            "한글@편지.test", CREDENTIALS, name="A", quota_octets=9
        )
        for spelling in ("한글@XN--9B6B95P.test", '"한글"@편지.TEST.'):
            assert await d.account_at(spelling) == account
        assert await d.account(account.id) == account
        assert await d.credentials(account.id) == CREDENTIALS
        assert (await d.domain("xn--9b6b95p.TEST")) == Domain(
            name="편지.test", administrator=account.id
        )
        assert await d.account_at("\ud800@x") is None
        assert await d.account_at("") is None

    engine.run(test)


def test_domains_accounts_aliases(engine: Engine) -> None:
    """What is added is listed; what is taken cannot be added."""

    async def test(w: World) -> None:
        d = w.store.directory
        with pytest.raises(AlreadyExists):
            await d.add_domain(Domain(name="EXAMPLE.test"))
        with pytest.raises(NoSuchDomain):
            await d.add_account("a@else.test", CREDENTIALS)
        with pytest.raises(AlreadyExists):
            await d.add_account("KIM@example.test", CREDENTIALS)
        await d.add_alias(Alias(address="All@example.test", targets=("A@b.test",)))
        assert await d.alias("all@EXAMPLE.test") == Alias(
            address="all@example.test", targets=("a@b.test",)
        )
        with pytest.raises(AlreadyExists):
            await d.add_account("all@example.test", CREDENTIALS)
        with pytest.raises(AlreadyExists):
            await d.remove_domain("example.test")
        lee = await d.add_account("lee@example.test", CREDENTIALS)
        assert [a.address for a in await d.accounts("example.test")] == [
            "kim@example.test",
            "lee@example.test",
        ]
        await d.update_account(replace(lee, enabled=False, address="lea@example.test"))
        assert await d.account_at("lee@example.test") is None
        assert not (await d.account(lee.id)).enabled  # type: ignore[union-attr]
        await d.set_credentials(lee.id, replace(CREDENTIALS, legacy_secret=b"z"))
        assert (await d.credentials(lee.id)).legacy_secret == b"z"  # type: ignore[union-attr]
        await d.update_domain(Domain(name="example.test", catch_all="lea@example.test"))
        assert (await d.domains())[0].catch_all == "lea@example.test"
        for account in await d.accounts():
            await d.remove_account(account.id)
        with pytest.raises(NoSuchAccount):
            await d.remove_account(lee.id)
        with pytest.raises(NoSuchAccount):
            await d.update_account(lee)
        assert len(await d.aliases()) == 1
        await d.remove_alias("all@example.test")
        with pytest.raises(NoSuchAlias):
            await d.remove_alias("all@example.test")
        await d.remove_domain("example.test")
        with pytest.raises(NoSuchDomain):
            await d.update_domain(Domain(name="example.test"))

    engine.run(test)


def test_quotas_are_kept(engine: Engine) -> None:
    """Each of the three limits by itself."""

    async def test(w: World) -> None:
        d = w.store.directory
        made = await d.add_account("lee@example.test", CREDENTIALS, quota_messages=5)
        assert made.quota == Quota(messages=5)
        await d.update_account(replace(made, quota_messages=None, quota_mailboxes=3))
        kept = await d.account(made.id)
        assert kept is not None
        assert kept.quota == Quota(mailboxes=3)

    engine.run(test)


def test_shares_are_found_by_those_who_have_rights(engine: Engine) -> None:
    """By address, as anyone, as an administrator; never one's own (RFC 4314 §2)."""

    async def test(w: World) -> None:
        d = w.store.directory
        lee = await d.add_account("lee@example.test", CREDENTIALS)
        boss = await d.add_account("boss@example.test", CREDENTIALS, administrator=True)
        box = MailboxId
        assert await d.shares(lee.id) == []
        await d.note_share(w.account.id, box(1), ["LEE@EXAMPLE.test", "-anyone"])
        await d.note_share(w.account.id, box(2), ["anyone", "lee@example.test"])
        await d.note_share(w.account.id, box(3), ["administrators"])
        await d.note_share(lee.id, box(9), ["authenticated"])
        assert await d.shares(lee.id) == [
            Share(owner=w.account.id, mailbox_id=box(1),
                  identifiers=("lee@example.test",)),
            Share(owner=w.account.id, mailbox_id=box(2),
                  identifiers=("anyone", "lee@example.test")),
        ]  # fmt: skip
        assert [s.mailbox_id for s in await d.shares(w.account.id)] == [9]
        assert {s.mailbox_id for s in await d.shares(boss.id)} == {2, 3, 9}
        await d.note_share(w.account.id, box(2), [])
        assert [s.mailbox_id for s in await d.shares(lee.id)] == [1]
        await d.remove_account(lee.id)
        assert {s.mailbox_id for s in await d.shares(boss.id)} == {3}
        assert await d.shares(lee.id) == []

    engine.run(test)


def test_the_server_has_annotations(engine: Engine) -> None:
    """Names are casefolded; None takes one away (RFC 5464 §6.2)."""

    async def test(w: World) -> None:
        d = w.store.directory
        await d.annotate({"/Shared/Admin": b"mailto:a@b", "/shared/comment": b"x"})
        await d.annotate({"/shared/COMMENT": None})
        assert await d.annotations() == {"/shared/admin": b"mailto:a@b"}
        with pytest.raises(NoteTooLarge):
            await d.annotate({"/a": b"", "/b": b"x" * 65537})
        assert len(await d.annotations()) == 1

    engine.run(test)


def test_certificates_are_bound_to_accounts(engine: Engine) -> None:
    """A fingerprint is one account's, and goes with it."""

    async def test(w: World) -> None:
        d = w.store.directory
        account = await d.account_at("kim@example.test")
        assert account is not None
        one, other = "ab" * 32, "cd" * 32
        assert await d.account_of_certificate(one) is None
        await d.bind_certificate(account.id, one)
        await d.bind_certificate(account.id, other)
        assert await d.account_of_certificate(one) == account
        assert await d.certificates(account.id) == [one, other]
        with pytest.raises(AlreadyExists):
            await d.bind_certificate(account.id, one)
        with pytest.raises(NoSuchAccount):
            await d.bind_certificate(AccountId("nobody"), "ef" * 32)
        assert await d.unbind_certificate(account.id, one)
        assert not await d.unbind_certificate(account.id, one)
        assert await d.account_of_certificate(one) is None
        await d.remove_account(account.id)
        assert await d.account_of_certificate(other) is None

    engine.run(test)


def dkim_key(
    selector: str, state: KeyState = KeyState.ACTIVE, at: float = 1
) -> DkimKey:
    return DkimKey(
        domain="EXAMPLE.test",
        selector=selector,
        type="rsa",
        state=state,
        record=f"v=DKIM1; p={selector}",
        sealed=b"\x00sealed",
        created_at=at,
        changed_at=at,
    )


def test_dkim_keys(engine: Engine) -> None:
    """Kept by domain and selector; changes are seen at once, and all or none."""

    async def test(w: World) -> None:
        d = w.store.directory
        assert await d.dkim_keys("example.test") == ()
        await d.add_dkim_keys([dkim_key("b", at=2), dkim_key("a")])
        found = await d.dkim_keys("Example.TEST")
        assert [key.selector for key in found] == ["a", "b"]
        assert found[0] == replace(dkim_key("a"), domain="example.test")
        with pytest.raises(AlreadyExists):
            await d.add_dkim_keys([dkim_key("c"), dkim_key("a")])
        with pytest.raises(NoSuchDomain):
            await d.add_dkim_keys([replace(dkim_key("c"), domain="else.test")])
        with pytest.raises(NoSuchKey):
            await d.change_dkim_keys(
                "example.test", {"a": KeyState.RETIRING, "c": None}, 9
            )
        assert await d.dkim_keys("example.test") == found
        await d.change_dkim_keys("example.test", {"a": KeyState.RETIRING, "b": None}, 9)
        (only,) = await d.dkim_keys("example.test")
        assert (only.selector, only.state, only.changed_at) == (
            "a",
            KeyState.RETIRING,
            9,
        )
        await d.add_domain(Domain(name="gone.test"))
        await d.add_dkim_keys([replace(dkim_key("a"), domain="gone.test")])
        await d.remove_domain("gone.test")
        assert await d.dkim_keys("gone.test") == ()

    engine.run(test)


def test_what_was_changed_is_seen_at_once(engine: Engine) -> None:
    """Also by who looked a moment ago, in the same turn of the loop."""

    async def test(w: World) -> None:
        d = w.store.directory
        for number in range(5):
            address = f"n{number}@example.test"
            assert await d.account_at(address) is None
            account = await d.add_account(address, CREDENTIALS)
            assert await d.account_at(address) == account
            await d.remove_account(account.id)
            assert await d.account_at(address) is None
            assert await d.account(account.id) is None

    engine.run(test)
