"""STARTTLS, LOGIN and AUTHENTICATE (RFC 3501 §6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from pyeonji.protocol.imap import capabilities as announced
from pyeonji.protocol.imap import responses
from pyeonji.protocol.imap.encoding import encode_base64
from pyeonji.protocol.imap.states import State
from pyeonji.protocol.machine import CLOSED
from pyeonji.protocol.sasl.server import MECHANISMS
from pyeonji.protocol.sasl.steps import Challenge
from pyeonji.storage.authentication import Admitted

if TYPE_CHECKING:
    from pyeonji.mra.imap.session import Session
    from pyeonji.protocol.imap import commands
    from pyeonji.storage.directory import Account

log = structlog.get_logger("pyeonji.imap")


def may_show_password(session: Session) -> bool:
    """Whether a password may be sent over this connection (RFC 3501 §6.2.3)."""
    return session.connection.tls is not None or session.house.options.plaintext_auth


def mechanisms(session: Session) -> tuple[str, ...]:
    """SASL mechanisms that may be used now, the best first."""
    return session.house.authenticator.mechanisms(
        session.connection.tls, plaintext=session.house.options.plaintext_auth
    )


def capabilities(session: Session) -> bytes:
    """What CAPABILITY says now."""
    if session.machine.state is not State.NOT_AUTHENTICATED:
        return announced.after_login(
            message_octets=session.house.options.message_octets,
            message_limit=session.house.options.message_limit,
            save_limit=session.house.options.save_limit,
        )
    return announced.before_login(
        starttls=session.connection.can_start_tls,
        login=may_show_password(session),
        mechanisms=mechanisms(session),
    )


async def start_tls(session: Session, command: commands.StartTls) -> None:
    """Go on inside TLS (RFC 3501 §6.2.1)."""
    if not session.connection.can_start_tls:
        text = "TLS is not available." if session.connection.tls is None else "In TLS."
        session.tagged(command.tag, b"BAD", text)
        return
    session.tagged(command.tag, b"OK", "Begin TLS now.")
    session.machine.start_tls()
    if session.machine.next_event() is CLOSED:
        return
    await session.connection.start_tls()
    session.machine.tls_started()


async def login(session: Session, command: commands.Login) -> None:
    """Check a name and its password (RFC 3501 §6.2.3)."""
    if not may_show_password(session):
        session.tagged(command.tag, b"NO", "Start TLS first.", b"PRIVACYREQUIRED")
        return
    session.login_attempts += 1
    user = await session.house.authenticator.check_password(
        command.user, command.password, session.connection.peer_address
    )
    if user is None:
        _refuse(session, command.tag, command.user)
    else:
        await _admit(session, command.tag, user, "LOGIN")


async def authenticate(session: Session, command: commands.Authenticate) -> None:
    """Begin a SASL exchange (RFC 3501 §6.2.2, RFC 4959)."""
    if command.mechanism not in mechanisms(session):
        known = MECHANISMS.get(command.mechanism)
        if known and known.plaintext and not may_show_password(session):
            session.tagged(command.tag, b"NO", "Start TLS first.", b"PRIVACYREQUIRED")
        else:
            session.tagged(command.tag, b"NO", "Mechanism not offered.", b"CANNOT")
        return
    session.login_attempts += 1
    house = session.house
    session.sasl_tag = command.tag
    session.exchange = house.authenticator.begin(
        command.mechanism,
        session.connection.tls,
        nonce=house.nonce(),
        hostname=house.options.hostname,
        initial=command.initial,
    )
    await _step(session, None)


async def sasl_response(session: Session, event: commands.SaslResponse) -> None:
    """Carry the exchange on with what the client answered."""
    if event.octets is None:
        _end_exchange(session)
        text = "Bad base64." if event.malformed else "As you like."
        session.tagged(session.sasl_tag, b"BAD", text)
        _end_if_often(session)
        return
    await _step(session, event.octets)


async def _step(session: Session, response: bytes | None) -> None:
    exchange = session.exchange
    if exchange is None:
        raise RuntimeError("no SASL exchange")
    outcome = await session.house.authenticator.step(
        exchange, response, session.connection.peer_address
    )
    if isinstance(outcome, Challenge):
        session.write(responses.continuation(encode_base64(outcome.octets)))
        session.machine.expect_response()
        return
    _end_exchange(session)
    if isinstance(outcome, Admitted):
        await _admit(session, session.sasl_tag, outcome.account, "AUTHENTICATE")
    elif outcome.malformed:
        session.tagged(session.sasl_tag, b"BAD", "Not a response of this mechanism.")
        _end_if_often(session)
    else:
        log.info("imap.refused", connection=session.connection.id, why=outcome.reason)
        _refuse(session, session.sasl_tag, outcome.authcid)


def _end_exchange(session: Session) -> None:
    if session.exchange is not None:
        session.exchange.close()
        session.exchange = None


async def _admit(session: Session, tag: bytes, user: Account, how: str) -> None:
    if not session.connection.belongs_to(user.address):
        session.tagged(tag, b"NO", "Too many connections of this account.", b"LIMIT")
        return
    await session.log_in(user)
    log.info(
        "imap.login",
        connection=session.connection.id,
        user=user.address,
        how=how,
        tls=session.connection.tls is not None,
    )
    session.tagged(tag, b"OK", "Welcome.", b"CAPABILITY " + capabilities(session))


def _refuse(session: Session, tag: bytes, name: str) -> None:
    log.info(
        "imap.login_failed",
        connection=session.connection.id,
        peer=session.connection.peer_address,
        user=name[:200],
    )
    session.tagged(tag, b"NO", "Not accepted.", b"AUTHENTICATIONFAILED")
    _end_if_often(session)


def _end_if_often(session: Session) -> None:
    if session.login_attempts >= session.house.options.login_attempts:
        session.bye("Too many attempts.")
