"""From a name as one user writes it to a mailbox, whoever's it is.

A user's own mailboxes have names without a prefix. Those of others are
`user/<address>/<name>`, those of the account `shared@<the user's domain>` are
`shared/<name>` (RFC 2342 §5; docs/decisions/0007-shared-mailboxes.md). What a user
has no "l" right for does not exist for them (RFC 4314 §2.1, "lookup").
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from pyeonji.mra.imap import rights
from pyeonji.mra.imap.selected import Gone
from pyeonji.storage.errors import MailboxIsFixed, NoSuchAccount, NoSuchMailbox
from pyeonji.storage.names import domain_of

if TYPE_CHECKING:
    from pyeonji.base.ids import MailboxId
    from pyeonji.mra.imap.session import Session
    from pyeonji.storage.directory import Account
    from pyeonji.storage.mailboxes import AccountStore, Mailbox

OTHERS: Final = "user/"
SHARED: Final = "shared/"
SHARED_LOCAL_PART: Final = "shared"
"""The account of a domain whose mailboxes are its users' shared namespace."""

_RESERVED: Final = (OTHERS, SHARED)


class NoRight(Exception):
    """The user may see the mailbox, but not do this (RFC 5530 §3, NOPERM)."""


class Place(NamedTuple):
    """A mailbox, and what this session's user may do there."""

    account: AccountStore
    owner: Account
    mailbox: Mailbox
    name: str  # as this user writes it
    rights: str

    def has(self, letter: str) -> bool:
        """Whether the user has a right."""
        return letter in self.rights


class Whereabouts(NamedTuple):
    """Whose a name is, and what it is called there; it need not exist."""

    account: AccountStore
    owner: Account
    name: str
    prefix: str


def user_of(session: Session) -> Account:
    """Who is logged in."""
    if session.user is None:
        raise RuntimeError("not logged in")
    return session.user


def is_foreign(name: str) -> bool:
    """Whether a name is in a namespace of others."""
    return name.startswith(_RESERVED)


def _split(name: str) -> tuple[str, str]:
    """`user/<address>/<rest>` as address and rest; an address may have a "/"."""
    rest = name[len(OTHERS) :]
    end = rest.find("/", max(rest.find("@"), 0))
    return (rest, "") if end < 0 else (rest[:end], rest[end + 1 :])


async def shared_account(session: Session) -> Account | None:
    """The account that keeps the mailboxes of the user's domain."""
    domain = domain_of(user_of(session).address)
    return await session.house.directory.account_at(f"{SHARED_LOCAL_PART}@{domain}")


async def prefix_of(session: Session, owner: Account) -> str:
    """What stands before the names of an account's mailboxes."""
    if owner.id == user_of(session).id:
        return ""
    shared = await shared_account(session)
    if shared is not None and shared.id == owner.id:
        return SHARED
    return f"{OTHERS}{owner.address}/"


async def whereabouts(session: Session, name: str) -> Whereabouts:
    """Whose mailbox a name would be.

    Raises:
        NoSuchMailbox: a name of nobody's.
    """
    if not is_foreign(name):
        return Whereabouts(session.account, user_of(session), name, "")
    if name.startswith(SHARED):
        owner = await shared_account(session)
        prefix, local = SHARED, name[len(SHARED) :]
    else:
        address, local = _split(name)
        owner = await session.house.directory.account_at(address)
        prefix = f"{OTHERS}{address}/"
    if owner is None or not local:
        raise NoSuchMailbox(name)
    if owner.id == user_of(session).id:
        return Whereabouts(session.account, owner, local, prefix)
    account = await session.house.mail_store.account(owner.id)
    return Whereabouts(account, owner, local, prefix)


async def rights_in(
    session: Session, account: AccountStore, owner: Account, mailbox_id: MailboxId
) -> str:
    """What the user may do in a mailbox.

    An owner has every right, always; so have administrators in the shared
    namespace, which is theirs to keep.
    """
    user = user_of(session)
    if owner.id == user.id:
        return rights.ALL
    if user.administrator:
        shared = await shared_account(session)
        if shared is not None and shared.id == owner.id:
            return rights.ALL
    granted = await account.rights(mailbox_id)
    return rights.effective(granted, rights.identifiers(user)) if granted else ""


async def recheck(session: Session) -> None:
    """See that the user may still do in the selected mailbox what they could.

    Who loses rights loses them at once, although RFC 4314 §4 would let them go
    on until the next SELECT. New rights count from then.

    Raises:
        Gone: they may not read it any more, or it is not there.
    """
    selected = session.selected
    account = selected.account
    if account.id == session.account.id:
        return
    owner = await session.house.directory.account(account.id)
    if owner is None:
        raise Gone
    has = await rights_in(session, account, owner, selected.mailbox_id)
    if "r" not in has:
        raise Gone
    selected.keep_rights(has)


async def find(session: Session, name: str, needed: str = "") -> Place:
    """The mailbox of a name.

    Args:
        session: whose name it is.
        name: as the user writes it.
        needed: letters of rights, all of which the user must have.

    Raises:
        NoSuchMailbox: there is none, or none that the user may know of.
        NoRight: a right is missing.
    """
    if not is_foreign(name):  # the usual thing, without detours
        mailbox = await session.account.mailbox(name)
        return Place(
            session.account, user_of(session), mailbox, mailbox.name, rights.ALL
        )
    where = await whereabouts(session, name)
    mailbox = await where.account.mailbox(where.name)
    has = await rights_in(session, where.account, where.owner, mailbox.id)
    if "l" not in has and not (needed and set(needed) <= set(has)):
        raise NoSuchMailbox(name)
    if not set(needed) <= set(has):
        raise NoRight(name)
    return Place(where.account, where.owner, mailbox, where.prefix + mailbox.name, has)


async def find_selectable(session: Session, name: str, needed: str = "") -> Place:
    """As `find`; a name above others, without messages, is no mailbox here."""
    place = await find(session, name, needed)
    if not place.mailbox.selectable:
        raise NoSuchMailbox(name)
    return place


async def nearest(session: Session, where: Whereabouts) -> Place | None:
    """The nearest mailbox above a name that exists (RFC 4314 §4, CREATE)."""
    name = where.name
    while "/" in name:
        name = name.rpartition("/")[0]
        try:
            mailbox = await where.account.mailbox(name)
        except NoSuchMailbox:
            continue
        has = await rights_in(session, where.account, where.owner, mailbox.id)
        return Place(
            where.account, where.owner, mailbox, where.prefix + mailbox.name, has
        )
    return None


async def place_for_new(
    session: Session, name: str
) -> tuple[Whereabouts, Place | None]:
    """Where a mailbox may be made, and the nearest one above it.

    Raises:
        NoRight: the user has no "k" right above (RFC 4314 §4). The same where
            there is no such account or nothing that the user may know of: the
            answer must not tell the difference.
        MailboxIsFixed: the name of a namespace itself.
    """
    if f"{name}/" in _RESERVED:
        raise MailboxIsFixed(name)
    try:
        where = await whereabouts(session, name)
    except NoSuchMailbox:
        raise NoRight(name) from None
    above = await nearest(session, where)
    user = user_of(session)
    if where.owner.id == user.id:
        return where, above
    if above is not None:
        if not above.has("k"):
            raise NoRight(name)
    elif not (user.administrator and where.prefix == SHARED):
        # the top of another's tree is the owner's
        raise NoRight(name)
    return where, above


async def of_others(session: Session) -> list[Place]:
    """Mailboxes of other accounts that the user may see, by name."""
    user = user_of(session)
    directory = session.house.directory
    shares = await directory.shares(user.id)
    wanted: dict[str, set[MailboxId] | None] = {
        owner: {share.mailbox_id for share in group}
        for owner, group in groupby(shares, key=lambda share: share.owner)
    }
    if user.administrator and (shared := await shared_account(session)) is not None:
        wanted[shared.id] = None  # all
    found: list[Place] = []
    for owner_id, ids in wanted.items():
        if owner_id == user.id:
            continue
        owner = await directory.account(type(user.id)(owner_id))
        if owner is not None:
            found.extend(await _of_one(session, owner, ids))
    return sorted(found, key=lambda place: place.name)


async def _of_one(
    session: Session, owner: Account, ids: set[MailboxId] | None
) -> list[Place]:
    try:
        account = await session.house.mail_store.account(owner.id)
    except NoSuchAccount:
        return []
    prefix = await prefix_of(session, owner)
    found = []
    for mailbox in await account.mailboxes():
        if ids is None or mailbox.id in ids:
            has = await rights_in(session, account, owner, mailbox.id)
            if "l" in has:
                found.append(Place(account, owner, mailbox, prefix + mailbox.name, has))
    return found


async def own(session: Session) -> list[Place]:
    """The user's own mailboxes, INBOX first."""
    account, user = session.account, user_of(session)
    return [
        Place(account, user, mailbox, mailbox.name, rights.ALL)
        for mailbox in await account.mailboxes()
    ]
