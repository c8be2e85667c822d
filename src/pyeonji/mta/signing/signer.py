"""Signing letters with the keys of our domains.

The hashing is done where the letter passes; what is left is arithmetic, some
0.3 ms of it. It is done at once: why not in a thread, says
docs/decisions/0014-signing.md.
"""

from __future__ import annotations

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

    from pyeonji.message.address import Mailbox
    from pyeonji.mta.signing.keys import Sealing
    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.canonical import HeaderField
    from pyeonji.mta.trust.dkim_sign import SigningKey
    from pyeonji.mta.trust.signed import SignedLetter
    from pyeonji.storage.directory import DkimKey

    KeysOf = Callable[[str], Awaitable[tuple[DkimKey, ...]]]

MAX_PARENTS: Final = 4
"""Domains above an author's that are looked at for keys."""

MAX_OPENED: Final = 2000
"""Private keys kept ready."""

log = structlog.get_logger("pyeonji.mta.signing")


class Signer:
    """Signs with the active keys of our domains."""

    def __init__(self, keys_of: KeysOf, sealing: Sealing) -> None:
        """Nothing is read yet.

        Args:
            keys_of: all keys of a domain, quickly (`Directory.dkim_keys`).
            sealing: opens them.
        """
        self._keys_of = keys_of

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
        return b"".join(dkim_signature(fields, digest, key, now) for key in keys)

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
        return arc_set(fields, digest, verdict, results, keys[0], now)


def author_domains(fields: Sequence[HeaderField]) -> list[str]:
    """The domains of the authors in From, the first author's first."""
    found = (one.domain_text for one in _authors(fields))
    return list(dict.fromkeys(domain for domain in found if domain))


async def domains_of_authors(
    fields: Sequence[HeaderField], may_be: Callable[[str], Awaitable[bool]]
) -> list[str]:
    """The same, only of authors that who hands the letter in may be.

    In a redirected letter From is somebody else's: no key of his may sign it.
    """
    found: dict[str, None] = {}
    for one in _authors(fields):
        if one.domain_text and await may_be(one.address):
            found[one.domain_text] = None
    return list(found)


def _authors(fields: Sequence[HeaderField]) -> Iterator[Mailbox]:
    value = next((field.value for field in fields if field.name == b"from"), b"")
    return mailboxes(parse_addresses(value))


def _and_parents(domain: str) -> Iterator[str]:
    labels = domain.split(".")
    for at in range(max(min(len(labels) - 1, MAX_PARENTS + 1), 1)):
        yield ".".join(labels[at:])
