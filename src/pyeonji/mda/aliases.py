"""Who an address stands for: accounts, aliases, sub-addresses, catch-all.

The order, first match wins: an account of exactly that address; an alias; the
same two without the detail of a sub-address (kim+work@ is kim@); postmaster@
any of our domains; the domain's catch-all address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from pyeonji.storage.directory import Account, Directory

MAX_DEPTH: Final = 16
"""Aliases that lead to aliases."""

MAX_MEMBERS: Final = 10_000
"""Addresses that one alias may stand for in the end."""


class AliasLoops(PermanentError):
    """Aliases lead nowhere but to each other, too deep or to too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What an address of ours comes to.

    `accounts` are (address as delivered to, account); `remote` are addresses
    in other domains. `alias` says whether the address stood for others.
    """

    accounts: tuple[tuple[str, Account], ...] = ()
    remote: tuple[str, ...] = ()
    alias: bool = False


class _Gathered:
    """What an expansion has come to so far."""

    def __init__(self) -> None:
        self.accounts: dict[str, tuple[str, Account]] = {}
        self.remote: dict[str, None] = {}
        self._seen: set[str] = set()

    def new(self, names: list[str]) -> list[str]:
        """Those of the names that were not looked at yet, each once."""
        fresh = {name.lower(): name for name in names}
        fresh = {key: name for key, name in fresh.items() if key not in self._seen}
        self._seen.update(fresh)
        if len(self._seen) > MAX_MEMBERS:
            raise AliasLoops("an alias stands for too many addresses")
        return list(fresh.values())

    def take(
        self, name: str, found: Account | tuple[str, ...] | None
    ) -> tuple[str, ...]:
        """Keep an account; return the targets of an alias."""
        if isinstance(found, tuple):
            return found
        if found is not None and found.enabled:
            self.accounts.setdefault(found.id, (name, found))
        return ()

    def expansion(self) -> Expansion | None:
        """All of it, or None when it leads to nobody."""
        if not self.accounts and not self.remote:
            return None
        return Expansion(
            accounts=tuple(self.accounts.values()),
            remote=tuple(self.remote),
            alias=len(self._seen) > 1,
        )


class Aliases:
    """Looks addresses up in the directory."""

    def __init__(
        self, directory: Directory, *, hostname: str, delimiter: str = "+"
    ) -> None:
        """Nothing is read yet.

        Args:
            directory: who exists.
            hostname: ours; postmaster of it is the first domain's.
            delimiter: of sub-addresses (RFC 5233 §4); "" for none.
        """
        self._directory = directory
        self._hostname = hostname.lower()
        self._delimiter = delimiter

    async def is_local(self, address: str) -> bool:
        """Whether the address is in a domain whose mail we keep."""
        _, at, domain = address.rpartition("@")
        return not at or await self._directory.domain(domain) is not None

    async def expand(self, address: str) -> Expansion | None:
        """Find all that an address of ours stands for; None: nobody.

        Args:
            address: local@domain in a domain of ours, or "postmaster" alone.

        Raises:
            AliasLoops.
        """
        account = await self._directory.account_at(address)
        if account is not None:
            found = ((address, account),) if account.enabled else ()
            return Expansion(accounts=found) if found else None
        gathered = _Gathered()
        level: list[str] = [address]
        for _ in range(MAX_DEPTH):
            following: list[str] = []
            for name in gathered.new(level):
                if await self.is_local(name):
                    following += gathered.take(name, await self._step(name))
                else:
                    gathered.remote[name] = None
            if not following:
                return gathered.expansion()
            level = following
        raise AliasLoops(f"{address} leads too far")

    async def account_for(self, address: str) -> Account | None:
        """The one account that a final address is delivered to, if it is one."""
        found = await self._step(address)
        return None if isinstance(found, tuple) else found

    async def _step(self, address: str) -> Account | tuple[str, ...] | None:
        """One look: an account, the targets of an alias, or nobody."""
        local, _, domain = address.rpartition("@")
        names = [address]
        if self._delimiter and self._delimiter in local.lstrip(self._delimiter):
            user = local[: local.index(self._delimiter, 1)]
            names.append(f"{user}@{domain}")
        for name in names:
            if (account := await self._directory.account_at(name)) is not None:
                return account
            if (alias := await self._directory.alias(name)) is not None:
                return alias.targets
        if (local or address).lower() == "postmaster":
            return await self._postmaster(domain if local else self._hostname)
        kept = await self._directory.domain(domain)
        if kept is not None and kept.catch_all:
            return (kept.catch_all,)
        return None

    async def _postmaster(self, domain: str) -> Account | None:
        """Mail for postmaster always has a reader (RFC 5321 §4.5.1)."""
        kept = await self._directory.domain(domain)
        if kept is not None and kept.administrator is not None:
            return await self._directory.account(kept.administrator)
        for other in await self._directory.domains():
            if other.administrator is not None:
                return await self._directory.account(other.administrator)
        return None
