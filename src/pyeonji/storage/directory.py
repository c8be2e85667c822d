"""Who exists: domains, accounts, aliases and their credentials.

Addresses are kept and looked up in one canonical form (`canonical`): NFC,
casefolded, the domain as a U-label. Look-ups are asked on each RCPT, so the
embedded engine answers them from memory and notices changes by other
processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from pyeonji.storage.entries import Quota

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyeonji.base.ids import AccountId, MailboxId
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
    quota_messages: int | None = None
    quota_mailboxes: int | None = None

    @property
    def quota(self) -> Quota:
        """What it may hold."""
        return Quota(
            octets=self.quota_octets,
            messages=self.quota_messages,
            mailboxes=self.quota_mailboxes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """An address that stands for others; a list hides no members from them."""

    address: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A mailbox of another account in which an account was given rights."""

    owner: AccountId
    mailbox_id: MailboxId
    identifiers: tuple[str, ...]  # those given rights that mean the account


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What proves who somebody is; never the password, except sealed."""

    password_hash: str  # argon2id, PHC form
    scram_sha1: ScramKeys
    scram_sha256: ScramKeys
    legacy_secret: bytes | None = None  # sealed password, for APOP and CRAM-MD5


class KeyState(StrEnum):
    """How far a signing key has come; a key only moves forward."""

    WAITING = "waiting"  # to be published before it signs
    ACTIVE = "active"  # signs
    RETIRING = "retiring"  # signs no more, but stays published for a while


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A DKIM key of a domain; the private half is sealed."""

    domain: str
    selector: str
    type: str  # "rsa", "ed25519"
    state: KeyState
    record: str  # to be published: v=DKIM1; …
    sealed: bytes
    created_at: float  # Unix seconds
    changed_at: float  # when it came to its state


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

    async def shares(self, account_id: AccountId) -> list[Share]:
        """Mailboxes of others that an account may see, by owner and mailbox.

        By its address, as "anyone" and "authenticated", and as one of the
        "administrators". The mailbox may be gone, or the rights taken by a
        negative identifier: ask the owner's account for its rights.
        """

    async def annotations(self) -> dict[str, bytes]:
        """Annotations of the server itself: name -> value."""

    async def account_of_certificate(self, fingerprint: str) -> Account | None:
        """The account that a client certificate was bound to.

        Args:
            fingerprint: SHA-256, 64 lower-case hexadecimal digits.
        """

    async def certificates(self, account_id: AccountId) -> list[str]:
        """Fingerprints of the certificates that are bound to an account."""

    async def bind_certificate(self, account_id: AccountId, fingerprint: str) -> None:
        """Let the holder of a certificate in. Raises NoSuchAccount, AlreadyExists."""

    async def unbind_certificate(self, account_id: AccountId, fingerprint: str) -> bool:
        """Keep it out again; False when it was not bound to this account."""

    async def dkim_keys(self, domain: str) -> tuple[DkimKey, ...]:
        """The keys of exactly this domain, in any state, oldest first."""

    async def add_dkim_keys(self, keys: Sequence[DkimKey]) -> None:
        """Keep new keys. Raises AlreadyExists (the selector), NoSuchDomain."""

    async def change_dkim_keys(
        self,
        domain: str,
        states: Mapping[str, KeyState | None],
        now: float,
    ) -> None:
        """Give keys, by selector, other states; None forgets one. All or none.

        Raises:
            NoSuchKey.
        """

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

    async def note_share(
        self, owner: AccountId, mailbox_id: MailboxId, identifiers: Sequence[str]
    ) -> None:
        """Keep who has rights in a mailbox, instead of what was kept of it.

        To be called after `AccountStore.set_rights`, with all identifiers that
        have rights; negative ones are left out. None forgets the mailbox.
        """

    async def annotate(self, changes: Mapping[str, bytes | None]) -> None:
        """Set annotations of the server, or remove those given as None.

        Raises:
            TooManyNotes, NoteTooLarge.
        """

    async def add_alias(self, alias: Alias) -> None:
        """Raises AlreadyExists, NoSuchDomain."""

    async def remove_alias(self, address: str) -> None:
        """Raises NoSuchAlias."""
