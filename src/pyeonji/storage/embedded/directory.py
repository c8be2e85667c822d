"""Domains, accounts, aliases and credentials in `directory.db`.

Every look-up is answered from memory; `PRAGMA data_version`, which costs a
microsecond or two, says whether another connection has written since.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pyeonji.base.ids import AccountId
from pyeonji.storage.directory import Account, Alias, Domain
from pyeonji.storage.embedded import dkim_keys, sharing
from pyeonji.storage.embedded.directory_schema import (
    ACCOUNT,
    MIGRATIONS,
    account_of,
    credentials_of,
    to_json,
)
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    data_version,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.errors import (
    AlreadyExists,
    NoSuchAccount,
    NoSuchAlias,
    NoSuchDomain,
)
from pyeonji.storage.names import canonical, canonical_domain, domain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from pyeonji.base.ids import MailboxId
    from pyeonji.storage.directory import Credentials, DkimKey, KeyState, Share

MAX_REMEMBERED: Final = 20_000
"""Answers kept in memory, those of "there is none" included."""

_WANTED: Final = {f.name for f in fields(Account)} - {"id", "address"}


class EmbeddedDirectory:
    """See Directory."""

    def __init__(self, path: Path, threads: Executor) -> None:
        self._reader = connect(path, MIGRATIONS, synchronous="FULL")
        self._writer = connect(path, MIGRATIONS, synchronous="FULL")
        self._writer.execute("PRAGMA foreign_keys = ON")
        self._threads = threads
        self._writing = asyncio.Lock()
        self._known: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._version = -1
        self._looked = False  # in this turn of the loop, whether somebody wrote

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    # -- looking up

    def _look_up(self, kind: str, key: str, read: Callable[[str], Any]) -> Any:
        with errors_named():
            if not self._looked:
                self._look()
            try:
                return self._known[kind, key]
            except KeyError:
                found = self._known[kind, key] = read(key)
                if len(self._known) > MAX_REMEMBERED:
                    self._known.popitem(last=False)
                return found

    def _look(self) -> None:
        """Forget all if somebody wrote; that holds for this turn of the loop."""
        version = data_version(self._reader)
        if version != self._version:
            self._known.clear()
            self._version = version
        self._looked = True
        asyncio.get_running_loop().call_soon(self._look_again)

    def _look_again(self) -> None:
        self._looked = False

    def _read_domain(self, name: str) -> Domain | None:
        row = one(
            self._reader,
            "SELECT name, administrator, catch_all FROM domains WHERE name = ?",
            (name,),
        )
        return row and Domain(name=row[0], administrator=row[1], catch_all=row[2])

    def _read_alias(self, address: str) -> Alias | None:
        row = one(
            self._reader,
            "SELECT address, targets FROM aliases WHERE address = ?",
            (address,),
        )
        return row and Alias(address=row[0], targets=tuple(msgspec.json.decode(row[1])))

    def _read_account(self, account_id: str) -> Account | None:
        return account_of(one(self._reader, ACCOUNT + "WHERE id = ?", (account_id,)))

    def _read_account_at(self, address: str) -> Account | None:
        return account_of(one(self._reader, ACCOUNT + "WHERE address = ?", (address,)))

    def _read_credentials(self, account_id: str) -> Credentials | None:
        return credentials_of(
            one(
                self._reader,
                "SELECT credentials FROM accounts WHERE id = ?",
                (account_id,),
            )
        )

    async def domain(self, name: str) -> Domain | None:
        """See Directory."""
        found: Domain | None = self._look_up(
            "domain", canonical_domain(name), self._read_domain
        )
        return found

    async def account(self, account_id: AccountId) -> Account | None:
        """See Directory."""
        found: Account | None = self._look_up("id", account_id, self._read_account)
        return found

    async def account_at(self, address: str) -> Account | None:
        """See Directory."""
        found: Account | None = self._look_up(
            "account", _safe(canonical(address)), self._read_account_at
        )
        return found

    async def alias(self, address: str) -> Alias | None:
        """See Directory."""
        found: Alias | None = self._look_up(
            "alias", _safe(canonical(address)), self._read_alias
        )
        return found

    async def credentials(self, account_id: AccountId) -> Credentials | None:
        """See Directory."""
        found: Credentials | None = self._look_up(
            "credentials", account_id, self._read_credentials
        )
        return found

    async def shares(self, account_id: AccountId) -> list[Share]:
        """See Directory."""
        account = await self.account(account_id)
        if account is None:
            return []
        found: list[Share] = self._look_up(
            "shares",
            account_id,
            lambda _: sharing.read_shares(self._reader, account),
        )
        return list(found)

    async def annotations(self) -> dict[str, bytes]:
        """See Directory."""
        found: dict[str, bytes] = self._look_up(
            "annotations", "", lambda _: sharing.read_annotations(self._reader)
        )
        return dict(found)

    def _read_certificate(self, fingerprint: str) -> Account | None:
        row = one(
            self._reader,
            "SELECT account FROM certificates WHERE fingerprint = ?",
            (fingerprint,),
        )
        return self._read_account(row[0]) if row else None

    async def account_of_certificate(self, fingerprint: str) -> Account | None:
        """See Directory."""
        found: Account | None = self._look_up(
            "certificate", fingerprint, self._read_certificate
        )
        return found

    async def certificates(self, account_id: AccountId) -> list[str]:
        """See Directory."""
        with errors_named():
            return [
                row[0]
                for row in self._reader.execute(
                    "SELECT fingerprint FROM certificates WHERE account = ? ORDER BY 1",
                    (account_id,),
                )
            ]

    async def dkim_keys(self, domain: str) -> tuple[DkimKey, ...]:
        """See Directory."""
        found: tuple[DkimKey, ...] = self._look_up(
            "dkim",
            _safe(canonical_domain(domain)),
            lambda name: dkim_keys.read_keys(self._reader, name),
        )
        return found

    async def domains(self) -> list[Domain]:
        """See Directory."""
        with errors_named():
            rows = self._reader.execute(
                "SELECT name, administrator, catch_all FROM domains ORDER BY name"
            ).fetchall()
        return [Domain(name=n, administrator=a, catch_all=c) for n, a, c in rows]

    async def accounts(self, domain: str | None = None) -> list[Account]:
        """See Directory."""
        name = domain and canonical_domain(domain)
        with errors_named():
            rows = self._reader.execute(
                ACCOUNT + "WHERE ?1 IS NULL OR domain = ?1 ORDER BY address", (name,)
            ).fetchall()
        return [account for row in rows if (account := account_of(row))]

    async def aliases(self, domain: str | None = None) -> list[Alias]:
        """See Directory."""
        name = domain and canonical_domain(domain)
        with errors_named():
            rows = self._reader.execute(
                "SELECT address, targets FROM aliases"
                " WHERE ?1 IS NULL OR domain = ?1 ORDER BY address",
                (name,),
            ).fetchall()
        return [
            Alias(address=a, targets=tuple(msgspec.json.decode(t))) for a, t in rows
        ]

    # -- changing

    async def _write(self, job: Callable[[Database], Any]) -> Any:
        """Run a job in a transaction in a thread; stable when this returns."""

        def work() -> Any:
            with errors_named(), transaction(self._writer):
                return job(self._writer)

        async with self._writing:
            try:
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, work
                )
            finally:
                self._looked = False

    async def add_domain(self, domain: Domain) -> None:
        """See Directory."""
        name = canonical_domain(domain.name)

        def job(connection: Database) -> None:
            if one(connection, "SELECT 1 FROM domains WHERE name = ?", (name,)):
                raise AlreadyExists(f"{name} is there already")
            connection.execute(
                "INSERT INTO domains VALUES (?, ?, ?)",
                (name, domain.administrator, domain.catch_all),
            )

        await self._write(job)

    async def add_dkim_keys(self, keys: Sequence[DkimKey]) -> None:
        """See Directory."""
        await self._write(lambda connection: dkim_keys.add_keys(connection, keys))

    async def change_dkim_keys(
        self, domain: str, states: Mapping[str, KeyState | None], now: float
    ) -> None:
        """See Directory."""
        name = canonical_domain(domain)

        def job(connection: Database) -> None:
            dkim_keys.change_keys(connection, name, states, now)

        await self._write(job)

    async def update_domain(self, domain: Domain) -> None:
        """See Directory."""
        name = canonical_domain(domain.name)

        def job(connection: Database) -> None:
            connection.execute(
                "UPDATE domains SET administrator = ?, catch_all = ? WHERE name = ?",
                (domain.administrator, domain.catch_all, name),
            )
            if not connection.changes():
                raise NoSuchDomain(f"there is no domain {name} here")

        await self._write(job)

    async def remove_domain(self, name: str) -> None:
        """See Directory; its aliases go with it."""
        name = canonical_domain(name)

        def job(connection: Database) -> None:
            if one(connection, "SELECT 1 FROM accounts WHERE domain = ?", (name,)):
                raise AlreadyExists(f"{name} still has accounts")
            connection.execute("DELETE FROM aliases WHERE domain = ?", (name,))
            connection.execute("DELETE FROM domains WHERE name = ?", (name,))
            if not connection.changes():
                raise NoSuchDomain(f"there is no domain {name} here")

        await self._write(job)

    async def add_account(
        self, address: str, credentials: Credentials, **wanted: object
    ) -> Account:
        """See Directory."""
        if unknown := wanted.keys() - _WANTED:
            raise TypeError(f"no such fields of an account: {sorted(unknown)}")
        address = canonical(address)
        account = Account(
            id=AccountId(secrets.token_hex(8)),
            address=address,
            **wanted,  # type: ignore[arg-type]
        )

        def job(connection: Database) -> None:
            domain = _check_free(connection, address)
            connection.execute(
                "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    account.id,
                    address,
                    domain,
                    account.name,
                    account.quota_octets,
                    account.enabled,
                    account.administrator,
                    to_json(account.turn_domains),
                    to_json(credentials),
                    account.quota_messages,
                    account.quota_mailboxes,
                ),
            )
            connection.execute(
                "UPDATE domains SET administrator = ?"
                " WHERE name = ? AND administrator IS NULL",
                (account.id, domain),
            )

        await self._write(job)
        return account

    async def update_account(self, account: Account) -> None:
        """See Directory; the address may change too."""
        address = canonical(account.address)

        def job(connection: Database) -> None:
            row = one(
                connection, "SELECT address FROM accounts WHERE id = ?", (account.id,)
            )
            if row is None:
                raise NoSuchAccount(account.id)
            if row[0] != address:
                _check_free(connection, address)
            connection.execute(
                "UPDATE accounts SET address = ?, domain = ?, name = ?,"
                " quota_octets = ?, enabled = ?, administrator = ?, turn_domains = ?,"
                " quota_messages = ?, quota_mailboxes = ? WHERE id = ?",
                (
                    address,
                    domain_of(address),
                    account.name,
                    account.quota_octets,
                    account.enabled,
                    account.administrator,
                    to_json(account.turn_domains),
                    account.quota_messages,
                    account.quota_mailboxes,
                    account.id,
                ),
            )

        await self._write(job)

    async def set_credentials(
        self, account_id: AccountId, credentials: Credentials
    ) -> None:
        """See Directory."""

        def job(connection: Database) -> None:
            connection.execute(
                "UPDATE accounts SET credentials = ? WHERE id = ?",
                (to_json(credentials), account_id),
            )
            if not connection.changes():
                raise NoSuchAccount(account_id)

        await self._write(job)

    async def bind_certificate(self, account_id: AccountId, fingerprint: str) -> None:
        """See Directory."""

        def job(connection: Database) -> None:
            if not one(
                connection, "SELECT 1 FROM accounts WHERE id = ?", (account_id,)
            ):
                raise NoSuchAccount(account_id)
            if one(
                connection,
                "SELECT 1 FROM certificates WHERE fingerprint = ?",
                (fingerprint,),
            ):
                raise AlreadyExists(f"{fingerprint} is bound to an account already")
            connection.execute(
                "INSERT INTO certificates VALUES (?, ?)", (fingerprint, account_id)
            )

        await self._write(job)

    async def unbind_certificate(self, account_id: AccountId, fingerprint: str) -> bool:
        """See Directory."""

        def job(connection: Database) -> bool:
            connection.execute(
                "DELETE FROM certificates WHERE fingerprint = ? AND account = ?",
                (fingerprint, account_id),
            )
            return bool(connection.changes())

        return bool(await self._write(job))

    async def remove_account(self, account_id: AccountId) -> None:
        """See Directory. Raises NoSuchAccount."""

        def job(connection: Database) -> None:
            row = one(
                connection,
                "DELETE FROM accounts WHERE id = ? RETURNING address",
                (account_id,),
            )
            if row is None:
                raise NoSuchAccount(account_id)
            connection.execute(
                "INSERT OR IGNORE INTO former_accounts VALUES (?, ?)",
                (account_id, row[0]),
            )
            connection.execute("DELETE FROM shares WHERE owner = ?", (account_id,))
            connection.execute(
                "UPDATE domains SET administrator = NULL WHERE administrator = ?",
                (account_id,),
            )

        await self._write(job)

    async def note_share(
        self, owner: AccountId, mailbox_id: MailboxId, identifiers: Sequence[str]
    ) -> None:
        """See Directory."""
        await self._write(
            lambda connection: sharing.note_share(
                connection, owner, mailbox_id, identifiers
            )
        )

    async def annotate(self, changes: Mapping[str, bytes | None]) -> None:
        """See Directory."""
        await self._write(lambda connection: sharing.annotate(connection, changes))

    async def add_alias(self, alias: Alias) -> None:
        """See Directory."""
        address = canonical(alias.address)
        targets = [canonical(target) for target in alias.targets]

        def job(connection: Database) -> None:
            domain = _check_free(connection, address)
            connection.execute(
                "INSERT INTO aliases VALUES (?, ?, ?)",
                (address, domain, to_json(targets)),
            )

        await self._write(job)

    async def remove_alias(self, address: str) -> None:
        """See Directory."""
        address = canonical(address)

        def job(connection: Database) -> None:
            connection.execute("DELETE FROM aliases WHERE address = ?", (address,))
            if not connection.changes():
                raise NoSuchAlias(f"there is no alias {address}")

        await self._write(job)


def _safe(key: str) -> str:
    """A key that SQLite can take: lone surrogates stand for nothing we keep."""
    return key if key.isprintable() else key.encode("utf-8", "replace").decode()


def _check_free(connection: Database, address: str) -> str:
    """The domain of an address that can be given. Raises as add_account does."""
    domain = domain_of(address)
    if not one(connection, "SELECT 1 FROM domains WHERE name = ?", (domain,)):
        raise NoSuchDomain(f"there is no domain {domain} here")
    for table in ("accounts", "aliases"):
        if one(connection, f"SELECT 1 FROM {table} WHERE address = ?", (address,)):  # noqa: S608 - one of two names
            raise AlreadyExists(f"{address} is there already")
    return domain
