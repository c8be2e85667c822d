"""Getting a certificate from an authority. Blocks: belongs into a thread."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.errors import Error as JoseError
from josepy.jwa import ES256
from josepy.jwk import JWK, JWKEC

from pyeonji import __version__
from pyeonji.base.errors import TemporaryError
from pyeonji.serve.acme.challenge import TlsAlpn01, proof
from pyeonji.serve.acme.dns_update import NotUpdated, ZoneEditor
from pyeonji.serve.acme.folder import KeptAccount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.serve.acme.folder import AcmeFolder, CertificateKey
    from pyeonji.serve.settings import AcmeSettings

TIMEOUT_S: Final = 30
"""Of one request."""

ORDER_S: Final = 120
"""From the order to the certificate."""

NONCE_TRIES: Final = 12
"""Of one request, whose nonce the authority calls stale (RFC 8555 §6.5)."""


class NotIssued(TemporaryError):
    """The authority gave no certificate; the message says why."""


def issue(
    settings: AcmeSettings,
    names: Sequence[str],
    folder: AcmeFolder,
    *,
    new_key: bool = False,
    resolvers: Sequence[str] = (),
) -> None:
    """Get a certificate for these names, and keep it.

    The running server answers the challenges: `folder` is how it learns them.

    Args:
        settings: which authority, which challenge.
        names: host names in A-labels, one at least; with DNS challenges
            also "*" as the first label.
        folder: what is kept.
        new_key: make a new key instead of keeping the present one.
        resolvers: `[dns] servers`, for DNS challenges.

    Raises:
        NotIssued: refused, or not reached; nothing was changed.
        GettingAlready: another process is at it.
        OSError: the folder can't be written.
    """
    with folder.locked():
        key = None if new_key else folder.key()
        key = key or ec.generate_private_key(ec.SECP256R1())
        try:
            chain = _Order(settings, folder, resolvers).chain(names, key)
        except (errors.Error, messages.Error, JoseError) as error:
            raise NotIssued(_reason(error)) from error
        except (requests.RequestException, ValueError) as error:
            raise NotIssued(f"{settings.directory}: {error}") from error
        except NotUpdated as error:
            raise NotIssued(str(error)) from error
        folder.keep_certificate(key, chain.encode("ascii"))


class _Network(client.ClientNetwork):
    """Asks again with a new nonce, more than the library's once (RFC 8555 §6.5).

    An authority behind a load balancer forgets nonces in bursts.
    """

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCE_TRIES - 1):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)


class _Order:
    """One conversation with an authority."""

    def __init__(
        self, settings: AcmeSettings, folder: AcmeFolder, resolvers: Sequence[str]
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._editor: ZoneEditor | None = None
        if settings.dns is not None:
            self._editor = ZoneEditor(settings.dns, resolvers)
        self._shown: dict[str, list[tuple[str, str]]] = {}  # zone -> (name, text)

    def chain(self, names: Sequence[str], key: CertificateKey) -> str:
        """The certificate and its chain (RFC 8555 §7.4)."""
        authority = self._signed_in()
        order = authority.new_order(_request(names, key))
        with ExitStack() as answered:
            ready = [
                self._prepare(authority, authorization, answered)
                for authorization in order.authorizations
                if authorization.body.status != messages.STATUS_VALID
            ]
            if self._editor is not None:
                for zone, records in self._shown.items():
                    self._editor.wait_until_shown(zone, records)
            for body, response in ready:
                authority.answer_challenge(body, response)
            # both clocks are the library's: it compares with its own naive now()
            deadline = datetime.now() + timedelta(seconds=ORDER_S)  # noqa: DTZ005
            order = authority.poll_authorizations(order, deadline)
        finished = authority.finalize_order(order, deadline)
        return str(finished.fullchain_pem)

    def _signed_in(self) -> client.ClientV2:
        """With our account, made at first (RFC 8555 §7.3)."""
        settings = self._settings
        kept = self._folder.account(settings.directory)
        jwk = _account_key(kept)
        verify: Any = str(settings.ca) if settings.ca is not None else True
        network = _Network(
            jwk,
            alg=ES256,
            verify_ssl=verify,
            user_agent=f"pyeonji/{__version__}",
            timeout=TIMEOUT_S,
        )
        directory = client.ClientV2.get_directory(settings.directory, network)
        authority = client.ClientV2(directory, network)
        if kept is not None:
            network.account = messages.RegistrationResource(
                uri=kept.url, body=messages.Registration()
            )
            return authority
        wanted = messages.NewRegistration.from_data(
            email=settings.contact or None, terms_of_service_agreed=True
        )
        try:
            url = authority.new_account(wanted).uri
        except errors.ConflictError as known:
            url = known.location
            network.account = messages.RegistrationResource(
                uri=url, body=messages.Registration()
            )
        self._folder.keep_account(
            KeptAccount(
                directory=settings.directory, url=url, key=_private_numbers(jwk)
            )
        )
        return authority

    def _prepare(
        self,
        authority: client.ClientV2,
        authorization: messages.AuthorizationResource,
        answered: ExitStack,
    ) -> tuple[messages.ChallengeBody, challenges.ChallengeResponse]:
        """Put the answer where it is looked for (RFC 8555 §7.5.1)."""
        host = authorization.body.identifier.value
        wanted = self._settings.challenge
        jwk = authority.net.key
        if jwk is None:
            raise errors.ClientError("not signed in")
        for body in authorization.body.challenges:
            if body.chall.typ != wanted:
                continue
            if isinstance(body.chall, challenges.HTTP01):
                token, text = body.chall.encode("token"), body.chall.validation(jwk)
                answered.enter_context(self._folder.challenge(token, text))
            elif isinstance(body.chall, TlsAlpn01):
                octets = proof(host, body.chall.validation(jwk))
                answered.enter_context(self._folder.handshake(host, octets))
            elif isinstance(body.chall, challenges.DNS01):
                self._show(body.chall, host, body.chall.validation(jwk), answered)
            return body, body.response(jwk)
        raise errors.ClientError(f"no {wanted} challenge is offered for {host}")

    def _show(
        self, challenge: challenges.DNS01, host: str, text: str, answered: ExitStack
    ) -> None:
        """In DNS (RFC 8555 §8.4); a host and its "*" have records at one name."""
        editor = self._editor
        if editor is None:
            raise errors.ClientError("[acme.dns] is missing")
        zone, name = editor.add(challenge.validation_domain_name(host), text)
        answered.callback(self._unshow, zone, name, text)
        self._shown.setdefault(zone, []).append((name, text))

    def _unshow(self, zone: str, name: str, text: str) -> None:
        if self._editor is not None:
            with suppress(NotUpdated):  # it does no harm there
                self._editor.remove(zone, name, text)


def _account_key(kept: KeptAccount | None) -> JWK:
    if kept is not None:
        return cast("JWK", JWKEC.from_json(kept.key))
    return JWKEC(key=ec.generate_private_key(ec.SECP256R1()))


def _private_numbers(jwk: JWK) -> dict[str, str]:
    return {name: str(value) for name, value in jwk.to_json().items()}


def _request(names: Sequence[str], key: CertificateKey) -> bytes:
    """A certificate signing request (RFC 8555 §7.4)."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    signed = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM)


def _reason(error: Exception) -> str:
    if isinstance(error, errors.TimeoutError):
        return "the authority did not finish in time"
    return " ".join(str(error).split()) or type(error).__name__
