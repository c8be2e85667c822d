"""What hooks change of a letter's sender and recipients, before it is kept.

A recipient that a hook adds is looked up like one of RCPT and obeys the same
rules: no hook makes an open relay of us. All changes of one hook are made, or
none. A letter that all recipients are taken from is one that the hook would
discard: it goes to Junk of those it was for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyeonji.base.errors import PermanentError
from pyeonji.mta.forward.forwarding import LeadsBack
from pyeonji.mta.policy.decision import MAX_REASON, Decision, quarantine
from pyeonji.mta.receive.recipients import may_lead_back, relays, suppressed
from pyeonji.mta.receive.transaction import Taken
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from pyeonji.mta.hooks.session import Envelope
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.protocol.smtp.events import RecipientAsked
    from pyeonji.storage.queue import NewLetter


class CannotBe(Exception):
    """A change that may not be made, and why."""


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
    if len(what) > MAX_REASON:
        what = what[:MAX_REASON] + " …"
    return f"{what} ({rule})"


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
