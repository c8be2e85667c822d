"""RCPT: whom we know, whom this client may send to, and what policy says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.base.errors import PermanentError
from pyeonji.mta.forward.forwarding import LeadsBack
from pyeonji.mta.options import EVERY_OTHER_DOMAIN
from pyeonji.mta.receive.transaction import Taken
from pyeonji.mta.suppressing import is_exempt, said_at_rcpt
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from pyeonji.mta.needs import Expansion
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.protocol.smtp.events import RecipientAsked
    from pyeonji.storage.suppressions import Suppression


async def take(door: Door, event: RecipientAsked) -> None:
    """Answer RCPT.

    Recipients are expanded here, so that unknown ones are refused before the
    letter comes and no bounce is ever needed for them. Policy is asked before
    a client learns whether somebody exists; postmaster is always reached
    (RFC 5321 §4.5.1).
    """
    transaction = door.transaction
    if transaction is None:  # the machine allows RCPT only after MAIL
        door.smtp.reply(503, "5.5.1", "MAIL first")
        return
    path = event.path
    try:
        expansion = await door.receiver.expand(path)
    except StorageUnavailable:
        door.smtp.reply(451, "4.3.0", "directory unavailable, try again later")
        return
    except PermanentError as error:
        door.smtp.reply(550, "5.4.6", str(error))
        return
    if isinstance(expansion, LeadsBack) and not may_lead_back(door, transaction):
        door.smtp.reply(550, "5.7.1", "only bounces may be sent to this address")
        return
    ours = expansion is None or expansion.alias or not expansion.remote
    # of ours only: a stranger's mail to another's postmaster is relaying
    postmaster = ours and path.lower().partition("@")[0] == "postmaster"
    if not postmaster and not await _is_welcome(door, path, expansion):
        return
    if expansion is not None:
        transaction.take(Taken(asked=event, expansion=expansion))
    elif postmaster:
        # it waits until the domain has a reader
        hostname = door.receiver.options.hostname
        address = path if "@" in path else f"{path}@{hostname}"
        transaction.take(Taken(asked=event, local=address))
    door.smtp.accept()


def may_lead_back(door: Door, transaction: Transaction) -> bool:
    """Whether a letter may go where a rewritten sender leads back to."""
    return not transaction.mail.reverse_path or door.account is not None


async def _is_welcome(door: Door, path: str, expansion: Expansion | None) -> bool:
    """Whether a recipient may be taken; if not, the client was told why."""
    elsewhere = expansion is not None and expansion.remote and not expansion.alias
    if elsewhere and not relays(door, path):
        door.smtp.reply(550, "5.7.1", "relaying denied; please log in")
        return False
    if elsewhere and not door.receiver.submitter.is_qualified(
        path.rpartition("@")[2]
    ):  # RFC 6409 §4.2
        door.smtp.reply(554, "5.1.2", "say the whole domain name")
        return False
    transaction = door.transaction
    assert transaction is not None  # noqa: S101 - take has looked
    if elsewhere and door.account is not None:
        known = await suppressed(door, transaction.mail.reverse_path, path)
        if known is not None:
            door.smtp.reply(550, "5.1.1", said_at_rcpt(known))
            return False
    decision = await door.visit.recipient(
        transaction.mail.reverse_path, path, known=expansion is not None
    )
    if decision.refuses:
        door.refuse(decision)
        return False
    if expansion is None:
        await door.visit.unknown_recipient()
        door.smtp.reply(550, "5.1.1", "no such user here")
        return False
    if not await _has_room(door, transaction, expansion):
        door.smtp.reply(452, "4.2.2", "the mailbox is full")
        return False
    if decision.rule:
        transaction.decisions.append(decision)
    return True


async def _has_room(door: Door, transaction: Transaction, expansion: Expansion) -> bool:
    """Whether the letter fits where it goes, if that is one mailbox.

    Taken all the same, it would wait for days and then be a bounce to somebody
    who may not have sent it.
    """
    has_room = door.receiver.has_room
    if has_room is None or expansion.alias or len(expansion.accounts) != 1:
        return True
    _, account = expansion.accounts[0]
    return await has_room(account, transaction.mail.size_octets or 0)


async def suppressed(door: Door, sender: str, path: str) -> Suppression | None:
    """What is known against an address elsewhere."""
    receiver = door.receiver
    if receiver.suppressions is None or is_exempt(sender, path):
        return None
    if not receiver.options.suppress:
        return None
    try:
        return await receiver.suppressions.find(path, receiver.clock.time())
    except StorageUnavailable:  # it is only advice
        return None


def relays(door: Door, path: str) -> bool:
    """Whether this client may send to another domain through us."""
    if door.account is not None:
        return True
    domain = canonical_domain(path.rpartition("@")[2])
    return domain != EVERY_OTHER_DOMAIN and domain in door.receiver.options.routes
