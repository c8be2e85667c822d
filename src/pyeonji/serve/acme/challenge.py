"""TLS-ALPN-01 (RFC 8737), which the library leaves to us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from acme import challenges
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pyeonji.serve.acme.folder import pem_of

if TYPE_CHECKING:
    from josepy.jwk import JWK

ID_PE_ACME_IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")

LIFE: Final = timedelta(days=1)


@challenges.ChallengeResponse.register
class TlsAlpn01Response(challenges.KeyAuthorizationChallengeResponse):
    """Says "go and look": an empty object (RFC 8737 §3)."""

    typ = "tls-alpn-01"


@challenges.Challenge.register
class TlsAlpn01(challenges.KeyAuthorizationChallenge):
    """A certificate that proves control of a host (RFC 8737 §3)."""

    response_cls = TlsAlpn01Response
    typ = TlsAlpn01Response.typ

    def validation(self, account_key: JWK, **_: Any) -> bytes:
        """The digest that the certificate must carry."""
        return sha256(self.key_authorization(account_key).encode("ascii")).digest()


def proof(host: str, digest: bytes, now: datetime | None = None) -> bytes:
    """Key and self-signed certificate that answer a challenge, as PEM.

    Args:
        host: the one name in it (RFC 8737 §3).
        digest: of the key authorization; in a critical extension.
        now: for tests; default the present time.
    """
    now = now or datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme-tls")])
    octet_string = b"\x04" + bytes([len(digest)]) + digest  # DER
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LIFE)
        .not_valid_after(now + LIFE)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
        .add_extension(
            x509.UnrecognizedExtension(ID_PE_ACME_IDENTIFIER, octet_string),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return pem_of(key) + signed.public_bytes(serialization.Encoding.PEM)
