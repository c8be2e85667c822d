"""Who exists: domains, accounts, aliases and their credentials.

Addresses are kept and looked up in one canonical form (`canonical`): NFC,
casefolded, the domain as a U-label. Look-ups are asked on each RCPT, so the
embedded engine answers them from memory and notices changes by other
processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId
    from pyeonji.protocol.sasl.steps import ScramKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain whose mail we keep."""

    name: str
    administrator: AccountId | None = None  # postmaster's mail (RFC 5321 §4.5.1)
    catch_all: str | None = None  # address that gets mail for unknown local parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Somebody with mailboxes."""

    id: AccountId
    address: str
    name: str = ""  # display name
    quota_octets: int | None = None
    enabled: bool = True
    administrator: bool = False  # may see and change all of the system
    turn_domains: tuple[str, ...] = ()  # domains it may ETRN and TURN


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An address that stands for others; a list hides no members from them."""

    address: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves who somebody is; never the password, except sealed."""

    password_hash: str  # argon2id, PHC form
    scram_sha1: ScramKeys
    scram_sha256: ScramKeys
    legacy_secret: bytes | None = None  # sealed password, for APOP and CRAM-MD5


class Directory(Protocol):
    """Look-ups take any spelling of a name and return None where there is none."""

    async def domain(self, name: str) -> Domain | None:
        """A domain of ours."""

    async def account(self, account_id: AccountId) -> Account | None:
        """An account by its id."""

    async def account_at(self, address: str) -> Account | None:
        """The account that has exactly this address."""

    async def alias(self, address: str) -> Alias | None:
        """The alias that has exactly this address."""

    async def credentials(self, account_id: AccountId) -> Credentials | None:
        """An account's credentials."""

    async def domains(self) -> list[Domain]:
        """All, by name."""

    async def accounts(self, domain: str | None = None) -> list[Account]:
        """All, by address."""

    async def aliases(self, domain: str | None = None) -> list[Alias]:
        """All, by address."""

    async def add_domain(self, domain: Domain) -> None:
        """Raises AlreadyExists."""

    async def update_domain(self, domain: Domain) -> None:
        """Raises NoSuchDomain."""

    async def remove_domain(self, name: str) -> None:
        """Raises NoSuchDomain, AlreadyExists (it still has accounts)."""

    async def add_account(
        self, address: str, credentials: Credentials, **wanted: object
    ) -> Account:
        """Make an account; `wanted` are further fields of Account.

        The first account of a domain becomes its administrator's.

        Raises:
            AlreadyExists (as account or alias), NoSuchDomain.
        """

    async def update_account(self, account: Account) -> None:
        """Raises NoSuchAccount."""

    async def set_credentials(
        self, account_id: AccountId, credentials: Credentials
    ) -> None:
        """Raises NoSuchAccount."""

    async def remove_account(self, account_id: AccountId) -> None:
        """Take it out of the directory; its folder is MailStore.erase's business."""

    async def add_alias(self, alias: Alias) -> None:
        """Raises AlreadyExists, NoSuchDomain."""

    async def remove_alias(self, address: str) -> None:
        """Raises NoSuchAlias."""
