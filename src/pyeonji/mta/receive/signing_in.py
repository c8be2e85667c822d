"""AUTH at the SMTP door (RFC 4954)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import structlog

from pyeonji.protocol.sasl.steps import Challenge
from pyeonji.storage.authentication import Admitted
from pyeonji.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from pyeonji.mta.receive.door import Door
    from pyeonji.storage.directory import Account

log = structlog.get_logger("pyeonji.mta.receive")


async def begin_exchange(door: Door, mechanism: str, initial: bytes | None) -> None:
    """Start an exchange, with the initial response if there was one."""
    door.exchange = door.receiver.authenticator.begin(
        mechanism,
        door.connection.tls,
        nonce=secrets.token_bytes(18),
        hostname=door.receiver.options.hostname,
        initial=initial,
    )
    await respond(door, None)


async def told(door: Door, login: str | None) -> Account | None:
    """The account that a proxy says has logged in there.

    Returns:
        None: nobody; where somebody was named, the client has its answer.
    """
    if login is None:
        return None
    try:
        account = await door.receiver.directory.account_at(login)
    except StorageUnavailable:
        door.smtp.reply(451, "4.3.0", "directory unavailable, try again later")
        return None
    if account is None or not account.enabled:
        log.info("smtp.xclient_refused", connection=door.connection.id, user=login)
        door.smtp.reply(550, "5.7.1", "no such account")
        return None
    if not door.connection.belongs_to(account.address):
        door.smtp.reply(454, "4.7.0", "too many connections of your account")
        return None
    return account


async def respond(door: Door, response: bytes | None) -> None:
    """Carry the exchange on to its next challenge or its end."""
    if door.exchange is None:
        door.smtp.auth_failed(malformed=True)
        return
    connection = door.connection
    try:
        outcome = await door.receiver.authenticator.step(
            door.exchange, response, connection.peer_address
        )
    except StorageUnavailable:
        door.exchange = None
        door.smtp.reply(454, "4.7.0", "temporary authentication failure")
        return
    if isinstance(outcome, Challenge):
        door.smtp.challenge(outcome.octets)
        return
    door.exchange = None
    if isinstance(outcome, Admitted):
        if not connection.belongs_to(outcome.account.address):
            door.smtp.reply(454, "4.7.0", "too many connections of your account")
            return
        door.account = outcome.account
        door.visit.authenticated(outcome.account.address)
        log.info(
            "smtp.authenticated",
            connection=connection.id,
            account=outcome.account.address,
            by=outcome.authcid,
        )
        door.smtp.authenticated(outcome.account.address)
        return
    log.info(
        "smtp.auth_failed",
        connection=connection.id,
        peer=connection.peer_address,
        user=outcome.authcid,
        reason=outcome.reason,
    )
    door.smtp.auth_failed(malformed=outcome.malformed)
