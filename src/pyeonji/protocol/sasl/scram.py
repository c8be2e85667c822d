"""SCRAM's server side and the parts that both sides share (RFC 5802, RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.sasl.keys import HASHES, pretended_keys
from pyeonji.protocol.sasl.prep import NotPrepared, prepared_name
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Failed,
    ScramKeys,
    ScramKeysNeeded,
    Succeeded,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from pyeonji.protocol.sasl.steps import Exchange, Step

MAX_SCRAM_OCTETS: Final = 4096
"""One SCRAM message from the peer."""

# gs2-header client-first-message-bare (RFC 5802 §7), without reserved-mext
_CLIENT_FIRST: Final = re.compile(
    rb"(?P<gs2>(?P<flag>[yn]|p=(?P<binding>[A-Za-z0-9.\-]+)),"
    rb"(?:a=(?P<authzid>[^,\0]+))?,)"
    rb"(?P<bare>n=(?P<name>[^,\0]+),r=(?P<nonce>[!-+\--~]+)(?:,[A-Za-z]=[^,\0]+)*)"
)
_CLIENT_FINAL: Final = re.compile(
    rb"(?P<unproved>c=(?P<channel>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)"
    rb"(?:,[A-Za-oq-z]=[^,\0]+)*),p=(?P<proof>[A-Za-z0-9+/=]+)"
)
_ESCAPE: Final = re.compile(rb"=(?!2C|3D)")


class MalformedMessage(PermanentError):
    """A SCRAM message that breaks the grammar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBinding:
    """What ties an exchange to its TLS connection (RFC 5929, RFC 9266)."""

    name: str  # "tls-unique", "tls-server-end-point"
    octets: bytes


def unescaped(name: bytes) -> bytes:
    """A saslname as it was meant. Raises MalformedMessage."""
    if _ESCAPE.search(name):
        raise MalformedMessage("lone = in a name")
    return name.replace(b"=2C", b",").replace(b"=3D", b"=")


def escaped(name: bytes) -> bytes:
    """A name as a saslname."""
    return name.replace(b"=", b"=3D").replace(b",", b"=2C")


def decoded(text: bytes) -> bytes:
    """Base64 inside a message. Raises MalformedMessage."""
    try:
        return a2b_base64(text, strict_mode=True)
    except Base64Error as error:
        raise MalformedMessage("not base64") from error


def xor(one: bytes, other: bytes) -> bytes:
    """Octet by octet; both of one length."""
    number = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return number.to_bytes(len(one), "big")


def conduct(
    mechanism: str,
    response: bytes,
    *,
    nonce: bytes,
    bindings: Sequence[ChannelBinding],
    pretend_key: bytes,
) -> Exchange:
    """The server's side, from the client's first message on.

    Args:
        mechanism: with or without -PLUS.
        response: the client-first-message.
        nonce: chance.
        bindings: of this connection, when -PLUS was offered on it.
        pretend_key: see `server.begin`.
    """
    try:
        return (
            yield from _conduct(
                mechanism, response, nonce, bindings, pretend_key or nonce
            )
        )
    except (MalformedMessage, NotPrepared) as error:
        return Failed(str(error), malformed=True)


def _conduct(
    mechanism: str,
    response: bytes,
    nonce: bytes,
    bindings: Sequence[ChannelBinding],
    pretend_key: bytes,
) -> Generator[Step, object, Succeeded | Failed]:
    first = _matched(_CLIENT_FIRST, response)
    if (fault := _binding_fault(first, mechanism, bindings)) is not None:
        return fault
    plain_name = mechanism.removesuffix("-PLUS")
    hash_name = HASHES[plain_name]
    authcid = prepared_name(unescaped(first["name"]))
    authzid = prepared_name(unescaped(first["authzid"])) if first["authzid"] else ""
    keys = yield ScramKeysNeeded(authcid, plain_name)
    known = isinstance(keys, ScramKeys)
    if not isinstance(keys, ScramKeys):
        keys = pretended_keys(authcid, plain_name, pretend_key)
    whole_nonce = first["nonce"] + b64encode(nonce)
    server_first = b"r=%b,s=%b,i=%d" % (
        whole_nonce,
        b64encode(keys.salt),
        keys.iterations,
    )
    answer = yield Challenge(server_first)
    final = _matched(_CLIENT_FINAL, answer)
    bound: bytes = first["gs2"] + _octets_of(first["binding"], bindings)
    signed = b",".join((first["bare"], server_first, final["unproved"]))
    fits = _proof_fits(keys, decoded(final["proof"]), signed, hash_name)
    if final["nonce"] != whole_nonce or decoded(final["channel"]) != bound:
        return Failed("nonce or channel binding differs", authcid)
    if not (fits and known):
        return Failed("wrong password" if known else "no such user", authcid)
    signature = hmac.digest(keys.server_key, signed, hash_name)
    yield Challenge(b"v=" + b64encode(signature))  # its response is empty
    return Succeeded(authcid, authzid)


def _matched(pattern: re.Pattern[bytes], message: object) -> re.Match[bytes]:
    if not isinstance(message, bytes) or len(message) > MAX_SCRAM_OCTETS:
        raise MalformedMessage("no message, or too long")
    match = pattern.fullmatch(message)
    if match is None:
        raise MalformedMessage("SCRAM message breaks the grammar")
    return match


def _octets_of(name: bytes | None, bindings: Sequence[ChannelBinding]) -> bytes:
    """The binding's octets, which follow the GS2 header (RFC 5802 §7 cbind-input)."""
    return next((each.octets for each in bindings if each.name.encode() == name), b"")


def _binding_fault(
    first: re.Match[bytes], mechanism: str, bindings: Sequence[ChannelBinding]
) -> Failed | None:
    """What the client says of channel binding against what is so (RFC 5802 §6)."""
    wanted = first["binding"]
    if mechanism.endswith("-PLUS"):
        if wanted is None or not _octets_of(wanted, bindings):
            return Failed("channel binding missing or of another kind")
    elif wanted is not None:
        return Failed("channel binding without -PLUS")
    elif first["flag"] == b"y" and bindings:
        return Failed("somebody took -PLUS out of our list")
    return None


def _proof_fits(keys: ScramKeys, proof: bytes, signed: bytes, hash_name: str) -> bool:
    signature = hmac.digest(keys.stored_key, signed, hash_name)
    if len(proof) != len(signature):
        return False
    client_key = xor(proof, signature)
    return hmac.compare_digest(
        hashlib.new(hash_name, client_key).digest(), keys.stored_key
    )
