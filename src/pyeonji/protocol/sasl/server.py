"""The server's side of SASL: exchanges that ask what they must know.

`begin` starts one; `steps` says how a door conducts it. In short::

    exchange = begin("SCRAM-SHA-256", nonce=secrets.token_bytes(18),
                     hostname="mx.example.test", now=int(time()),
                     initial=event.initial, pretend_key=server_secret)
    try:
        step = next(exchange)
        while not isinstance(step, Challenge):
            step = exchange.send(await answer(step))     # from the directory
    except StopIteration as end:
        end.value        # Succeeded or Failed

and after each response to a Challenge again, beginning with `exchange.send`.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.sasl import bearer, scram
from pyeonji.protocol.sasl.prep import NotPrepared, prepared_name, prepared_password
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Failed,
    HolderNeeded,
    PasswordNeeded,
    SecretNeeded,
    Succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.protocol.sasl.scram import ChannelBinding
    from pyeonji.protocol.sasl.steps import ClientCertificate, Exchange


class UnknownMechanism(PermanentError):
    """A mechanism that is not in `MECHANISMS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mechanism:
    """What a door must know of a mechanism before it offers it."""

    name: str
    client_first: bool  # the client speaks first; an initial response is allowed
    needs_secret: bool = False  # only for accounts with a legacy secret
    plaintext: bool = False  # shows the password to whoever listens: wants TLS
    channel_binding: bool = False  # only with a ChannelBinding
    needs_certificate: bool = False  # only for clients that have shown one
    needs_tokens: bool = False  # only where tokens can be verified


MECHANISMS: Final[dict[str, Mechanism]] = {
    mechanism.name: mechanism
    for mechanism in (
        Mechanism(name="EXTERNAL", client_first=True, needs_certificate=True),
        Mechanism(name="SCRAM-SHA-256-PLUS", client_first=True, channel_binding=True),
        Mechanism(name="SCRAM-SHA-256", client_first=True),
        Mechanism(name="SCRAM-SHA-1-PLUS", client_first=True, channel_binding=True),
        Mechanism(name="SCRAM-SHA-1", client_first=True),
        Mechanism(
            name="OAUTHBEARER", client_first=True, plaintext=True, needs_tokens=True
        ),
        Mechanism(name="XOAUTH2", client_first=True, plaintext=True, needs_tokens=True),
        Mechanism(name="CRAM-MD5", client_first=False, needs_secret=True),
        Mechanism(name="PLAIN", client_first=True, plaintext=True),
        # LOGIN begins with the server, but takes the name as initial response
        Mechanism(name="LOGIN", client_first=False, plaintext=True),
    )
}
"""All that we know, best first; strongest mechanisms lead every list we send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What decides which mechanisms can be used on a connection."""

    plaintext: bool  # what shows a password may be used: in TLS, or it is allowed
    bindings: Sequence[ChannelBinding] = ()
    certificate: ClientCertificate | None = None
    secrets: bool = False  # accounts may have legacy secrets
    tokens: bool = False  # tokens can be verified


def offered(now: Circumstances) -> tuple[str, ...]:
    """The mechanisms to offer, best first; what is not among them is refused."""
    return tuple(
        each.name
        for each in MECHANISMS.values()
        if (now.plaintext or not each.plaintext)
        and (now.bindings or not each.channel_binding)
        and (now.certificate is not None or not each.needs_certificate)
        and (now.secrets or not each.needs_secret)
        and (now.tokens or not each.needs_tokens)
    )


def begin(
    mechanism: str,
    *,
    nonce: bytes,
    hostname: str,
    now: int,
    initial: bytes | None = None,
    pretend_key: bytes = b"",
    bindings: Sequence[ChannelBinding] = (),
    certificate: ClientCertificate | None = None,
) -> Exchange:
    """Start an exchange of one of `MECHANISMS`.

    Args:
        mechanism: its name, upper case.
        nonce: 16 octets of chance or more; a new one each time.
        hostname: ours, for challenges.
        now: Unix seconds, for CRAM-MD5's challenge.
        initial: the client's initial response, when the protocol carried one;
            the exchange then doesn't ask for it with an empty challenge.
        pretend_key: a secret of this server, always the same, from which salts
            for unknown users are made when ScramKeysNeeded is answered None.
        bindings: of this connection, when -PLUS mechanisms were offered on it;
            given with all mechanisms, so that SCRAM sees a list that was cut.
        certificate: the client's, for EXTERNAL.

    Raises:
        UnknownMechanism: not in `MECHANISMS`.
    """
    if mechanism not in MECHANISMS:
        raise UnknownMechanism(mechanism)
    if mechanism == "CRAM-MD5":
        return _cram_md5(nonce, hostname, now, initial)
    if mechanism == "LOGIN":
        return _login(initial)
    if mechanism == "PLAIN":
        return _after_first(initial, _plain)
    if mechanism == "EXTERNAL":
        return _after_first(initial, lambda response: _external(response, certificate))
    if mechanism in bearer.MECHANISMS:
        return _after_first(initial, bearer.MECHANISMS[mechanism])
    return _after_first(
        initial,
        lambda response: scram.conduct(
            mechanism,
            response,
            nonce=nonce,
            bindings=bindings,
            pretend_key=pretend_key,
        ),
    )


def _after_first(
    initial: bytes | None, conduct: Callable[[bytes], Exchange]
) -> Exchange:
    """Get the client's first message, then go on."""
    response = initial
    if response is None:
        answer = yield Challenge(b"")
        response = answer if isinstance(answer, bytes) else b""
    return (yield from conduct(response))


def _plain(response: bytes) -> Exchange:
    """[authzid] NUL authcid NUL passwd (RFC 4616 §2)."""
    fields = response.split(b"\0", 3)
    if len(fields) != 3:
        return Failed("PLAIN has not two NULs", malformed=True)
    try:
        authzid = prepared_name(fields[0]) if fields[0] else ""
    except NotPrepared as error:
        return Failed(str(error), malformed=True)
    return (yield from _password(fields[1], fields[2], authzid))


def _login(initial: bytes | None) -> Exchange:
    """Name, then password (draft-murchison-sasl-login)."""
    name: object = initial
    if name is None:
        name = yield Challenge(b"Username:")
    password = yield Challenge(b"Password:")
    if not isinstance(name, bytes) or not isinstance(password, bytes):
        return Failed("no response", malformed=True)
    if b"\0" in name or b"\0" in password:
        return Failed("NUL in a response", malformed=True)
    return (yield from _password(name, password, ""))


def _password(name: bytes, password: bytes, authzid: str) -> Exchange:
    try:
        authcid = prepared_name(name)
        prepared = prepared_password(password)
    except NotPrepared as error:
        return Failed(str(error), malformed=True)
    if (yield PasswordNeeded(authcid, prepared)) is True:
        return Succeeded(authcid, authzid)
    return Failed("wrong name or password", authcid)


def _external(response: bytes, certificate: ClientCertificate | None) -> Exchange:
    """Whose certificate TLS has verified (RFC 4422 appendix A)."""
    try:
        authzid = prepared_name(response) if response else ""
    except NotPrepared as error:
        return Failed(str(error), malformed=True)
    if certificate is None:
        return Failed("no client certificate")
    holder = yield HolderNeeded(certificate, authzid)
    if not isinstance(holder, str) or not holder:
        return Failed("nobody's certificate", authzid)
    return Succeeded(holder, authzid)


_CRAM_RESPONSE: Final = re.compile(rb"([^\0\r\n]{1,255}) ([0-9A-Fa-f]{32})")


def _cram_md5(nonce: bytes, hostname: str, now: int, initial: bytes | None) -> Exchange:
    """A keyed digest of our challenge (RFC 2195 §2)."""
    if initial is not None:
        return Failed("CRAM-MD5 has no initial response", malformed=True)
    unique = b32encode(nonce).rstrip(b"=").decode()
    challenge = f"<{unique}.{now}@{hostname}>".encode()
    response = yield Challenge(challenge)
    match = _CRAM_RESPONSE.fullmatch(response) if isinstance(response, bytes) else None
    if match is None:
        return Failed("CRAM-MD5 response breaks the grammar", malformed=True)
    try:
        authcid = prepared_name(match[1])
    except NotPrepared as error:
        return Failed(str(error), malformed=True)
    secret = yield SecretNeeded(authcid)
    key = secret.encode() if isinstance(secret, str) else nonce
    fits = hmac.compare_digest(
        hmac.new(key, challenge, "md5").hexdigest().encode(), match[2].lower()
    )
    if isinstance(secret, str) and fits:
        return Succeeded(authcid)
    return Failed("wrong name or password, or no legacy secret", authcid)
