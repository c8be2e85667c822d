"""A letter at the SMTP door, from its octets to the 250.

Small letters come whole. Large ones come in pieces: the first go into memory
until the header is whole, is looked at and (at submission) made complete;
then everything flows on into the queue's spool.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from pyeonji.base.limits import MAX_HEADER_OCTETS
from pyeonji.mta.prepared import prepare_content
from pyeonji.mta.receive import future
from pyeonji.mta.receive.deciding import decide
from pyeonji.mta.receive.forged import FORGED, with_failures_only
from pyeonji.mta.receive.inspect import (
    Refusal,
    header_end,
    inspect_header,
    message_id,
    tls_wish,
)
from pyeonji.mta.receive.seeing import seen_of
from pyeonji.mta.receive.wishes import facts_of
from pyeonji.mta.signing.letters import SIGNED, read_content, signed_by
from pyeonji.mta.signing.signer import domains_of_authors
from pyeonji.mta.started import Started
from pyeonji.mta.trace import from_clause, received
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.protocol.smtp.body import has_bare_newline
from pyeonji.protocol.smtp.words import BodyType as WireBody
from pyeonji.storage.content import BlobFile
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import domain_of
from pyeonji.storage.queue import NO_WISHES, TLS_WISH, BodyType, NewLetter, TlsWish

if TYPE_CHECKING:
    from pyeonji.mta.receive.door import Door
    from pyeonji.mta.receive.transaction import Transaction
    from pyeonji.storage.content import Content

NO_ROOM = Refusal(452, "4.3.1", "no room for the letter now, try again later")

log = structlog.get_logger("pyeonji.mta.receive")


async def take_small(door: Door, octets: bytes) -> None:
    """A letter that came whole."""
    transaction = door.transaction
    if transaction is None:  # the machine sends a letter only after RCPT
        door.smtp.reply(503, "5.5.1", "MAIL first")
        return
    end = header_end(octets)
    header = octets if end < 0 else octets[:end]
    judged = await _judge(door, transaction, header)
    if isinstance(judged, Refusal):
        _refuse(door, judged)
        return
    body = b"" if end < 0 else octets[end:]
    if transaction.check is not None:
        transaction.check.update(body)
    if judged is not header:
        octets = judged + body
    transaction.signed = _signed(door, transaction, judged)
    if transaction.signed is not None:
        transaction.signed.update(body)
    await _accept(door, transaction, octets, judged)


async def take_chunk(door: Door, octets: bytes) -> None:
    """A piece of a large letter."""
    transaction = door.transaction
    if transaction is None:
        return
    try:
        if transaction.spool is None:
            transaction.spool = door.receiver.queue.spool()
        if transaction.header is not None:
            transaction.spool.write(octets)
            if transaction.signed is not None:
                transaction.signed.update(octets)
            if transaction.check is not None:
                transaction.check.update(octets)
            return
        transaction.head += octets
        end = header_end(transaction.head, transaction.searched)
        transaction.searched = len(transaction.head)
        if end < 0 and len(transaction.head) <= MAX_HEADER_OCTETS:
            return
        refusal = await _begin_body(door, transaction, end)
    except StorageUnavailable:
        refusal = NO_ROOM
    if refusal is not None:
        door.smtp.fail_body(refusal.code, refusal.status, refusal.text)
        door.drop()


async def take_end(door: Door) -> None:
    """All pieces have come."""
    transaction = door.transaction
    if transaction is None or transaction.spool is None:
        door.smtp.reply(503, "5.5.1", "MAIL first")
        return
    try:
        refusal = None
        if transaction.header is None:  # a large letter without a body
            refusal = await _begin_body(door, transaction, len(transaction.head))
        if refusal is None:
            content = await transaction.spool.finish()
            await _accept(door, transaction, content, transaction.header or b"")
            return
    except StorageUnavailable:
        refusal = NO_ROOM
    _refuse(door, refusal)


async def _begin_body(door: Door, transaction: Transaction, end: int) -> Refusal | None:
    """The header is whole (or too long): judge it and pass on what there is."""
    head = bytes(transaction.head)
    header = head if end < 0 else head[:end]
    judged = await _judge(door, transaction, header)
    if isinstance(judged, Refusal):
        return judged
    transaction.header = judged
    transaction.head = bytearray()
    transaction.signed = _signed(door, transaction, judged)
    if transaction.spool is not None:
        transaction.spool.write(judged)
        if end >= 0:
            transaction.spool.write(head[end:])
            if transaction.signed is not None:
                transaction.signed.update(head[end:])
    if transaction.check is not None and end >= 0:
        transaction.check.update(head[end:])
    return None


def _signed(door: Door, transaction: Transaction, header: bytes) -> SignedLetter | None:
    """What is hashed of the body that follows for our own signature; or None.

    What strangers bring is hashed by its checks, and here if we pass it on.
    """
    wanted = wants_hash(door, transaction)
    return SignedLetter(header, signing=True) if wanted else None


def wants_hash(door: Door, transaction: Transaction) -> bool:
    """Whether this letter is to be signed or sealed by us."""
    if door.account is not None:
        return door.receiver.signer is not None and transaction.leaves
    forwarding = door.receiver.forwarding
    passed_on = transaction.check is not None and bool(transaction.forwarded)
    return forwarding is not None and forwarding.seals and passed_on


async def _signed_by_us(
    door: Door, transaction: Transaction, new: NewLetter, arrived: NewLetter
) -> NewLetter:
    """With our signatures on top, if one of us sends it elsewhere or we forward it."""
    signer, signed = door.receiver.signer, transaction.signed
    if signed is None:  # a hook may have added somebody elsewhere
        rehashed = new.recipients is not arrived.recipients and wants_hash(
            door, transaction
        )
    else:  # a hook may have changed it
        rehashed = new.content is not arrived.content
    if rehashed:
        signed = await asyncio.to_thread(read_content, new.content)
    if door.account is None:
        forwarding, forwarded = door.receiver.forwarding, transaction.forwarded
        if forwarding is None or not forwarded:
            return new
        return await forwarding.forwarded(new, forwarded, signed, transaction.arc)
    if signer is None or signed is None:
        return new
    account, submitter = door.account, door.receiver.submitter
    domains = await domains_of_authors(
        signed.fields, lambda address: submitter.may_send_as(account, address)
    )
    domains.append(domain_of(account.address))
    signatures = await signer.sign(signed, domains, new.accepted_at, above=new.prefix)
    if not signatures:
        return new
    facts = {**new.facts, SIGNED: signed_by(signatures)}
    return replace(new, prefix=signatures + new.prefix, facts=facts)


async def _judge(
    door: Door, transaction: Transaction, header: bytes
) -> bytes | Refusal:
    """Look at the header; a submitted one comes back complete.

    All come back without what only we may say; a stranger's checks begin.
    """
    refusal = inspect_header(
        header,
        max_received=door.receiver.options.max_received,
        recipients=transaction.local,
    )
    # others read a bare CR as the end of a line, and another field behind it
    if transaction.mail.body is WireBody.BINARY and has_bare_newline(header):
        refusal = refusal or Refusal(550, "5.6.0", "bare CR or LF in the header")
    if refusal is not None:
        return refusal
    checker = door.receiver.checker
    if door.account is None:
        if checker is not None:
            peer = door.connection.peer_address
            header, transaction.check = checker.begin(peer, header)
        return header
    if checker is not None:  # nor may our users say it
        header = checker.without_claims(header)
    return await door.receiver.submitter.complete(
        header,
        account=door.account,
        recipients=transaction.asked,
        now=door.receiver.clock.time(),
    )


def _refuse(door: Door, refusal: Refusal) -> None:
    log.info(
        "smtp.letter_refused",
        connection=door.connection.id,
        code=refusal.code,
        reason=refusal.text,
    )
    door.drop()
    door.smtp.reply(refusal.code, refusal.status, refusal.text)


async def _accept(
    door: Door, transaction: Transaction, content: Content, header: bytes
) -> None:
    """Take responsibility: the reply leaves when the letter is stable.

    While the commit is on its way to the disk, a small message is parsed; a
    large one is the runner's to parse.
    """
    receiver = door.receiver
    arrived = _new_letter(door, transaction, content, header)
    try:
        decided = await _checked(door, transaction, arrived, header)
        if transaction.wishes is not NO_WISHES:
            decided = await _if_held(door, decided)
    except StorageUnavailable:
        decided = NO_ROOM
    if isinstance(decided, Refusal):
        _refuse(door, decided)
        return
    new = await _signed_by_us(door, transaction, decided, arrived)
    content = new.content
    if door.transaction is not transaction:  # the client has gone, and will come again
        if isinstance(content, BlobFile):
            content.path.unlink(missing_ok=True)
        return
    recipients = len(new.recipients)
    door.smtp.progress(f"letter {new.id}: {recipients} recipients, keeping it")
    prepared = None
    try:
        accepting = Started(receiver.queue.accept(new))
        if transaction.local and not isinstance(content, BlobFile):
            prepared = prepare_content(content)
        queued = await accepting
    except StorageUnavailable:
        log.exception("smtp.not_kept", connection=door.connection.id)
        _refuse(door, NO_ROOM)
        return
    door.transaction = None
    if receiver.taken is not None:
        receiver.taken(new)
    receiver.take(queued, prepared)
    door.smtp.progress(f"letter {queued.id}: stable, handed to the queue")
    door.smtp.reply(250, "2.0.0", f"{queued.id} accepted")


async def _if_held(door: Door, new: NewLetter | Refusal) -> NewLetter | Refusal:
    """A letter that is held on demand only if its account may have it held."""
    if isinstance(new, Refusal) or not new.wishes.not_before:
        return new
    content = new.content
    octets = len(content) if isinstance(content, bytes) else content.size_octets
    return await future.refused(door, new.wishes, len(new.prefix) + octets) or new


async def _checked(
    door: Door, transaction: Transaction, new: NewLetter, header: bytes
) -> NewLetter | Refusal:
    """What the checks found stands above the letter, and policy has its say."""
    if transaction.check is None:
        return await decide(door, transaction, new, header)
    checked = await transaction.check.finish(door.smtp.client_name, new.reverse_path)
    transaction.arc = checked.verdicts.arc
    new = replace(
        new,
        prefix=checked.fields + new.prefix,
        facts={**new.facts, **checked.facts},
    )
    if checked.checks.spf in FORGED:
        new = with_failures_only(new)
    decided = await decide(door, transaction, new, header, checked.checks)
    checker = door.receiver.checker
    if checker is not None and checker.note is not None:
        peer = door.connection.peer_address
        seen = seen_of(checked.verdicts, peer, new.reverse_path, decided)
        if seen is not None:
            checker.note(seen)
    return decided


def _new_letter(
    door: Door, transaction: Transaction, content: Content, header: bytes
) -> NewLetter:
    receiver = door.receiver
    smtp = door.smtp
    connection = door.connection
    mail = transaction.mail
    now = receiver.clock.time()
    letter_id = receiver.next_id()
    protocol = smtp.with_protocol()
    tls = connection.tls
    facts = {
        "client": connection.peer_address,
        "helo": smtp.client_name,
        "with": protocol,
        "connection": connection.id,
    }
    if tls is not None:
        facts["tls"] = f"{tls.version} {tls.cipher}"
    wish = tls_wish(header, required=mail.requiretls)
    if wish is not TlsWish.USUAL:
        facts[TLS_WISH] = wish.value
    wishes = transaction.wishes
    if wishes is not NO_WISHES:
        facts |= facts_of(wishes)
    if door.account is not None:
        facts["user"] = door.account.address
    # a single recipient may stand there; several would learn of each other
    whom = transaction.asked[0] if len(transaction.asked) == 1 else ""
    prefix = received(
        origin=from_clause(
            smtp.client_name,
            connection.peer_address,
            (tls.version, tls.cipher) if tls is not None else None,
        ),
        hostname=receiver.options.hostname,
        protocol=protocol,
        letter_id=letter_id,
        recipient=whom if whom.isascii() or mail.smtputf8 else "",
        unix_second=int(now),
        cipher=tls.cipher if tls is not None else "",
        priority=wishes.priority,
    )
    return NewLetter(
        id=letter_id,
        reverse_path=mail.reverse_path,
        recipients=transaction.final_recipients(),
        content=content,
        prefix=prefix,
        body_type=BodyType(mail.body.value),
        smtputf8=mail.smtputf8,
        ret=mail.ret,
        envid=mail.envid,
        accepted_at=now,
        message_id=message_id(header),
        facts=facts,
        wishes=wishes,
    )
