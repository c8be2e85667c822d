"""DKIM: making signatures (RFC 6376 §5, RFC 8463)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from pyeonji.mta.trust.canonical import BodyKey, Form, HeaderField, signed_header
from pyeonji.mta.trust.keys import sha256

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.trust.keys import KeyType

RSA_BITS: Final = 2048
"""Of the keys that we make (RFC 8301 §3.2)."""

OVERSIGNED: Final = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
"""Signed once more than they stand there, so that none can be added on the way
(RFC 6376 §8.15)."""

SIGNED: Final = (
    b"sender",
    b"resent-date",
    b"resent-from",
    b"resent-to",
    b"resent-cc",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-subscribe",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"auto-submitted",
    b"require-recipient-valid-since",
)
"""Signed where they are there (RFC 6376 §5.4.1)."""

BODY: Final = BodyKey(Form.RELAXED)
"""The body hash that our signatures need."""

_LINE: Final = 76


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name in DNS."""

    domain: str  # A-labels or U-labels, as it is to stand in d=
    selector: str
    material: RSAPrivateKey | Ed25519PrivateKey

    @property
    def type(self) -> KeyType:
        """Which kind it is, as in k=."""
        return "rsa" if isinstance(self.material, RSAPrivateKey) else "ed25519"

    def sign(self, octets: bytes) -> bytes:
        """The signature over octets. An RSA key of 2048 bits takes 0.3 ms or so."""
        if isinstance(self.material, RSAPrivateKey):
            return self.material.sign(octets, padding.PKCS1v15(), hashes.SHA256())
        return self.material.sign(sha256(octets))

    @cached_property
    def record(self) -> str:
        """The text to publish at `name` (RFC 6376 §3.6.1)."""
        return key_record(self.material)

    @property
    def name(self) -> str:
        """Where the record stands."""
        return f"{self.selector}._domainkey.{self.domain}"


class BadKey(Exception):
    """Octets that are no private key that we sign with."""


def key_record(material: RSAPrivateKey | Ed25519PrivateKey) -> str:
    """The record of the public half of a key."""
    public = material.public_key()
    if isinstance(material, RSAPrivateKey):
        kind = "rsa"
        octets = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind = "ed25519"
        octets = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode('ascii')}"


def key_octets(material: RSAPrivateKey | Ed25519PrivateKey) -> bytes:
    """A private key as it is kept: PKCS #8, DER. A secret."""
    return material.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def read_key(octets: bytes) -> RSAPrivateKey | Ed25519PrivateKey:
    """The key that `key_octets` wrote, or another in DER.

    Raises:
        BadKey: it is none, or an RSA key below 1024 bits (RFC 8301 §3.2).
    """
    try:
        material = load_der_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey("not a private key") from error
    if isinstance(material, Ed25519PrivateKey):
        return material
    if not isinstance(material, RSAPrivateKey):
        raise BadKey("neither RSA nor Ed25519")
    if material.key_size < 1024:
        raise BadKey(f"an RSA key of {material.key_size} bits is too small")
    return material


def signed_names(fields: Sequence[HeaderField]) -> tuple[bytes, ...]:
    """What h= names for a letter with these fields."""
    counted: dict[bytes, int] = {}
    for field in fields:
        counted[field.name] = counted.get(field.name, 0) + 1
    names: list[bytes] = []
    for name in OVERSIGNED:
        names += [name] * (counted.get(name, 0) + 1)
    for name in SIGNED:
        names += [name] * counted.get(name, 0)
    return tuple(names)


def dkim_signature(
    fields: Sequence[HeaderField],
    body_digest: bytes,
    key: SigningKey,
    now: float,
) -> bytes:
    """A DKIM-Signature field for a letter, CRLF at its end.

    Args:
        fields: of the letter, top first; the header must not change in them
            any more, but fields may be added above.
        body_digest: of the whole body as BODY says.
        key: who signs.
        now: Unix seconds, for t=.
    """
    tags = [
        ("v", b"1"),
        ("a", f"{key.type}-sha256".encode()),
        ("c", b"relaxed/relaxed"),
        ("d", key.domain.encode()),
        ("s", key.selector.encode()),
        ("t", b"%d" % int(now)),
    ]
    names = signed_names(fields)
    return make_signature(b"DKIM-Signature", tags, fields, names, body_digest, key)


def make_signature(
    field_name: bytes,
    tags: Sequence[tuple[str, bytes]],
    fields: Sequence[HeaderField],
    names: Sequence[bytes],
    body_digest: bytes,
    key: SigningKey,
) -> bytes:
    """A signature field with h=, bh= and b= after other tags, in relaxed form."""
    folded = _Folded(field_name + b":")
    for name, value in tags:
        folded.add(b" " + name.encode() + b"=" + value + b";")
    folded.add_list(b" h=", names)
    folded.add(b" bh=" + base64.b64encode(body_digest) + b";")
    folded.add(b" b=")
    unsigned = bytes(folded.octets)
    field = HeaderField(field_name.lower(), unsigned)
    octets = signed_header(fields, names, field, Form.RELAXED)
    folded.add_long(base64.b64encode(key.sign(octets)))
    return bytes(folded.octets) + b"\r\n"


class _Folded:
    """A field that is folded where its lines grow too long."""

    def __init__(self, start: bytes) -> None:
        self.octets = bytearray(start)
        self._column = len(start)

    def add(self, piece: bytes) -> None:
        """A piece that begins with a space, on this line or the next."""
        if self._column + len(piece) > _LINE:
            self._fold()
        self.octets += piece
        self._column += len(piece)

    def add_list(self, start: bytes, names: Sequence[bytes]) -> None:
        """Names with colons between them, folded after colons."""
        piece = start
        for at, name in enumerate(names):
            last = at == len(names) - 1
            piece += name + (b";" if last else b":")
            if self._column + len(piece) > _LINE:
                self._fold()
                piece = b" " + piece.lstrip()
            self.octets += piece
            self._column += len(piece)
            piece = b""

    def add_long(self, text: bytes) -> None:
        """A text that may be cut anywhere."""
        room = max(_LINE - self._column, 0)
        while text:
            if room:
                self.octets += text[:room]
                text = text[room:]
            if text:
                self._fold()
                self.octets += b" "
                room = _LINE - 1

    def _fold(self) -> None:
        self.octets += b"\r\n"
        self._column = 0
