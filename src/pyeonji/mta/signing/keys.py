"""DKIM keys of a domain: made, rotated with overlap, retired (RFC 6376 §3.1).

A key moves in three states, each as long as DNS and letters on their way need::

    waiting    made; its record is published, but it does not sign yet
    active     signs
    retiring   signs no more; the record stays until its letters were read

What to do next is decided by pure functions from the keys to their new states.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    generate_private_key,
)

from pyeonji.base.errors import PermanentError
from pyeonji.mta.trust.dkim_sign import (
    RSA_BITS,
    BadKey,
    SigningKey,
    key_octets,
    key_record,
    read_key,
)
from pyeonji.mta.trust.domains import ascii_domain
from pyeonji.storage.directory import DkimKey, KeyState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

KEY_TYPES: Final = ("rsa", "ed25519")
"""Both by default: RFC 8463 §3 wants verifiers to know Ed25519, not all do."""

OVERLAP_S: Final = 7 * 86400.0
"""How long a retiring key stays published: letters wait five days in queues."""

MAX_KEYS: Final = 20
"""Keys of one domain."""


class KeyRefused(PermanentError):
    """What was asked of the keys makes no sense now; the text says why."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How secrets are kept: `storage.credentials.Sealer` has both."""

    seal: Callable[[str], bytes]
    unseal: Callable[[bytes], str | None]


def make_keys(
    domain: str,
    *,
    types: Sequence[str],
    state: KeyState,
    taken: Collection[str],
    now: float,
    sealing: Sealing,
    selector: str = "",
) -> list[DkimKey]:
    """Make keys (an RSA key takes some 0.1 s: not on the loop).

    Args:
        domain: whose.
        types: of KEY_TYPES; each key has a selector of its own, since a record
            holds one key (RFC 8463 §6).
        state: which they are born in.
        taken: selectors that are in use.
        now: Unix seconds.
        sealing: hides the private half.
        selector: the name, only for a single key; default: the month and the
            kind of key, as "2026-11r".
    """
    made: list[DkimKey] = []
    for kind in types:
        name = selector or _selector(kind, now, {*taken, *(k.selector for k in made)})
        material: RSAPrivateKey | Ed25519PrivateKey
        if kind == "rsa":
            material = generate_private_key(65537, RSA_BITS)
        else:
            material = Ed25519PrivateKey.generate()
        secret = base64.b64encode(key_octets(material)).decode("ascii")
        made.append(
            DkimKey(
                domain=domain,
                selector=name,
                type=kind,
                state=state,
                record=key_record(material),
                sealed=sealing.seal(secret),
                created_at=now,
                changed_at=now,
            )
        )
    return made


def _selector(kind: str, now: float, taken: Collection[str]) -> str:
    month = datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
    name = f"{month}{kind[0]}"
    count = 1
    while name in taken:
        count += 1
        name = f"{month}{kind[0]}{count}"
    return name


def signing_key(key: DkimKey, sealing: Sealing) -> SigningKey | None:
    """The key ready to sign, or None: this installation cannot open it."""
    secret = sealing.unseal(key.sealed)
    if secret is None:
        return None
    try:
        material = read_key(base64.b64decode(secret))
    except (BadKey, ValueError):
        return None
    return SigningKey(
        ascii_domain(key.domain) or key.domain,
        ascii_domain(key.selector) or key.selector,
        material,
    )


# -- what comes next


def rotation(keys: Sequence[DkimKey]) -> Mapping[str, KeyState]:
    """Let the waiting keys sign, and those of their kinds that signed retire.

    Raises:
        KeyRefused: no key is waiting.
    """
    waiting = [key for key in keys if key.state is KeyState.WAITING]
    if not waiting:
        raise KeyRefused("no key is waiting: make one first")
    kinds = {key.type for key in waiting}
    states = {key.selector: KeyState.ACTIVE for key in waiting}
    states |= {
        key.selector: KeyState.RETIRING
        for key in keys
        if key.state is KeyState.ACTIVE and key.type in kinds
    }
    return states


def retirement(
    keys: Sequence[DkimKey], now: float, selectors: Sequence[str] = ()
) -> dict[str, KeyState | None]:
    """Forget keys that have been retiring long enough.

    Args:
        keys: all of a domain.
        now: Unix seconds.
        selectors: take these, whatever their age: an active key begins to
            retire, others are forgotten.

    Raises:
        KeyRefused: one of the selectors is nobody's, or nothing would sign.
    """
    by_name = {key.selector: key for key in keys}
    for selector in selectors:
        if selector not in by_name:
            raise KeyRefused(f"no key has the selector {selector}")
    if not selectors:
        return {
            key.selector: None
            for key in keys
            if key.state is KeyState.RETIRING and now - key.changed_at >= OVERLAP_S
        }
    states: dict[str, KeyState | None] = {
        name: KeyState.RETIRING if by_name[name].state is KeyState.ACTIVE else None
        for name in selectors
    }
    signing = {key.selector for key in keys if key.state is KeyState.ACTIVE}
    if signing and signing <= states.keys():
        raise KeyRefused("nothing would sign any more: rotate first")
    return states
