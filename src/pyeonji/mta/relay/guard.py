"""What a host must prove before it is given letters: facts in, a guard out. Pure.

DANE comes before MTA-STS where a host has both (RFC 8461 §2); without either
TLS is taken where it is offered, from whoever answers (RFC 7435). A letter
whose sender requires TLS (RFC 8689 §4.2.1) asks for a certificate in any case,
one whose sender does not care (`TLS-Required: No`) gets all that a policy asks
for, and goes without it if that fails (RFC 8689 §4.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pyeonji.mta.relay.sts import Mode
from pyeonji.net.errors import TlsFailed, TlsTrouble
from pyeonji.storage.queue import TlsWish
from pyeonji.storage.tls import NO_POLICY, Policy

if TYPE_CHECKING:
    from pyeonji.mta.relay.dane import Dane
    from pyeonji.mta.relay.nexthop import Target
    from pyeonji.mta.relay.sts import StsPolicy


class Proof(Enum):
    """What a host must show."""

    NOTHING = "nothing"
    TLS = "TLS, whoever answers"
    DANE = "a certificate that its TLSA records name"
    PKIX = "a certificate for its name by a public authority"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a host must show, and what follows if it does not.

    `binding`: nothing is sent to it then. Otherwise the failure is counted, and
    the letter goes as it did before there were policies.
    """

    proof: Proof = Proof.NOTHING
    binding: bool = False
    policy: Policy = NO_POLICY
    dane: Dane | None = None
    names: tuple[str, ...] = ()  # for usage 2 of DANE (RFC 7672 §3.2.2)
    wish: TlsWish = TlsWish.USUAL
    not_named: str = ""  # what is wrong already, and is only to be reported
    strict: bool = False

    @property
    def reason(self) -> str:
        """Who asks for it, for people."""
        if self.policy.kind == "tlsa":
            return "its TLSA records (DANE) ask for it"
        if self.policy.kind == "sts":
            return "the domain's MTA-STS policy asks for it"
        return "the operator asks for it" if self.strict else "the sender requires TLS"


UNGUARDED: Final = Guard()


def guard_for(
    target: Target,
    dane: Dane | None,
    policy: StsPolicy | None,
    wish: TlsWish,
    *,
    strict: bool = False,
) -> Guard:
    """What a host of a domain must show.

    Args:
        target: the host, and how securely it was found.
        dane: its secure TLSA records.
        policy: of the domain, in force.
        wish: the sender's.
        strict: the operator wants a certificate of this domain's hosts in any
            case (RFC 7672 §6).

    Raises:
        TlsFailed: the host is none of those that the policy names
            (RFC 8461 §4.1), and the policy is to be obeyed; or nobody vouches
            for the host, and the sender or the operator requires TLS
            (RFC 8689 §4.2.1).
    """
    required = strict or wish is TlsWish.REQUIRED
    yielding = wish is TlsWish.OPTIONAL
    if dane is not None and (dane.usable or not required):
        return Guard(
            proof=Proof.DANE if dane.usable else Proof.TLS,
            binding=not yielding,
            policy=Policy(kind="tlsa", lines=dane.records, mx=(target.host,)),
            dane=dane,
            names=(dane.base, *target.domains),
            wish=wish,
        )
    if policy is not None and policy.mode is not Mode.NONE:
        wanted = Policy(kind="sts", lines=policy.lines(), mx=policy.mx)
        enforced = policy.mode is Mode.ENFORCE and not yielding
        not_named = ""
        if not policy.covers(target.host):
            not_named = (
                f"{target.host} is none of the hosts that the domain's MTA-STS"
                " policy names"
            )
            if enforced or required:
                raise TlsFailed(not_named, TlsTrouble.NOT_NAMED)
        return Guard(
            proof=Proof.NOTHING if not_named else Proof.PKIX,
            binding=enforced or required,
            policy=wanted,
            wish=wish,
            not_named=not_named,
        )
    if required:
        if not target.secure:
            raise TlsFailed(
                f"nobody vouches that mail for the domain goes to {target.host}"
                " (neither DNSSEC nor MTA-STS)",
                TlsTrouble.NOT_NAMED,
            )
        return Guard(proof=Proof.PKIX, binding=True, wish=wish, strict=strict)
    return Guard(wish=wish)
