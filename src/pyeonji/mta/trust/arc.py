"""ARC: the chain of those who passed a letter on, read and checked (RFC 8617).

As with DKIM, in two steps::

    chain = read_chain(header_fields(header))
    hashes = BodyHashes(chain.body_keys())
    hashes.update(piece) …
    verdict = yield from validate(fields, chain, hashes.finish())

Every error makes the chain fail for good (RFC 8617 §5.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyeonji.mta.trust.canonical import Form, HeaderField, canonical_field
from pyeonji.mta.trust.dkim import (
    ALGORITHMS,
    Result,
    Signature,
    body_differs,
    check,
    domain_name,
    read_signature,
)
from pyeonji.mta.trust.keys import KeyTrouble, find_key, public_key
from pyeonji.mta.trust.tags import (
    BadTags,
    base64_value,
    number,
    parse_tags,
    solid,
    without_signature,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyeonji.base.dns import Inquiry
    from pyeonji.mta.trust.canonical import BodyDigest, BodyKey

MAX_SETS: Final = 50  # RFC 8617 §4.2.1

MAX_OLDER: Final = 10
"""Signatures before the latest that are checked, to say which still hold."""

_AAR: Final = b"arc-authentication-results"
_AMS: Final = b"arc-message-signature"
_AS: Final = b"arc-seal"
NAMES: Final = (_AAR, _AMS, _AS)

_INSTANCE: Final = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,12})[ \t]*;")
_FWS: Final = b" \t\r\n"


class ChainState(StrEnum):
    """Chain Validation Status (RFC 8617 §4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 - a state
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Seal:
    """An ARC-Seal field (RFC 8617 §4.1.3)."""

    field: HeaderField
    algorithm: str
    signature: bytes
    domain: str
    selector: str
    state: ChainState  # cv=

    @property
    def key_type(self) -> str:
        """Which kind of key made it."""
        return self.algorithm.partition("-")[0]

    @cached_property
    def unsigned_field(self) -> HeaderField:
        """The field with an empty b=, as it is signed."""
        name, _, value = self.field.octets.partition(b":")
        return HeaderField(self.field.name, name + b":" + without_signature(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcSet:
    """What one of them has added (RFC 8617 §4.2)."""

    instance: int
    results: HeaderField  # ARC-Authentication-Results
    signature: Signature  # ARC-Message-Signature
    seal: Seal

    @property
    def payload(self) -> bytes:
        """Its results as in Authentication-Results, folded: "id; spf=pass …"."""
        return self.results.value.partition(b";")[2].strip(_FWS)


@dataclass(frozen=True, slots=True)
class Chain:
    """The sets of a letter, oldest first; or why they are no chain.

    `instance` is the highest that was seen, `failed` whether its seal says
    that the chain was broken before.
    """

    sets: tuple[ArcSet, ...] = ()
    broken: str = ""
    instance: int = 0
    failed: bool = False

    def body_keys(self) -> list[BodyKey]:
        """The body hashes that checking needs: those of the latest signature."""
        latest = self.sets[-1:]
        return [one.body_key for each in latest for one in _meant(each.signature)]

    def older_body_keys(self) -> list[BodyKey]:
        """Those of the signatures before, which say how old the letter's state is."""
        return [
            one.body_key
            for each in self.sets[-2 : -2 - MAX_OLDER : -1]
            for one in _meant(each.signature)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArcVerdict:
    """What came of a chain; `sets` only when it passes, oldest first.

    Who sealed is `sets[i].seal.domain`; whether to believe them is policy.
    `temporary` says that DNS did not answer: the chain fails nevertheless.
    `oldest_pass` is the lowest instance whose message signature still holds, 0
    when all do; None: not known (RFC 8617 §5.2).
    """

    state: ChainState
    reason: str = ""
    sets: tuple[ArcSet, ...] = ()
    temporary: bool = False
    chain: Chain = field(default_factory=Chain)
    oldest_pass: int | None = None


def read_chain(fields: Sequence[HeaderField]) -> Chain:
    """Collect the ARC sets of a header; never raises (RFC 8617 §5.2)."""
    found: dict[bytes, dict[int, HeaderField]] = {name: {} for name in NAMES}
    broken = ""
    count = 0
    for each in fields:
        if each.name not in found:
            continue
        count += 1
        if count > 3 * MAX_SETS:
            return Chain(broken=f"more than {MAX_SETS} sets", instance=MAX_SETS)
        try:
            instance = _instance(each)
        except BadTags as error:
            broken = f"{_shown(each.name)}: {error}"
            continue
        if instance in found[each.name]:
            broken = f"{_shown(each.name)} i={instance} stands twice"
        found[each.name][instance] = each
    if not count:
        return Chain()
    highest = max((max(of, default=0) for of in found.values()), default=0)
    failed = _says_fail(found[_AS].get(highest))
    if failed:
        broken = "the chain failed before"
    if broken:
        return Chain(broken=broken, instance=highest, failed=failed)
    return _chain(found, highest)


def _chain(found: dict[bytes, dict[int, HeaderField]], highest: int) -> Chain:
    """Sets of fields whose instances are right (RFC 8617 §5.2, step 3)."""
    sets = []
    for instance in range(1, highest + 1):
        parts = [found[name].get(instance) for name in NAMES]
        for name, part in zip(NAMES, parts, strict=True):
            if part is None:
                text = f"no {_shown(name)} i={instance}"
                return Chain(broken=text, instance=highest)
        results, message, seal = (part for part in parts if part is not None)
        try:
            one = ArcSet(
                instance=instance,
                results=results,
                signature=_read_message_signature(message),
                seal=_read_seal(seal),
            )
        except BadTags as error:
            return Chain(broken=f"set {instance}: {error}", instance=highest)
        expected = ChainState.NONE if instance == 1 else ChainState.PASS
        if one.seal.state is not expected:
            text = f"the seal of set {instance} says cv={one.seal.state}"
            return Chain(broken=text, instance=highest)
        sets.append(one)
    return Chain(sets=tuple(sets), instance=highest)


def _meant(signature: Signature) -> list[Signature]:
    """The forms in which a signature may have been made.

    LIBERTY: without c= it is simple (RFC 6376 §3.5); drafts of ARC meant the
    relaxed forms, sealers made them, and the published suite wants both read.
    """
    if "c" in parse_tags(signature.field.value):
        return [signature]
    relaxed = replace(signature, header_form=Form.RELAXED, body_form=Form.RELAXED)
    return [signature, relaxed]


def _shown(name: bytes) -> str:
    return name.decode("ascii").title().replace("Arc", "ARC")


def _instance(each: HeaderField) -> int:
    if each.name == _AAR:  # i= comes first; what follows is no tag list
        match = _INSTANCE.match(each.value)
        if match is None:
            raise BadTags("no i=")
        value = int(match[1])
    else:
        tags = parse_tags(each.value)
        if "i" not in tags:
            raise BadTags("no i=")
        value = number(tags["i"], "i")
    if not 1 <= value <= MAX_SETS:
        raise BadTags("i= is not between 1 and 50")
    return value


def _says_fail(seal: HeaderField | None) -> bool:
    if seal is None:
        return False
    try:
        return parse_tags(seal.value).get("cv", b"").lower() == b"fail"
    except BadTags:
        return False


def _read_message_signature(each: HeaderField) -> Signature:
    signature = read_signature(each, parse_tags(each.value))
    if signature.algorithm not in ALGORITHMS:
        raise BadTags("a= is not known")
    # LIBERTY: RFC 8617 §4.1.2 forbids ARC-Authentication-Results as well; older
    # sealers signed them, and what they say does no harm
    if _AS in signature.names:
        raise BadTags("h= names ARC-Seal")
    return signature


def _read_seal(each: HeaderField) -> Seal:
    tags = parse_tags(each.value)
    for name in ("a", "b", "cv", "d", "s"):
        if name not in tags:
            raise BadTags(f"no {name}=")
    if "h" in tags:  # RFC 8617 §4.1.3
        raise BadTags("a seal has no h=")
    if "t" in tags:
        number(tags["t"], "t")
    algorithm = solid(tags["a"]).lower().decode("ascii", "replace")
    if algorithm not in ALGORITHMS:
        raise BadTags("a= is not known")
    try:
        state = ChainState(tags["cv"].lower().decode("ascii", "replace"))
    except ValueError:
        raise BadTags("cv= is not known") from None
    return Seal(
        field=each,
        algorithm=algorithm,
        signature=base64_value(tags["b"], "b"),
        domain=domain_name(tags["d"], "d"),
        selector=domain_name(tags["s"], "s"),
        state=state,
    )


# -- checking


def validate(
    fields: Sequence[HeaderField],
    chain: Chain,
    hashes: Mapping[BodyKey, BodyDigest],
) -> Inquiry[ArcVerdict]:
    """Check a chain (RFC 8617 §5.2): the latest signature, then all seals.

    Args:
        fields: of the letter, top first.
        chain: as `read_chain` found it.
        hashes: of the body; those that `chain.body_keys` named, and as many as
            there are of `chain.older_body_keys`.
    """
    if not chain.instance and not chain.broken:
        return ArcVerdict(state=ChainState.NONE, chain=chain)
    if chain.broken:
        return _failed(chain, chain.broken)
    latest = chain.sets[-1].signature
    forms = [one for one in _meant(latest) if body_differs(one, hashes) is None]
    if not forms:
        return _failed(chain, body_differs(latest, hashes) or "")
    found = yield from find_key(latest.domain, latest.selector, latest.key_type)
    checked = [check(fields, one, found) for one in forms]
    if not any(result is Result.PASS for result, _, _ in checked):
        result, reason, _ = checked[0]
        return _failed(chain, reason, temporary=result is Result.TEMPERROR)
    for count in range(len(chain.sets), 0, -1):
        trouble = yield from _check_seal(chain.sets[:count])
        if trouble is not None:
            return _failed(chain, trouble.reason, temporary=trouble.temporary)
    oldest = yield from _oldest_pass(fields, chain.sets, hashes)
    return ArcVerdict(
        state=ChainState.PASS, sets=chain.sets, chain=chain, oldest_pass=oldest
    )


def _oldest_pass(
    fields: Sequence[HeaderField],
    sets: Sequence[ArcSet],
    hashes: Mapping[BodyKey, BodyDigest],
) -> Inquiry[int | None]:
    """Since which instance nobody has changed the letter (RFC 8617 §5.2, step 5).

    Asked after the seals: of a chain that fails nobody wants to know it.
    """
    for checked, one in enumerate(reversed(sets[:-1])):
        forms = _meant(one.signature)
        known = [each for each in forms if each.body_key in hashes]
        if checked >= MAX_OLDER or not known:
            return None
        same = [each for each in known if body_differs(each, hashes) is None]
        if not same:
            return one.instance + 1
        found = yield from find_key(
            one.signature.domain, one.signature.selector, one.signature.key_type
        )
        results = [check(fields, each, found)[0] for each in same]
        if Result.PASS not in results:
            return None if Result.TEMPERROR in results else one.instance + 1
    return 0


def _failed(chain: Chain, reason: str, *, temporary: bool = False) -> ArcVerdict:
    return ArcVerdict(
        state=ChainState.FAIL, reason=reason, temporary=temporary, chain=chain
    )


def _check_seal(sets: Sequence[ArcSet]) -> Inquiry[KeyTrouble | None]:
    """Check the last seal of these, which covers all of them."""
    seal = sets[-1].seal
    found = yield from find_key(seal.domain, seal.selector, seal.key_type)
    if isinstance(found, KeyTrouble):
        return found
    key = public_key(seal.key_type, found.key)
    if isinstance(key, str):
        return KeyTrouble(temporary=False, reason=key)
    octets = sealed_octets(
        [(one.results, one.signature.field, one.seal.field) for one in sets[:-1]],
        (sets[-1].results, sets[-1].signature.field, seal.unsigned_field),
    )
    if not key.verifies(seal.signature, octets):
        reason = f"seal {sets[-1].instance} does not fit"
        return KeyTrouble(temporary=False, reason=reason)
    return None


def sealed_octets(
    before: Sequence[tuple[HeaderField, HeaderField, HeaderField]],
    last: tuple[HeaderField, HeaderField, HeaderField],
) -> bytes:
    """What a seal is made over: all sets in order, relaxed (RFC 8617 §5.1.1).

    Args:
        before: the sets that were there; none when their chain has failed.
        last: the set of the seal; its seal has an empty b=.
    """
    return b"\r\n".join(
        canonical_field(each, Form.RELAXED) for one in (*before, last) for each in one
    )
