"""The last word on a letter, before the commit: rules, then hooks.

What they decide goes with the letter as facts, so that `pyeonji trace` tells it.
Hooks are asked one after the other; each sees the header as those before it
have left it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mta.hooks.editing import edited
from pyeonji.mta.hooks.session import MAX_ADDED_OCTETS, Arriving
from pyeonji.mta.policy.decision import (
    DECIDED,
    MAX_REASON,
    QUARANTINED,
    Action,
    Decision,
    strongest,
)
from pyeonji.mta.policy.facts import NOT_CHECKED, Checks
from pyeonji.mta.receive import envelope
from pyeonji.mta.receive.inspect import Refusal, header_end
from pyeonji.mta.receive.judging import as_task
from pyeonji.storage.content import BlobFile, opened
from pyeonji.storage.queue import BodyType

if TYPE_CHECKING:
    from pyeonji.mta.hooks.session import Envelope, Session
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.judging import Visit
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.storage.content import Content
    from pyeonji.storage.queue import NewLetter, Queue

COPY_OCTETS: Final = 256 * 1024
"""A large body is copied in such pieces behind a changed header."""

log = structlog.get_logger("pyeonji.mta.receive")


async def decide(
    door: Door,
    transaction: Transaction,
    new: NewLetter,
    header: bytes,
    checks: Checks = NOT_CHECKED,
) -> NewLetter | Refusal:
    """The letter as it is to be kept, or why it is not taken.

    Raises:
        StorageUnavailable: a changed letter cannot be written.
    """
    visit = door.visit
    decision = strongest(
        (
            visit.standing,
            *transaction.decisions,
            await visit.message(
                new.reverse_path, tuple(transaction.asked), checks, header
            ),
        )
    )
    if visit.is_stranger and await visit.judge.is_new(new.reverse_path):
        new = replace(new, facts={**new.facts, "first_seen": "yes"})
    sessions = visit.sessions()
    if sessions and not decision.refuses:
        new, decision = await _ask_hooks(
            door, sessions, transaction, new, header, checks, decision
        )
    if decision.action is Action.QUARANTINE and not visit.peer.account:
        forwarding = door.receiver.forwarding
        if forwarding is None or not forwarding.forwards_junk:
            new, decision = await envelope.kept_here(door, transaction, new, decision)
    new = await _held(visit, transaction, new, decision)
    if not decision.rule:
        return new
    visit.told(decision, sender=new.reverse_path, letter=new.id or "")
    if decision.refuses:
        if visit.judge.keeps_refusal():
            facts = {**new.facts, DECIDED: str(decision)}
            door.receiver.queue.note_refused(replace(new, facts=facts))
        return Refusal(decision.code, decision.status, decision.text)
    facts = {**new.facts, DECIDED: str(decision)}
    if decision.action is Action.QUARANTINE:
        facts[QUARANTINED] = decision.reason
    return replace(new, facts=facts)


async def _held(
    visit: Visit, transaction: Transaction, new: NewLetter, decision: Decision
) -> NewLetter:
    """One of our users' letters, if it should wait for a person to look at it."""
    account = visit.peer.account
    if not account or decision.refuses:
        return new
    why = await visit.judge.holds(account, len(transaction.asked))
    if not why and decision.action is Action.QUARANTINE and transaction.leaves:
        # Junk is a place here: what others would get waits
        why = decision.reason
    return replace(new, held=True, facts={**new.facts, "held": why}) if why else new


async def _ask_hooks(
    door: Door,
    sessions: tuple[Session, ...],
    transaction: Transaction,
    new: NewLetter,
    header: bytes,
    checks: Checks,
    decision: Decision,
) -> tuple[NewLetter, Decision]:
    first_header = header
    body_start = _body_start(new.content, header)
    top = b""  # what hooks added; it becomes part of the prefix
    body: bytes | None = None
    notes: dict[str, str] = {}
    for session in sessions:
        content = new.content if body is None else body
        verdict = await as_task(
            session.message(
                Arriving(
                    letter_id=new.id or "",  # type: ignore[arg-type]
                    reverse_path=new.reverse_path,
                    recipients=tuple(transaction.asked),
                    header=top + header,
                    content=content,
                    body_start=body_start if body is None else 0,
                    prefix=new.prefix,
                    checks=checks,
                    size_octets=_size(content),
                )
            )
        )
        decision = strongest((decision, verdict.decision))
        notes.update(verdict.notes)
        if decision.refuses:
            return new, decision
        if verdict.edits or verdict.inserts:
            header = edited(top + header, verdict.edits, verdict.inserts)
            top = b""
        if len(top) + len(verdict.added) <= MAX_ADDED_OCTETS:
            top = verdict.added + top
        if verdict.body is not None:
            body = verdict.body
        if verdict.envelope is not None:
            new, said = await _addressed(door, transaction, new, verdict.envelope)
            decision = strongest((decision, said))
            if decision.refuses:
                return new, decision
    new = replace(new, prefix=new.prefix + top, facts={**new.facts, **notes})
    if header != first_header or body is not None:
        queue = door.receiver.queue
        content = await rewritten(queue, new.content, body_start, header, body)
        new = replace(new, content=content)
    if body is not None and not body.isascii():
        kind = max(new.body_type, BodyType.EIGHT_BIT, key=_KINDS.index)
        new = replace(new, body_type=kind)
    return new, decision


_KINDS: Final = (BodyType.SEVEN_BIT, BodyType.EIGHT_BIT, BodyType.BINARY)


async def _addressed(
    door: Door, transaction: Transaction, new: NewLetter, wanted: Envelope
) -> tuple[NewLetter, Decision | None]:
    """The letter with the envelope that a hook wants, if it may be."""
    try:
        return await envelope.changed(door, transaction, new, wanted)
    except envelope.CannotBe as error:
        log.warning(
            "hook.envelope_refused",
            rule=wanted.rule,
            letter=new.id,
            reason=str(error)[:MAX_REASON],
        )
        otherwise = wanted.otherwise
        if otherwise is None:
            return new, None
        reason = f"{otherwise.reason}: {error}"[:MAX_REASON]
        return new, replace(otherwise, reason=reason)


def _size(content: Content) -> int:
    return content.size_octets if isinstance(content, BlobFile) else len(content)


def _body_start(content: Content, header: bytes) -> int:
    if isinstance(content, BlobFile):
        return len(header)
    end = header_end(content)
    return len(content) if end < 0 else end


async def rewritten(
    queue: Queue, content: Content, body_start: int, header: bytes, body: bytes | None
) -> Content:
    """A letter with another header, and perhaps another body.

    Raises:
        StorageUnavailable: it cannot be written; the old one is still there.
    """
    if not isinstance(content, BlobFile):
        return header + (content[body_start:] if body is None else body)
    spool = queue.spool()
    try:
        spool.write(header)
        if body is not None:
            spool.write(body)
        else:
            with opened(content) as octets:
                for start in range(body_start, len(octets), COPY_OCTETS):
                    spool.write(octets[start : start + COPY_OCTETS])
                    await asyncio.sleep(0)  # others have their turn
        finished = await spool.finish()
    except BaseException:
        spool.abort()
        raise
    await asyncio.to_thread(content.path.unlink, missing_ok=True)
    return finished
