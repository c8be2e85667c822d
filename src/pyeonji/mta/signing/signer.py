"""Signing letters with the keys of our domains.

The hashing is done where the letter passes; what is left is arithmetic, done
in one thread: jobs that come while it works are done together afterwards.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.message.address import mailboxes, parse_addresses
from pyeonji.mta.signing.keys import signing_key
from pyeonji.mta.trust.arc_seal import arc_set
from pyeonji.mta.trust.canonical import header_fields
from pyeonji.mta.trust.dkim_sign import dkim_signature
from pyeonji.storage.directory import KeyState
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from pyeonji.mta.signing.keys import Sealing
    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.canonical import HeaderField
    from pyeonji.mta.trust.dkim_sign import SigningKey
    from pyeonji.mta.trust.signed import SignedLetter
    from pyeonji.storage.directory import DkimKey

    _Working = asyncio.Future[list[bytes | Exception]]
    KeysOf = Callable[[str], Awaitable[tuple[DkimKey, ...]]]

MAX_PARENTS: Final = 4
"""Domains above an author's that are looked at for keys."""

MAX_OPENED: Final = 2000
"""Private keys kept ready."""

MAX_BATCH: Final = 32
"""Letters signed in one go of the thread."""

log = structlog.get_logger("pyeonji.mta.signing")


class Pen:
    """Does jobs in a thread, one batch after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="signing")
        self._waiting: list[tuple[Callable[[], bytes], asyncio.Future[bytes]]] = []
        self._writing: _Working | None = None

    async def write(self, job: Callable[[], bytes]) -> bytes:
        """What the job returns; raises what it raises."""
        done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        if self._writing is None:
            self._next()
        return await done

    def _next(self) -> None:
        batch = self._waiting[:MAX_BATCH]
        del self._waiting[:MAX_BATCH]
        working = asyncio.get_running_loop().run_in_executor(
            self._thread, _work, [job for job, _ in batch]
        )
        self._writing = working

        def done(_: object) -> None:
            self._writing = None
            _tell(working, [future for _, future in batch])
            if self._waiting:
                self._next()

        working.add_done_callback(done)

    def close(self) -> None:
        """End the thread; jobs under way are done."""
        self._thread.shutdown(wait=False)


def _work(jobs: list[Callable[[], bytes]]) -> list[bytes | Exception]:
    results: list[bytes | Exception] = []
    for job in jobs:
        try:
            results.append(job())
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            results.append(error)
    return results


def _tell(working: _Working, waiting: list[asyncio.Future[bytes]]) -> None:
    """Say what came of a batch to those who still wait."""
    if working.cancelled():
        results: list[bytes | Exception] = [RuntimeError("closed")] * len(waiting)
    else:
        results = working.result()
    for result, future in zip(results, waiting, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


class Signer:
    """Signs with the active keys of our domains."""

    def __init__(self, keys_of: KeysOf, sealing: Sealing, pen: Pen) -> None:
        """Nothing is read yet.

        Args:
            keys_of: all keys of a domain, quickly (`Directory.dkim_keys`).
            sealing: opens them.
            pen: does the work.
        """
        self._keys_of = keys_of
        self._pen = pen

        def opened(key: DkimKey) -> SigningKey | None:
            found = signing_key(key, sealing)
            if found is None:  # secret.key is another one: told once
                log.error("dkim.sealed", domain=key.domain, selector=key.selector)
            return found

        self._opened = lru_cache(MAX_OPENED)(opened)

    async def keys(self, domains: Sequence[str]) -> list[SigningKey]:
        """The keys that sign for the first of the domains that has any.

        A domain without keys may be below one that has: d= of a parent is
        aligned with it (RFC 6376 §3.10).
        """
        for domain in domains:
            for name in _and_parents(canonical_domain(domain)):
                found = [
                    opened
                    for key in await self._keys_of(name)
                    if key.state is KeyState.ACTIVE
                    and (opened := self._opened(key)) is not None
                ]
                if found:
                    # some verifiers look at the first signature only
                    return sorted(found, key=lambda key: key.type != "rsa")
        return []

    async def sign(
        self,
        letter: SignedLetter,
        domains: Sequence[str],
        now: float,
        *,
        above: bytes = b"",
    ) -> bytes:
        """DKIM-Signature fields for a letter whose body is over.

        Args:
            letter: read with `signing`.
            domains: who may sign, the best first (`author_domains`).
            now: Unix seconds.
            above: fields that we have put on top of it before.

        Returns:
            A field for each key; b"" when none of the domains has keys.
        """
        keys = await self.keys(domains)
        if not keys:
            return b""
        digest = letter.body_digest
        fields = [*header_fields(above), *letter.fields]

        def job() -> bytes:
            return b"".join(dkim_signature(fields, digest, key, now) for key in keys)

        return await self._pen.write(job)

    async def seal(
        self,
        letter: SignedLetter,
        verdict: ArcVerdict,
        results: bytes,
        domain: str,
        now: float,
        *,
        above: bytes = b"",
    ) -> bytes:
        """An ARC set for a letter that is passed on, whose body is over.

        Args:
            letter: read with `signing`.
            verdict: what came of its chain when it arrived.
            results: what else was found, "id; spf=pass …".
            domain: who passes it on.
            now: Unix seconds.
            above: fields that we have put on top of it before.

        Returns:
            Three fields; b"" where there is no key, or the chain takes no more.
        """
        keys = await self.keys([domain])
        if not keys:
            return b""
        digest = letter.body_digest
        fields = [*header_fields(above), *letter.fields]

        def job() -> bytes:
            return arc_set(fields, digest, verdict, results, keys[0], now)

        return await self._pen.write(job)


def author_domains(fields: Sequence[HeaderField]) -> list[str]:
    """The domains of the authors in From, the first author's first."""
    value = next((field.value for field in fields if field.name == b"from"), b"")
    found = (one.domain_text for one in mailboxes(parse_addresses(value)))
    return list(dict.fromkeys(domain for domain in found if domain))


def _and_parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for at in range(max(min(len(labels) - 1, MAX_PARENTS + 1), 1)):
        yield ".".join(labels[at:])
