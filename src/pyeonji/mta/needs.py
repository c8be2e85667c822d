"""What the MTA needs of its neighbours; `serve` passes it in.

Delivery and aliases are the MDA's, which this package must not know; these
are the shapes that `mda.aliases.Aliases` and `mda.deliver.Deliverer` have.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.directory import Account
    from pyeonji.storage.mailboxes import Delivered


class Expansion(Protocol):
    """What an address of ours stands for."""

    @property
    def accounts(self) -> tuple[tuple[str, Account], ...]:
        """(address as delivered to, account)."""

    @property
    def remote(self) -> tuple[str, ...]:
        """Addresses in other domains."""

    @property
    def alias(self) -> bool:
        """Whether the address stood for others."""


class Placed(Protocol):
    """Where a letter went; stable after `sync` of the account."""

    @property
    def account_id(self) -> AccountId:
        """Whose mailbox it is."""

    @property
    def delivered(self) -> Delivered:
        """Where it stands."""


class Deliver(Protocol):
    """Delivers one letter to one final recipient here."""

    async def __call__(
        self,
        *,
        delivery_id: str,
        recipient: str,
        reverse_path: str,
        content: Content,
        prefix: bytes,
        prepared: Prepared,
        received_at: float,
        junk: bool = False,
    ) -> Placed:
        """Visible on return, stable after `sync`; to Junk if policy says so.

        Raises:
            PermanentError: bounce.
            PyeonjiError: any other: try later.
        """


Expand = Callable[[str], Awaitable[Expansion | None]]
"""Who an address stands for; None: nobody, in a domain of ours.

An address in another domain stands for itself: `remote` alone, no `alias`.
Raises PermanentError.
"""

IsLocal = Callable[[str], Awaitable[bool]]
"""Whether an address is in a domain whose mail we keep."""

HasRoom = Callable[["Account", int], Awaitable[bool]]
"""Whether a letter of so many octets still fits into an account."""

Sync = Callable[["AccountId"], Awaitable[None]]
"""Returns when all deliveries to the account so far are stable."""
