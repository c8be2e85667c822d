"""What is changed of a letter's sender and recipients before it is kept.

Hooks may want that, and junk is not forwarded.

A recipient that a hook adds is looked up like one of RCPT and obeys the same
rules: no hook makes an open relay of us. All changes of one hook are made, or
none. A letter that all recipients are taken from is one that the hook would
discard: it goes to Junk of those it was for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyeonji.base.errors import PermanentError
from pyeonji.mta.forward.forwarding import LeadsBack
from pyeonji.mta.policy.decision import MAX_REASON, Decision, quarantine, reject
from pyeonji.mta.receive.recipients import may_lead_back, relays, suppressed
from pyeonji.mta.receive.transaction import Taken
from pyeonji.storage.names import canonical, domain_of

if TYPE_CHECKING:
    from pyeonji.mta.hooks.session import Envelope
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.protocol.smtp.events import RecipientAsked
    from pyeonji.storage.directory import Account
    from pyeonji.storage.queue import NewLetter


class CannotBe(Exception):
    """A change that may not be made, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """See Expansion: of an alias, those who have their mailbox here."""

    accounts: tuple[tuple[str, Account], ...]
    remote: tuple[str, ...] = ()
    alias: bool = True


async def kept_here(
    door: Door, transaction: Transaction, new: NewLetter, decision: Decision
) -> tuple[NewLetter, Decision]:
    """Junk that an alias would send elsewhere stays: we would be its sender there.

    Members of the alias who are here have it in Junk. Where nobody is, it goes
    to postmaster's Junk, or is refused if it is for nobody else.

    Args:
        door: the client's.
        transaction: loses recipients.
        new: the letter.
        decision: that it is junk.

    Raises:
        StorageUnavailable: the directory cannot be asked.
    """
    outside = [one.address for one in transaction.forwarded]
    if not outside:
        return new, decision
    taken: list[Taken] = []
    stranded: list[Taken] = []
    for each in transaction.taken:
        expansion = each.expansion
        if expansion is None or not (expansion.alias and expansion.remote):
            taken.append(each)
        elif expansion.accounts:
            taken.append(replace(each, expansion=Here(accounts=expansion.accounts)))
        else:
            stranded.append(each)
    readers = [await _postmaster(door, each) for each in stranded] if taken else []
    if len(readers) < len(stranded) or None in readers:
        return new, reject(
            decision.rule, f"{decision.reason}; not forwarded", "this looks like junk"
        )
    taken += [reader for reader in readers if reader is not None]
    transaction.retake(taken)
    facts = {**new.facts, "not_forwarded": _cut(" ".join(outside))}
    return replace(
        new, recipients=transaction.final_recipients(), facts=facts
    ), decision


async def _postmaster(door: Door, taken: Taken) -> Taken | None:
    """The same RCPT, with postmaster of its domain as reader, if he has a mailbox."""
    domain = domain_of(taken.asked.path) or door.receiver.options.hostname
    try:
        expansion = await door.receiver.expand(f"postmaster@{domain}")
    except PermanentError:
        return None
    if expansion is None or not expansion.accounts:
        return None
    return replace(taken, expansion=Here(accounts=expansion.accounts))


async def changed(
    door: Door, transaction: Transaction, new: NewLetter, envelope: Envelope
) -> tuple[NewLetter, Decision | None]:
    """The letter with another envelope; what this says of it, if anything.

    Raises:
        CannotBe: and nothing is changed.
        StorageUnavailable: the directory cannot be asked.
    """
    taken = {canonical(each.asked.path): each for each in transaction.taken}
    added: dict[str, str] = {}
    removed: dict[str, str] = {}
    for wish in envelope.recipients:
        if isinstance(wish, str):
            key = canonical(wish)
            if taken.pop(key, None) is not None and added.pop(key, None) is None:
                removed[key] = wish
            continue
        key = canonical(wish.path)
        if key in taken:
            continue
        if len(taken) >= door.receiver.options.max_recipients:
            raise CannotBe("too many recipients")
        taken[key] = await _looked_up(door, transaction, wish)
        added[key] = wish.path
    if not taken:
        return new, quarantine(envelope.rule, "the milter would discard it")
    if added or removed:
        transaction.retake(list(taken.values()))
        new = replace(new, recipients=transaction.final_recipients())
    return _written(new, envelope, added, removed), None


def _written(
    new: NewLetter, envelope: Envelope, added: dict[str, str], removed: dict[str, str]
) -> NewLetter:
    """With another sender, and facts of what was changed for `pyeonji trace`."""
    facts = dict(new.facts)
    utf8 = not all(each.isascii() for each in added.values())
    if added:
        facts["added"] = _said(" ".join(added.values()), envelope.rule)
    if removed:
        facts["removed"] = _said(" ".join(removed.values()), envelope.rule)
    sender = envelope.sender
    if sender is None:
        return replace(new, facts=facts, smtputf8=new.smtputf8 or utf8)
    if sender.reverse_path != new.reverse_path:
        facts["sender_was"] = _said(f"<{new.reverse_path}>", envelope.rule)
    return replace(
        new,
        facts=facts,
        reverse_path=sender.reverse_path,
        smtputf8=new.smtputf8 or utf8 or sender.smtputf8,
        ret=sender.ret or new.ret,
        envid=sender.envid or new.envid,
    )


def _said(what: str, rule: str) -> str:
    return f"{_cut(what)} ({rule})"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_REASON else text[:MAX_REASON] + " …"


async def _looked_up(
    door: Door, transaction: Transaction, asked: RecipientAsked
) -> Taken:
    """Who an added recipient is. Raises CannotBe, StorageUnavailable."""
    path = asked.path
    try:
        expansion = await door.receiver.expand(path)
    except PermanentError as error:
        raise CannotBe(f"{path}: {error}") from error
    if expansion is None:
        raise CannotBe(f"{path}: no such user here")
    if isinstance(expansion, LeadsBack) and not may_lead_back(door, transaction):
        raise CannotBe(f"{path}: only for bounces")
    if expansion.remote and not expansion.alias:
        if not relays(door, path):
            raise CannotBe(f"{path}: relaying denied")
        sender = transaction.mail.reverse_path
        if door.account is not None and await suppressed(door, sender, path):
            raise CannotBe(f"{path}: its host said that it does not exist")
    return Taken(asked=asked, expansion=expansion)
