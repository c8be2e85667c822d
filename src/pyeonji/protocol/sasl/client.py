"""The client's side of SASL: an answer to each challenge.

::

    exchange = begin("SCRAM-SHA-256", "kim@example.test", password, nonce)
    exchange.initial             # the initial response, or None: the server begins
    exchange.respond(challenge)  # the next response
    exchange.complete            # after the server's last word: is it the server?

A server that says yes before `complete` has not proved that it knows the
password: don't believe it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.sasl.keys import HASHES, salted_password
from pyeonji.protocol.sasl.prep import saslprep
from pyeonji.protocol.sasl.scram import (
    MAX_SCRAM_OCTETS,
    MalformedMessage,
    decoded,
    escaped,
    xor,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyeonji.protocol.sasl.scram import ChannelBinding

PREFERENCE: Final = (
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
)
"""Best first; the last two show the password."""

WITH_BINDING: Final = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", *PREFERENCE)
"""The same for who has a channel binding: a bound SHA-1 beats an unbound SHA-256."""

MIN_ITERATIONS: Final = 4096
"""Fewer make an overheard exchange cheap to guess (RFC 7677 §4)."""

MAX_ITERATIONS: Final = 1_000_000
"""More is an attack on our time."""

_SERVER_FIRST: Final = re.compile(
    rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,9})(?:,[A-Za-z]=[^,\0]+)*"
)


class ServerNotTrusted(PermanentError):
    """The server's challenge is wrong: end the exchange."""


class UnknownMechanism(PermanentError):
    """A mechanism that is not in `PREFERENCE`."""


class Exchange:
    """One authentication under way; made by `begin`."""

    def __init__(
        self, mechanism: str, initial: bytes | None, *answers: Callable[[bytes], bytes]
    ) -> None:
        self.mechanism = mechanism
        self.initial = initial
        self.refusal: dict[str, str] = {}  # why a token was refused, as it was told
        self._answers = list(answers)

    @property
    def complete(self) -> bool:
        """Nothing is missing: the server's yes may be believed."""
        return not self._answers

    def respond(self, challenge: bytes) -> bytes:
        """The response to a decoded challenge.

        Raises:
            ServerNotTrusted: it makes no sense, or the server could not prove
                that it knows the password.
        """
        if len(challenge) > MAX_SCRAM_OCTETS:
            raise ServerNotTrusted("challenge too long")
        if not self._answers:
            raise ServerNotTrusted("one challenge too many")
        response = self._answers[0](challenge)
        del self._answers[0]
        return response


def best(
    offered: Iterable[str], *, tls: bool, plaintext: bool = False, bound: bool = False
) -> str | None:
    """The best mechanism that a server offers, or None.

    Args:
        offered: names in any case.
        tls: the connection is encrypted.
        plaintext: the password may be shown without TLS too.
        bound: there is a channel binding to give to `begin`.
    """
    names = {name.upper() for name in offered}
    for mechanism in WITH_BINDING if bound else PREFERENCE:
        shown = mechanism in {"PLAIN", "LOGIN"}
        if mechanism in names and (tls or plaintext or not shown):
            return mechanism
    return None


def begin(
    mechanism: str,
    user: str,
    password: str,
    nonce: bytes,
    *,
    authzid: str = "",
    binding: ChannelBinding | None = None,
) -> Exchange:
    """Start an exchange.

    Args:
        mechanism: one of `WITH_BINDING`.
        user: who we are; prepared here, as is the password.
        password: as typed.
        nonce: 16 octets of chance or more; a new one each time.
        authzid: whom to act as (PLAIN and SCRAM), "" for the user.
        binding: of our TLS connection. With a SCRAM mechanism that is not -PLUS
            it says: I could have, but you did not offer it (RFC 5802 §6).

    Raises:
        UnknownMechanism: not in `PREFERENCE`.
        NotPrepared: no name or password can be like this.
    """
    name = saslprep(user).encode()
    secret = saslprep(password).encode()
    if mechanism.removesuffix("-PLUS") in HASHES:
        return _scram(mechanism, name, password, nonce, authzid, binding)
    if mechanism == "PLAIN":
        message = b"\0".join((saslprep(authzid).encode(), name, secret))
        return Exchange(mechanism, message)
    if mechanism == "LOGIN":
        return Exchange(mechanism, None, lambda _: name, lambda _: secret)
    if mechanism == "CRAM-MD5":

        def digest(challenge: bytes) -> bytes:
            keyed = hmac.new(secret, challenge, "md5").hexdigest()
            return name + b" " + keyed.encode()

        return Exchange(mechanism, None, digest)
    raise UnknownMechanism(mechanism)


def external(authzid: str = "") -> Exchange:
    """EXTERNAL: our TLS certificate says who we are (RFC 4422 appendix A)."""
    return Exchange("EXTERNAL", saslprep(authzid).encode())


def bearer(mechanism: str, user: str, token: str) -> Exchange:
    """OAUTHBEARER or XOAUTH2 with a token that we have (RFC 7628 §3.1).

    A server that refuses it says why first: `Exchange.refusal`.

    Raises:
        UnknownMechanism: neither of the two.
    """
    name = saslprep(user).encode()
    if mechanism == "OAUTHBEARER":
        initial = b"n,a=%b,\1auth=Bearer %b\1\1" % (escaped(name), token.encode())
        dummy = b"\1"  # RFC 7628 §3.2.3
    elif mechanism == "XOAUTH2":
        initial = b"user=%b\1auth=Bearer %b\1\1" % (name, token.encode())
        dummy = b""
    else:
        raise UnknownMechanism(mechanism)
    exchange = _Bearer(mechanism, initial)
    exchange.dummy = dummy
    return exchange


class _Bearer(Exchange):
    """Complete from the start; a challenge is a refusal."""

    dummy = b""

    def respond(self, challenge: bytes) -> bytes:
        if self.refusal or len(challenge) > MAX_SCRAM_OCTETS:
            raise ServerNotTrusted("one challenge too many, or too long")
        try:
            told = json.loads(challenge)
        except ValueError:
            told = {}
        facts = told.items() if isinstance(told, dict) else ()
        self.refusal = {str(key): str(value) for key, value in facts} or {"status": ""}
        return self.dummy


def _scram(
    mechanism: str,
    name: bytes,
    password: str,
    nonce: bytes,
    authzid: str,
    binding: ChannelBinding | None,
) -> Exchange:
    plus = mechanism.endswith("-PLUS")
    if plus and binding is None:
        raise UnknownMechanism(f"{mechanism} without a channel binding")
    hash_name = HASHES[mechanism.removesuffix("-PLUS")]
    flag, bound = (b"n" if binding is None else b"y"), b""
    if plus and binding is not None:
        flag, bound = b"p=" + binding.name.encode(), binding.octets
    acting = b"a=" + escaped(saslprep(authzid).encode()) if authzid else b""
    gs2 = flag + b"," + acting + b","
    our_nonce = b64encode(nonce)
    bare = b"n=%b,r=%b" % (escaped(name), our_nonce)
    expected = b""

    def prove(server_first: bytes) -> bytes:
        nonlocal expected
        match = _SERVER_FIRST.fullmatch(server_first)
        if match is None:
            raise ServerNotTrusted("SCRAM message breaks the grammar")
        if not match[1].startswith(our_nonce) or len(match[1]) == len(our_nonce):
            raise ServerNotTrusted("nonce is not ours with the server's added")
        iterations = int(match[3])
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise ServerNotTrusted(f"{iterations} iterations")
        salted = salted_password(password, _strict(match[2]), iterations, hash_name)
        unproved = b"c=%b,r=%b" % (b64encode(gs2 + bound), match[1])
        signed = b",".join((bare, server_first, unproved))
        client_key = hmac.digest(salted, b"Client Key", hash_name)
        stored_key = hashlib.new(hash_name, client_key).digest()
        proof = xor(client_key, hmac.digest(stored_key, signed, hash_name))
        server_key = hmac.digest(salted, b"Server Key", hash_name)
        expected = hmac.digest(server_key, signed, hash_name)
        return unproved + b",p=" + b64encode(proof)

    def check(server_final: bytes) -> bytes:
        if not server_final.startswith(b"v="):
            raise ServerNotTrusted("no server signature")
        signature = _strict(server_final[2:].split(b",", 1)[0])
        if not hmac.compare_digest(signature, expected):
            raise ServerNotTrusted("server signature is wrong")
        return b""

    return Exchange(mechanism, gs2 + bare, prove, check)


def _strict(text: bytes) -> bytes:
    try:
        return decoded(text)
    except MalformedMessage as error:
        raise ServerNotTrusted(str(error)) from error
