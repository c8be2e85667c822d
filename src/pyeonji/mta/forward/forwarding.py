"""Whose letters are forwarded, and under which sender."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyeonji.mta.forward.srs import Srs, is_srs
from pyeonji.mta.trust.arc_seal import own_results
from pyeonji.mta.trust.canonical import header_fields
from pyeonji.mta.trust.domains import ascii_domain
from pyeonji.storage.names import domain_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pyeonji.mta.needs import Expand, Expansion, IsLocal
    from pyeonji.mta.signing.signer import Signer
    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.signed import SignedLetter
    from pyeonji.storage.directory import Account
    from pyeonji.storage.queue import NewLetter, Recipient

FORWARDED_AS: Final = "forwarded_as"
"""Fact of a letter: the sender under which forwarded recipients get it."""


@dataclass(frozen=True, slots=True)
class LeadsBack:
    """An address of ours that leads back to a sender.

    For bounces alone: strangers learn such addresses, and can have them made for
    any sender they name; with a sender of theirs they would write to anybody
    through us.
    """

    remote: tuple[str, ...]
    accounts: tuple[tuple[str, Account], ...] = ()
    alias: bool = True


class Forwarding:
    """Rewrites senders of letters that aliases send elsewhere."""

    def __init__(
        self,
        srs: Srs,
        *,
        expand: Expand,
        is_local: IsLocal,
        hostname: str,
        authserv_id: str,
        rewrites: bool = True,
        forwards_junk: bool = False,
        signer: Signer | None = None,
    ) -> None:
        """Nothing is looked up yet.

        Args:
            srs: makes and reads addresses.
            expand: who an address stands for otherwise.
            is_local: whether an address is in a domain of ours.
            hostname: ours, for letters to "postmaster" alone.
            authserv_id: under which results of checks stand above letters.
            rewrites: False: senders stay; addresses made before lead back still.
            forwards_junk: what policy mistrusts goes elsewhere, too.
            signer: seals; None: nothing is sealed.
        """
        self._srs = srs
        self._expand = expand
        self._is_local = is_local
        self._hostname = hostname
        self._authserv_id = authserv_id
        self._rewrites = rewrites
        self.forwards_junk = forwards_junk
        self._signer = signer

    def expanding(self, now: Callable[[], float]) -> Expand:
        """The same as `expand`, and addresses that were rewritten lead back."""

        async def expand(address: str) -> Expansion | None:
            if is_srs(address) and await self._is_local(address):
                original = self._srs.reverse(address, now())
                if original is not None:
                    return LeadsBack((original,))
            return await self._expand(address)

        return expand

    @property
    def seals(self) -> bool:
        """Whether letters are sealed."""
        return self._signer is not None

    async def forwarded(
        self,
        new: NewLetter,
        recipients: Sequence[Recipient],
        letter: SignedLetter | None,
        verdict: ArcVerdict | None,
    ) -> NewLetter:
        """A stranger's letter that goes on to others through aliases.

        Args:
            new: as it is to be kept, with the results of checks on top.
            recipients: those elsewhere to whom aliases lead, one at least.
            letter: its body hashed; None: it is not to be sealed.
            verdict: what came of its ARC chain; None: it was not checked, and
                what we do not know we do not seal.
        """
        sender = await self.sender(new.reverse_path, recipients, new.accepted_at)
        if sender:
            new = replace(new, facts={**new.facts, FORWARDED_AS: sender})
        if letter is None or verdict is None or self._signer is None:
            return new
        results = own_results(header_fields(new.prefix), self._authserv_id)
        fields = await self._signer.seal(
            letter,
            verdict,
            results or f"{self._authserv_id}; none".encode(),
            domain_of(recipients[0].accepted) or self._hostname,
            new.accepted_at,
            above=new.prefix,
        )
        return replace(new, prefix=fields + new.prefix) if fields else new

    async def sender(
        self, reverse_path: str, forwarded: Iterable[Recipient], now: float
    ) -> str:
        """The sender for recipients that an alias sends elsewhere; "" as it is.

        Senders of ours and the null one stay: SPF of ours lets us send them.

        Args:
            reverse_path: as it came.
            forwarded: those recipients, with the address that was asked for.
            now: Unix seconds.
        """
        if not self._rewrites or not reverse_path or await self._is_local(reverse_path):
            return ""
        for recipient in forwarded:
            # A-labels: not every next hop takes others
            domain = ascii_domain(domain_of(recipient.accepted)) or self._hostname
            made = self._srs.forward(reverse_path, domain, now)
            return "" if made == reverse_path else made
        return ""
