"""Letters that are signed outside the door: our own, and converted ones.

Converted for a next hop (RFC 6376 §5.3):

What we put on top when the letter was accepted was signed over its octets as
they came. A next hop that takes no 8-bit octets gets others: our signatures and
seals over the old ones are taken away, and new ones are made. Signatures of others
stay, broken as they are.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyeonji.mta.signing.signer import author_domains
from pyeonji.mta.trust.arc import NAMES, ArcVerdict, ChainState
from pyeonji.mta.trust.canonical import header_fields
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.mta.trust.tags import BadTags, parse_tags
from pyeonji.storage.content import StoredOctets, opened

if TYPE_CHECKING:
    from pyeonji.mta.signing.signer import Signer
    from pyeonji.storage.content import Content
    from pyeonji.storage.queue import NewLetter

LARGE: Final = 1 << 20
"""Letters above that are hashed beside the loop."""

_PIECE: Final = 1 << 16
_DOMAIN: Final = re.compile(rb"[\s;]d=([^;\s]+);")

SIGNED: Final = "signed"
"""Fact of a letter: whose keys have signed it."""


def ours(prefix: bytes) -> tuple[list[str], bytes]:
    """The domains that signed in what we put on top, and the rest of it."""
    domains: dict[str, None] = {}
    rest: list[bytes] = []
    for field in header_fields(prefix):
        if field.name != b"dkim-signature":
            rest.append(field.octets + b"\r\n")
            continue
        try:
            domain = parse_tags(field.value).get("d", b"").decode("utf-8", "replace")
        except BadTags:
            continue
        domains[domain] = None
    return list(domains), b"".join(rest)


@dataclass(frozen=True, slots=True)
class OurSeal:
    """What our ARC set said."""

    state: ChainState  # of the chain as it arrived
    domain: str
    results: bytes


def our_seal(prefix: bytes) -> tuple[OurSeal | None, bytes]:
    """Our ARC set in what we put on top, and the rest of it."""
    fields = header_fields(prefix)
    own = {field.name: field for field in fields if field.name in NAMES}
    if len(own) < len(NAMES):
        return None, prefix
    rest = b"".join(f.octets + b"\r\n" for f in fields if f.name not in own)
    tags = parse_tags(own[b"arc-seal"].value)
    results = own[b"arc-authentication-results"].value.partition(b";")[2]
    seal = OurSeal(ChainState(tags["cv"].decode()), tags["d"].decode(), results.strip())
    return seal, rest


def signed_by(fields: bytes) -> str:
    """The domain that made our signatures, for the letter's journey."""
    match = _DOMAIN.search(fields)
    return match[1].decode("ascii", "replace") if match else ""


async def sign_again(signer: Signer, octets: StoredOctets, now: float) -> StoredOctets:
    """A converted letter with our signatures made anew, if there were any.

    Args:
        signer: who signs.
        octets: the letter as the next hop takes it.
        now: Unix seconds.
    """
    domains, rest = ours(octets.prefix)
    sealed, rest = our_seal(rest)
    if not domains and sealed is None:
        return octets
    if len(octets) > LARGE:
        letter = await asyncio.to_thread(read_signed, octets)
    else:
        letter = read_signed(octets)
    fields = b""
    if domains:
        fields = await signer.sign(letter, domains, now, above=rest)
    elif sealed is not None:
        verdict = ArcVerdict(
            state=sealed.state, sets=letter.chain.sets, chain=letter.chain
        )
        fields = await signer.seal(
            letter, verdict, sealed.results, sealed.domain, now, above=rest
        )
    return replace(octets, prefix=fields + rest)


async def sign_own(signer: Signer, new: NewLetter) -> NewLetter:
    """A letter of the system itself, with signatures of its From on top."""
    if not isinstance(new.content, bytes):
        return new
    letter = read_signed(StoredOctets(prefix=b"", body=new.content))
    domains = author_domains(letter.fields)
    signatures = await signer.sign(letter, domains, new.accepted_at, above=new.prefix)
    return replace(new, prefix=signatures + new.prefix) if signatures else new


def read_content(content: Content) -> SignedLetter:
    """The same of a content, which may be a file: not on the loop."""
    with opened(content) as octets:
        return read_signed(StoredOctets(prefix=b"", body=octets))


def read_signed(octets: StoredOctets) -> SignedLetter:
    """What came in, without what we put on top, hashed to be signed."""
    body = octets.body
    start = body.find(b"\r\n\r\n")
    end = len(body) if start < 0 else start + 4
    if body[:2] == b"\r\n":
        end = 2
    letter = SignedLetter(body[:end], signing=True)
    for at in range(end, len(body), _PIECE):
        letter.update(body[at : at + _PIECE])
    return letter
