"""Putting a letter into a mailbox: the one way in for mail from any door."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError, TemporaryError
from pyeonji.base.limits import MAX_HEADER_OCTETS
from pyeonji.storage.content import BlobFile
from pyeonji.storage.entries import SpecialUse
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.mailboxes import Delivered, Delivery

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId
    from pyeonji.mda.aliases import Aliases
    from pyeonji.message.prepare import Prepared
    from pyeonji.storage.content import Content
    from pyeonji.storage.directory import Account
    from pyeonji.storage.mailboxes import MailStore

_DELIVERED_TO: Final = re.compile(
    rb"^delivered-to:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE
)
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")


class NoSuchRecipient(PermanentError):
    """Nobody here has that address (any more)."""


class NobodyToDeliverTo(TemporaryError):
    """postmaster's mail has no reader yet: the domain has no account."""


class DeliveryLoops(PermanentError):
    """The letter was delivered to this address before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a letter went; it is stable after `MailStore.sync(account_id)`."""

    account_id: AccountId
    delivered: Delivered


class Deliverer:
    """Delivers to accounts of this system."""

    def __init__(self, aliases: Aliases, store: MailStore) -> None:
        self._aliases = aliases
        self._store = store

    async def has_room(self, account: Account, octets: int) -> bool:
        """Whether a letter still fits; what is on its way there is not counted.

        Args:
            account: whose; one without limits is not opened.
            octets: of the letter, 0 where nobody said.
        """
        quota = account.quota
        if quota.octets is None and quota.messages is None:
            return True
        try:
            usage = await (await self._store.account(account.id)).usage()
        except StorageUnavailable:  # the letter may wait
            return True
        return (
            quota.octets is None or usage.octets + max(octets, 1) <= quota.octets
        ) and (quota.messages is None or usage.messages < quota.messages)

    async def deliver(
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
        """Deliver one letter to one final recipient; visible on return.

        The letter gets Return-Path (RFC 5321 §4.4) and Delivered-To on top.

        Args:
            delivery_id: the same for the same letter and recipient, for ever.
            recipient: an account's address, possibly with a detail.
            reverse_path: "" for the null reverse path.
            content: as it came in.
            prefix: header fields that were added before (Received).
            prepared: from the content.
            received_at: Unix seconds, becomes the internal date.
            junk: policy mistrusts it: to the mailbox for junk (RFC 6154 §2).

        Raises:
            NoSuchRecipient, DeliveryLoops: bounce.
            NobodyToDeliverTo, OverQuota, StorageUnavailable: try later.
        """
        account = await self._aliases.account_for(recipient)
        if account is None or not account.enabled:
            if recipient.lower().partition("@")[0] == "postmaster":
                raise NobodyToDeliverTo(recipient)
            raise NoSuchRecipient(recipient)
        if not isinstance(content, BlobFile) and loops(content, recipient):
            raise DeliveryLoops(recipient)
        trace = f"Return-Path: <{reverse_path}>\r\nDelivered-To: {recipient}\r\n"
        delivered = await self._store.deliver(
            Delivery(
                account_id=account.id,
                delivery_id=delivery_id,
                mailbox="Junk" if junk else "INBOX",
                special_use=SpecialUse.JUNK if junk else None,
                content=content,
                prefix=trace.encode() + prefix,
                prepared=prepared,
                internal_date=int(received_at),
                quota=account.quota,
            )
        )
        return Placed(account_id=account.id, delivered=delivered)


def loops(octets: bytes, recipient: str) -> bool:
    """Whether the header says that this recipient has had the letter."""
    limit = octets.find(b"\r\n\r\n", 0, MAX_HEADER_OCTETS)
    head = octets[: MAX_HEADER_OCTETS if limit < 0 else limit]
    if b"delivered-to" not in head.lower():  # as nearly always
        return False
    end = _HEADER_END.search(octets, 0, MAX_HEADER_OCTETS)
    header_end = end.start() if end else min(len(octets), MAX_HEADER_OCTETS)
    wanted = recipient.encode().lower()
    return any(
        found[1].lower() == wanted
        for found in _DELIVERED_TO.finditer(octets, 0, header_end)
    )
