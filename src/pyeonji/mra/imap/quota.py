"""GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208).

An account is a quota root, named by its address: its limits hold for all its
mailboxes together. Resources without a limit are not told.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyeonji.mra.imap import places
from pyeonji.protocol.imap import responses
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.directory import Account
    from pyeonji.storage.mailboxes import AccountStore

UNIT_OCTETS: Final = 1024
"""STORAGE is told in units of this (RFC 9208 §5.1)."""

RESOURCES: Final = (b"STORAGE", b"MESSAGE", b"MAILBOX")
"""In the order of the fields of storage's Quota and Usage."""


def _units(octets: int) -> int:
    return -(-octets // UNIT_OCTETS)


async def _line(account: AccountStore, owner: Account) -> bytes:
    """The QUOTA response of an account (RFC 9208 §4.2.1)."""
    usage, quota = await account.usage(), owner.quota
    rows = (
        (_units(usage.octets), quota.octets and _units(quota.octets)),
        (usage.messages, quota.messages),
        (usage.mailboxes, quota.mailboxes),
    )
    told = [
        b"%b %d %d" % (name, used, limit)
        for name, (used, limit) in zip(RESOURCES, rows, strict=True)
        if limit is not None
    ]
    return b"* QUOTA %b (%b)\r\n" % (_root(owner), b" ".join(told))


def _root(owner: Account) -> bytes:
    return responses.astring(owner.address.encode("utf-8"))


async def _owner(session: Session, root: str) -> Account | None:
    """Whose root a name is, if the user may know: their own, or any to an admin."""
    user = places.user_of(session)
    name = canonical(root)
    if name == user.address:
        # limits may have been changed since login
        return await session.house.directory.account(user.id)
    if user.administrator:
        return await session.house.directory.account_at(name)
    return None


async def get_quota(session: Session, command: commands.GetQuota) -> None:
    """Usage and limits of a root."""
    owner = await _owner(session, command.root)
    if owner is None:
        await session.no(command.tag, "No such quota root.", b"NONEXISTENT")
        return
    account = await session.house.mail_store.account(owner.id)
    session.write(await _line(account, owner))
    await session.ok(command.tag, "That is all.")


async def get_quota_root(session: Session, command: commands.GetQuotaRoot) -> None:
    """The root of a mailbox, and its usage and limits."""
    place = await places.find(session, command.mailbox, "r")
    owner = await session.house.directory.account(place.owner.id) or place.owner
    session.write(b"* QUOTAROOT %b %b\r\n" % (session.name(place.name), _root(owner)))
    session.write(await _line(place.account, owner))
    await session.ok(command.tag, "That is all.")


async def set_quota(session: Session, command: commands.SetQuota) -> None:
    """Set limits of a root; resources that are not named lose theirs (§4.1.3)."""
    user = places.user_of(session)
    if not user.administrator:
        raise places.NoRight("SETQUOTA")
    owner = await _owner(session, command.root)
    if owner is None:
        await session.no(command.tag, "No such quota root.", b"NONEXISTENT")
        return
    limits = dict(command.limits)
    if limits.keys() - set(RESOURCES):
        await session.no(command.tag, "No such resource.", b"CANNOT")
        return
    storage = limits.get(b"STORAGE")
    changed = replace(
        owner,
        quota_octets=None if storage is None else min(storage * UNIT_OCTETS, _MOST),
        quota_messages=limits.get(b"MESSAGE"),
        quota_mailboxes=limits.get(b"MAILBOX"),
    )
    await session.house.directory.update_account(changed)
    if owner.id == user.id:
        session.user = changed
    account = await session.house.mail_store.account(owner.id)
    session.write(await _line(account, changed))
    await session.ok(command.tag, "Set.")


_MOST: Final = 2**63 - 1
