"""Who is speaking: the one place where doors ask whether somebody is an account.

A door that has a name and a password asks `check_password`. A door that
conducts SASL hands each response of its client to `step`, until the outcome is
no Challenge any more::

    offer = authenticator.mechanisms(connection.tls, plaintext=…)
    self._exchange = authenticator.begin(mechanism, connection.tls, ...)
    outcome = await authenticator.step(self._exchange, None, peer_address)
    # then, for each response of the client:
    outcome = await authenticator.step(self._exchange, response, peer_address)

    match outcome:
        case Challenge(octets):  ... send it, base64, and wait for the response
        case Admitted(account):  ... the session is this account's
        case Failed(malformed=True):  ... 501, BAD: not a failed attempt
        case Failed():           ... 535, NO, -ERR: one general refusal

APOP asks `check_digest`. All of them refuse two seconds late, hear a client that
has failed for a user later and later when it comes for that user again, take as
long for users that do not exist, and never say which of name and password was
wrong. All raise StorageUnavailable when the directory cannot be read.
"""

from __future__ import annotations

import asyncio
import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from pyeonji.net.tls import client_certificate
from pyeonji.protocol.sasl import server
from pyeonji.protocol.sasl.prep import MAX_NAME_OCTETS, NotPrepared, saslprep
from pyeonji.protocol.sasl.steps import (
    Challenge,
    ClientCertificate,
    Failed,
    HolderNeeded,
    PasswordNeeded,
    ScramKeysNeeded,
    SecretNeeded,
    Step,
    Succeeded,
    TokenNeeded,
)
from pyeonji.storage.credentials import (
    MAX_PASSWORD_OCTETS,
    Sealer,
    verification_pool,
    verify,
)
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import ThreadPoolExecutor

    from pyeonji.base.clock import Clock
    from pyeonji.net.tls import TlsFacts
    from pyeonji.protocol.sasl.scram import ChannelBinding
    from pyeonji.protocol.sasl.steps import Answer, Exchange, Verdict
    from pyeonji.storage.directory import Account, Credentials, Directory

REFUSAL_S: Final = 2.0
"""From question to refusal; the same whether or not the user exists."""

MAX_PENALTY_S: Final = 15.0
PENALTY_FORGOTTEN_S: Final = 900.0
MAX_PENALTIES: Final = 10_000
"""(client, user) pairs remembered; the one that failed longest ago goes first."""

REMEMBERED_S: Final = 300.0
MAX_REMEMBERED: Final = 10_000
"""Passwords that were right lately, as keyed hashes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The exchange succeeded and the session is this account's."""

    __match_args__ = ("account",)
    account: Account
    authcid: str  # who proved it: an administrator may act as another


class Authenticator:
    """Answers for all doors of one process; see the module's example."""

    def __init__(
        self,
        directory: Directory,
        *,
        sealer: Sealer,
        clock: Clock,
        legacy: bool = False,
        channel_binding: bool | None = None,
        verify_token: Callable[[str], Verdict] | None = None,
        pool: ThreadPoolExecutor | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.legacy: Final = legacy  # may APOP and CRAM-MD5 be offered?
        self.channel_binding = channel_binding  # see _bindings
        self.verify_token = verify_token  # None: OAUTHBEARER, XOAUTH2 not offered
        self._directory = directory
        self._sealer = sealer
        self._clock = clock
        self._pool = pool or verification_pool()
        self._sleep = sleep
        self._key = os.urandom(32)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        self._checking: dict[bytes, asyncio.Future[bool]] = {}
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def mechanisms(self, tls: TlsFacts | None, *, plaintext: bool) -> tuple[str, ...]:
        """What a door may offer on a connection, best first.

        Args:
            tls: the connection's, None in clear.
            plaintext: what shows a password may be used without TLS too.
        """
        return server.offered(self._circumstances(tls, plaintext=plaintext))

    def _bindings(self, tls: TlsFacts | None) -> tuple[ChannelBinding, ...]:
        """What SCRAM-*-PLUS may be bound to; none: they are not offered.

        Unless told, only where there is tls-unique: under TLS 1.3 clients bind to
        tls-exporter (RFC 9266 §3), which we lack, and many that see -PLUS try
        nothing else.
        """
        found = tls.bindings if tls is not None else ()
        wanted = self.channel_binding
        if wanted is None:
            wanted = any(binding.name == "tls-unique" for binding in found)
        return found if wanted else ()

    def _circumstances(
        self, tls: TlsFacts | None, *, plaintext: bool
    ) -> server.Circumstances:
        return server.Circumstances(
            plaintext=plaintext or tls is not None,
            bindings=self._bindings(tls),
            certificate=client_certificate(tls),
            secrets=self.legacy,
            tokens=self.verify_token is not None,
        )

    def begin(
        self,
        mechanism: str,
        tls: TlsFacts | None,
        *,
        nonce: bytes,
        hostname: str,
        initial: bytes | None,
    ) -> Exchange:
        """Start an exchange of a mechanism that was offered; then `step`.

        Args:
            mechanism: one of `mechanisms`.
            tls: the connection's.
            nonce: 16 octets of chance or more, new each time.
            hostname: ours, for challenges.
            initial: the initial response, decoded, or None.
        """
        now = self._circumstances(tls, plaintext=True)
        return server.begin(
            mechanism,
            nonce=nonce,
            hostname=hostname,
            now=int(self._clock.time()),
            initial=initial,
            bindings=now.bindings,
            certificate=now.certificate,
        )

    async def check_password(
        self, identity: str, password: str, client_address: str
    ) -> Account | None:
        """The account whose address and password these are; None comes late."""
        identity = _prepared(identity)
        await self._penance(identity, client_address)
        started = self._clock.monotonic()
        account = await self._proven(identity, password)
        if account is None:
            await self._refuse(started, identity, client_address)
        else:
            self._failures.pop((client_address, canonical(identity)), None)
        return account

    async def check_digest(
        self,
        identity: str,
        digest: bytes,
        compute: Callable[[str], bytes],
        client_address: str,
    ) -> Account | None:
        """The account whose sealed password gives this digest (APOP, RFC 1939 §7).

        Args:
            identity: the name given.
            digest: what the client sent, in the form that `compute` returns.
            compute: from the password to the digest.
            client_address: for the penalty.
        """
        identity = _prepared(identity)
        await self._penance(identity, client_address)
        started = self._clock.monotonic()
        account, credentials = await self._find(identity)
        secret = self._secret(credentials)
        right = hmac.compare_digest(compute(secret or "\0nobody"), digest)
        if account is None or secret is None or not right:
            await self._refuse(started, identity, client_address)
            return None
        self._failures.pop((client_address, canonical(identity)), None)
        return account

    async def step(
        self, exchange: Exchange, response: bytes | None, client_address: str
    ) -> Challenge | Admitted | Failed:
        """Carry a SASL exchange on to its next challenge or its end.

        Args:
            exchange: from the mechanism; not to be used after an end.
            response: the client's, decoded; None the first time.
            client_address: for the penalty.
        """
        started = self._clock.monotonic()
        answer: Answer = response
        try:
            asked = next(exchange) if response is None else exchange.send(response)
            while not isinstance(asked, Challenge):
                name = getattr(asked, "authcid", "")
                if name and await self._penance(name, client_address):
                    started = self._clock.monotonic()
                answer = await self._answer(asked)
                asked = exchange.send(answer)
        except StopIteration as end:
            return await self._ended(end.value, started, client_address)
        return asked

    def close(self) -> None:
        """End the threads that check passwords."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, asked: Step) -> Answer:
        match asked:
            case PasswordNeeded(authcid=name, password=password):
                return await self._proven(name, password) is not None
            case ScramKeysNeeded(authcid=name, mechanism=mechanism):
                return await self._scram_keys(name, mechanism)
            case SecretNeeded(authcid=name):
                return self._secret((await self._find(name))[1])
            case HolderNeeded(certificate=certificate, authzid=authzid):
                return await self._holder(certificate, authzid)
            case TokenNeeded(token=token):
                return self.verify_token(token) if self.verify_token else None
            case _:
                raise TypeError(asked)

    async def _holder(self, certificate: ClientCertificate, authzid: str) -> str | None:
        """Whose certificate it is: bound by hand, or given for an address."""
        bound = await self._directory.account_of_certificate(certificate.fingerprint)
        if bound is not None:
            return bound.address
        names = [canonical(name) for name in certificate.names]
        if authzid and canonical(authzid) in names:
            names = [canonical(authzid)]
        for name in names:
            if await self._directory.account_at(name) is not None:
                return name
        return None

    async def _ended(
        self, end: Succeeded | Failed, started: float, client_address: str
    ) -> Admitted | Failed:
        if isinstance(end, Failed):
            if not end.malformed:
                await self._refuse(started, end.authcid, client_address)
            return end
        account = await self._authorized(end)
        if account is None:
            await self._refuse(started, end.authcid, client_address)
            return Failed("not allowed to act as that user", end.authcid)
        self._failures.pop((client_address, canonical(end.authcid)), None)
        return Admitted(account=account, authcid=end.authcid)

    async def _authorized(self, end: Succeeded) -> Account | None:
        """Whose session it becomes: only administrators act as others."""
        account = await self._directory.account_at(end.authcid)
        if account is None or not account.enabled:
            return None
        if not end.authzid or canonical(end.authzid) == account.address:
            return account
        if not account.administrator:
            return None
        other = await self._directory.account_at(end.authzid)
        return other if other is not None and other.enabled else None

    async def _find(self, identity: str) -> tuple[Account | None, Credentials | None]:
        account = await self._directory.account_at(identity)
        if account is None or not account.enabled:
            return None, None
        return account, await self._directory.credentials(account.id)

    async def _scram_keys(self, name: str, mechanism: str) -> Answer:
        _, credentials = await self._find(name)
        if credentials is None:
            return self._sealer.made_up_keys(canonical(name), mechanism)
        if mechanism.startswith("SCRAM-SHA-1"):
            return credentials.scram_sha1
        return credentials.scram_sha256

    def _secret(self, credentials: Credentials | None) -> str | None:
        if not self.legacy or credentials is None or credentials.legacy_secret is None:
            return None
        return self._sealer.unseal(credentials.legacy_secret)

    async def _proven(self, identity: str, password: str) -> Account | None:
        account, credentials = await self._find(identity)
        try:
            password = saslprep(password[: MAX_PASSWORD_OCTETS + 1])
        except NotPrepared:
            password = ""
        octets = password.encode("utf-8", "replace")
        if not 0 < len(octets) <= MAX_PASSWORD_OCTETS:
            password, octets, credentials = "x", b"x", None
        kept = credentials.password_hash if credentials else None
        # a changed password has another hash, so what is remembered dies with it
        ticket = blake2b(octets, key=self._key, person=b"password", digest_size=32)
        ticket.update(b"\0" + (kept or "").encode())
        key = ticket.digest()
        if kept and self._remembered.get(key, 0.0) > self._clock.monotonic():
            return account
        name = identity.encode("utf-8", "replace")
        if not await self._verified(key + name, kept, password):
            return None
        self._remembered[key] = self._clock.monotonic() + REMEMBERED_S
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return account

    async def _verified(self, key: bytes, kept: str | None, password: str) -> bool:
        """Whether a password is right; asked at once by many, it is checked once.

        A client that opens ten connections is common.
        """
        checking = self._checking.get(key)
        if checking is None:
            checking = asyncio.get_running_loop().run_in_executor(
                self._pool, partial(verify, kept, password)
            )
            self._checking[key] = checking
            checking.add_done_callback(lambda _: self._checking.pop(key, None))
        return await asyncio.shield(checking)  # who hangs up ends it for no other

    async def _penance(self, identity: str, client_address: str) -> bool:
        """Who failed lately waits before being heard again: 1, 3, 7 … 15 s.

        Before, and not only before the refusal: else a guesser would take half a
        second of silence for a no, hang up, and guess on.
        """
        key = (client_address, canonical(identity))
        count, last = self._failures.get(key, (0, 0.0))
        if not count or self._clock.monotonic() - last > PENALTY_FORGOTTEN_S:
            return False
        await self._sleep(min(2.0 ** min(count, 10) - 1.0, MAX_PENALTY_S))
        return True

    async def _refuse(self, started: float, identity: str, client_address: str) -> None:
        """Note the failure, and wait until it is time to say no."""
        key = (client_address, canonical(identity))
        now = self._clock.monotonic()
        count, last = self._failures.pop(key, (0, 0.0))
        if now - last > PENALTY_FORGOTTEN_S:
            count = 0
        self._failures[key] = (count + 1, now)
        if len(self._failures) > MAX_PENALTIES:
            self._failures.popitem(last=False)
        await self._sleep(max(REFUSAL_S - (now - started), 0.0))


def _prepared(identity: str) -> str:
    """A name as mechanisms of SASL prepare it (RFC 6856 §2.2, RFC 4013)."""
    try:
        return saslprep(identity[:MAX_NAME_OCTETS])
    except NotPrepared:
        return ""  # nobody is called so
