"""A letter with all that was signed in it, hashed while it passes.

Told the header once and then the body in pieces, it knows at the end what the
checks need; the letter is not read a second time::

    letter = SignedLetter(header)
    letter.update(piece) …                      # the body, cut anywhere
    signatures = yield from letter.check_dkim(now)
    chain = yield from letter.check_arc()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mta.trust.arc import read_chain, validate
from pyeonji.mta.trust.canonical import BodyHashes, header_fields
from pyeonji.mta.trust.dkim import body_keys, read_signatures, verify
from pyeonji.mta.trust.dkim_sign import BODY

if TYPE_CHECKING:
    from pyeonji.base.dns import Inquiry
    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.dkim import Verdict


class SignedLetter:
    """The fields, signatures and ARC chain of a letter, and its body's hashes."""

    def __init__(self, header: bytes, *, signing: bool = False) -> None:
        """Read the header.

        Args:
            header: the block, with or without the empty line at its end.
            signing: we shall sign it: the hash for that is made, too.
        """
        self.fields = header_fields(header)
        self.signatures = read_signatures(self.fields)
        self.chain = read_chain(self.fields)
        keys = [BODY] if signing else []
        keys += self.chain.body_keys()
        keys += body_keys(self.signatures)
        keys += self.chain.older_body_keys()
        self._hashes = BodyHashes(keys) if keys else None

    @property
    def needs_body(self) -> bool:
        """Whether anything is made of the body; without it `update` does nothing."""
        return self._hashes is not None

    def update(self, octets: bytes) -> None:
        """Hash the next piece of the body: what follows the header's empty line."""
        if self._hashes is not None:
            self._hashes.update(octets)

    @property
    def body_digest(self) -> bytes:
        """The hash that signing needs (only with `signing`); the body is over."""
        assert self._hashes is not None  # noqa: S101 - asked for at the start
        return self._hashes.finish()[BODY].digest

    def check_dkim(self, now: float) -> Inquiry[tuple[Verdict, ...]]:
        """A verdict for each DKIM signature, from the top; the body is over.

        Args:
            now: Unix seconds.
        """
        hashes = self._hashes.finish() if self._hashes is not None else {}
        return verify(self.fields, self.signatures, hashes, now)

    def check_arc(self) -> Inquiry[ArcVerdict]:
        """What came of the ARC chain; the body is over."""
        hashes = self._hashes.finish() if self._hashes is not None else {}
        return validate(self.fields, self.chain, hashes)
