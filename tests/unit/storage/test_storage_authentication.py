"""Who may come in, how long a refusal takes, and what is remembered."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyeonji.base.clock import SetClock
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Exchange,
    Failed,
    PasswordNeeded,
    ScramKeysNeeded,
    SecretNeeded,
    Succeeded,
)
from pyeonji.storage import authentication
from pyeonji.storage.authentication import Admitted, Authenticator
from pyeonji.storage.credentials import Sealer, make_credentials, verify
from pyeonji.storage.directory import Account, Domain
from pyeonji.storage.embedded import Store, open_store

PEER = "192.0.2.1"


class Bench:
    """An authenticator whose waiting is written down instead of done."""

    def __init__(self, store: Store, *, legacy: bool) -> None:
        self.waits: list[float] = []
        self.clock = SetClock()
        self.store = store
        self.auth = Authenticator(
            store.directory,
            sealer=store.sealer,
            clock=self.clock,
            legacy=legacy,
            sleep=self.sleep,
        )

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def run(
    data: Path, test: Callable[[Bench, Account], Awaitable[Any]], *, legacy: bool = True
) -> None:
    async def main() -> None:
        store = await open_store(data)
        await store.directory.add_domain(Domain(name="x.test"))
        sealed = make_credentials("open sesame", sealer=store.sealer)
        account = await store.directory.add_account("kim@x.test", sealed)
        bench = Bench(store, legacy=legacy)
        try:
            await test(bench, account)
        finally:
            bench.auth.close()
            await store.close()

    asyncio.run(main())


def test_right_and_wrong_passwords(tmp_path: Path) -> None:
    """A refusal takes two seconds, and more each time for the same pair."""

    async def test(b: Bench, account: Account) -> None:
        check = b.auth.check_password
        assert await check("KIM@x.test", "open sesame", PEER) == account
        assert b.waits == []
        for wrong in ("open sesam", "", "x" * 5000, "\ud800"):
            assert await check("kim@x.test", wrong, PEER) is None
        assert await check("nobody@x.test", "open sesame", PEER) is None
        assert await check("kim@x.test", "no", "192.0.2.2") is None
        assert b.waits == [2.0, 1.0, 2.0, 3.0, 2.0, 7.0, 2.0, 2.0, 2.0]
        # a right guess is as late as a wrong one would be
        assert await check("kim@x.test", "open sesame", PEER) == account
        assert b.waits[-1] == 15.0
        assert await check("kim@x.test", "open sesame", PEER) == account
        assert len(b.waits) == 10  # and forgives
        b.clock.advance(901)
        assert await check("kim@x.test", "no", PEER) is None
        assert b.waits[-1] == 2.0
        await b.store.directory.update_account(replace(account, enabled=False))
        assert await check("kim@x.test", "open sesame", PEER) is None

    run(tmp_path, test)


def test_many_at_once_are_one_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same name and password; who hangs up meanwhile ends it for no other."""
    checked: list[str] = []

    def counted(kept: str | None, password: str) -> bool:
        checked.append(password)
        return verify(kept, password)

    monkeypatch.setattr(authentication, "verify", counted)

    async def test(b: Bench, account: Account) -> None:
        check = b.auth.check_password

        async def ask(name: str, password: str) -> Account | None:
            return await check(name, password, PEER)

        first = asyncio.ensure_future(ask("kim@x.test", "open sesame"))
        others = [
            asyncio.ensure_future(ask("kim@x.test", "open sesame")) for _ in range(7)
        ]
        while not checked:  # noqa: ASYNC110 - a thread tells
            await asyncio.sleep(0.001)
        first.cancel()
        assert await asyncio.gather(*others) == [account] * 7
        assert checked == ["open sesame"]

        wrong = [ask("kim@x.test", "wrong"), ask("lee@x.test", "wrong")]
        assert await asyncio.gather(*wrong) == [None, None]
        assert checked == ["open sesame", "wrong", "wrong"]

    run(tmp_path, test)


def test_names_are_prepared(tmp_path: Path) -> None:
    """By SASLprep, as in mechanisms, and so for penalties too (RFC 6856 §2.2)."""

    async def test(b: Bench, account: Account) -> None:
        check = b.auth.check_password
        wide = "\uff4b\uff49\uff4d@x.test"  # NFKC makes it narrow
        soft = "k\u00adim@x.test"  # a soft hyphen is nothing
        for name in (wide, soft):
            assert await check(name, "open sesame", PEER) == account
        for name in ("kim\u0007@x.test", "\ud800@x.test", ""):
            assert await check(name, "open sesame", PEER) is None
        before = len(b.waits)
        assert await check(soft, "wrong", PEER) is None
        assert await check(wide, "wrong", PEER) is None
        # the second waits before it is heard, for it is the same name
        assert len(b.waits) == before + 3

    run(tmp_path, test)


def test_a_changed_password_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was right lately is known by its hash, and dies with it."""
    checked: list[str] = []

    def counted(kept: str | None, password: str) -> bool:
        checked.append(password)
        return verify(kept, password)

    monkeypatch.setattr(authentication, "verify", counted)

    async def test(b: Bench, account: Account) -> None:
        check = b.auth.check_password
        assert await check("kim@x.test", "open sesame", PEER) == account
        for _ in range(20):
            assert await check("kim@x.test", "open sesame", PEER) == account
        assert checked == ["open sesame"]
        await b.store.directory.set_credentials(account.id, make_credentials("other"))
        assert await check("kim@x.test", "open sesame", PEER) is None
        assert await check("kim@x.test", "other", PEER) == account

    run(tmp_path, test)


def exchange(*steps: Any, end: Any) -> Exchange:
    """Ask each step and remember the answers in `end` if it is a list."""

    def work() -> Exchange:
        answers: list[Any] = [None] * len(steps)
        for number, step in enumerate(steps):
            answers[number] = yield step
        over: Succeeded | Failed = end(answers) if callable(end) else end
        return over

    return work()


def test_sasl_steps_are_answered(tmp_path: Path) -> None:
    """Challenges go to the door, everything else to the directory."""

    async def test(b: Bench, account: Account) -> None:
        kept: list[Any] = []

        def end(answers: list[Any]) -> Succeeded:
            kept.extend(answers)
            return Succeeded("kim@x.test")

        conversation = exchange(
            Challenge(b"hello"),
            PasswordNeeded("kim@x.test", "open sesame"),
            ScramKeysNeeded("kim@x.test", "SCRAM-SHA-256"),
            SecretNeeded("kim@x.test"),
            ScramKeysNeeded("nobody@x.test", "SCRAM-SHA-1"),
            end=end,
        )
        step = b.auth.step
        assert await step(conversation, None, PEER) == Challenge(b"hello")
        assert await step(conversation, b"me", PEER) == Admitted(
            account=account, authcid="kim@x.test"
        )
        credentials = await b.store.directory.credentials(account.id)
        assert credentials is not None
        assert kept[:4] == [b"me", True, credentials.scram_sha256, "open sesame"]
        assert kept[4].salt != credentials.scram_sha1.salt

    run(tmp_path, test)


def test_ends_that_are_refusals(tmp_path: Path) -> None:
    """Only administrators act as others; a malformed response is not a failure."""

    async def test(b: Bench, account: Account) -> None:
        step = b.auth.step
        lee = await b.store.directory.add_account("lee@x.test", make_credentials("x"))
        bad = Failed("broken", malformed=True)
        assert await step(exchange(end=bad), None, PEER) == bad
        assert b.waits == []
        wrong = Failed("no", "kim@x.test")
        assert await step(exchange(end=wrong), None, PEER) == wrong
        as_lee = Succeeded("kim@x.test", "LEE@x.test")
        assert isinstance(await step(exchange(end=as_lee), None, PEER), Failed)
        assert b.waits == [2.0, 2.0]
        await b.store.directory.update_account(replace(account, administrator=True))
        admitted = await step(exchange(end=as_lee), None, PEER)
        assert isinstance(admitted, Admitted)
        assert (admitted.account, admitted.authcid) == (lee, "kim@x.test")
        gone = Succeeded("nobody@x.test")
        assert isinstance(await step(exchange(end=gone), None, PEER), Failed)

    run(tmp_path, test)


@pytest.mark.parametrize("legacy", [True, False])
def test_digests(tmp_path: Path, legacy: bool) -> None:
    """APOP works only where the operator keeps secrets (RFC 1939 §7)."""

    async def test(b: Bench, account: Account) -> None:
        def compute(secret: str) -> bytes:
            return hashlib.md5(b"<1@x>" + secret.encode()).digest()

        check = b.auth.check_digest
        right = compute("open sesame")
        found = await check("kim@x.test", right, compute, PEER)
        assert found == (account if legacy else None)
        assert await check("kim@x.test", b"x", compute, PEER) is None
        assert await check("no@x.test", right, compute, PEER) is None

    run(tmp_path, test, legacy=legacy)


def test_credentials_say_nothing_of_the_password(tmp_path: Path) -> None:
    """argon2id, SCRAM keys of RFC 5802 §3, and a seal that only we open."""
    sealer = Sealer.of_file(tmp_path / "secret.key")
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600
    made = make_credentials("비밀번호", sealer=sealer)
    assert made.password_hash.startswith("$argon2id$")
    assert verify(made.password_hash, "비밀번호")
    assert not verify(None, "비밀번호")
    assert not verify("rubbish", "x")
    assert made.legacy_secret is not None
    again = Sealer.of_file(tmp_path / "secret.key")
    assert again.unseal(made.legacy_secret) == "비밀번호"
    assert again.unseal(made.legacy_secret[:-1] + b"\0") is None
    assert again.unseal(b"") is None
    wide = make_credentials("ｐａｓｓ\u00a0word", sealer=sealer)  # RFC 4013 §2
    assert wide.legacy_secret is not None
    assert again.unseal(wide.legacy_secret) == "pass word"
    assert make_credentials("x").legacy_secret is None
    salted = hashlib.pbkdf2_hmac(
        "sha1", "비밀번호".encode(), made.scram_sha1.salt, made.scram_sha1.iterations
    )
    key = hmac.digest(salted, b"Client Key", "sha1")
    assert made.scram_sha1.stored_key == hashlib.sha1(key).digest()
    for bad in ("", "x" * 1025):
        with pytest.raises(ValueError, match="octets"):
            make_credentials(bad)
    keys = sealer.made_up_keys("a", "SCRAM-SHA-1")
    assert keys == again.made_up_keys("a", "SCRAM-SHA-1")
    assert base64.b64encode(keys.salt) != b""
