"""SPF, iprev, DKIM, ARC and DMARC of a letter that a stranger brings.

A `Check` is told the header when it is whole and the body as it comes; when
the letter is over, `finish` asks DNS and says what all methods found. What is
asked often is answered at once from what the resolver remembers; the rest is
asked at the same time, and no longer than the operator allows. Checks refuse
nothing: what they found goes to policy, into the header, and to `trace`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.base.networks import parsed, within
from pyeonji.mta.policy.facts import Checks
from pyeonji.mta.trust import results
from pyeonji.mta.trust.arc import ArcVerdict, ChainState
from pyeonji.mta.trust.dkim import Result, Signature, Verdict
from pyeonji.mta.trust.dmarc import DmarcResult, DmarcVerdict, check_dmarc
from pyeonji.mta.trust.dmarc_author import author_of
from pyeonji.mta.trust.dmarc_discovery import NoAnswer, suffix_domain, walk
from pyeonji.mta.trust.iprev import IprevResult, IprevVerdict, check_iprev
from pyeonji.mta.trust.options import PRIVATE
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.mta.trust.spf import SpfResult, SpfVerdict, check_spf
from pyeonji.mta.trust.verdicts import (
    Client,
    Verdicts,
    identifiers,
    in_words,
    method_results,
    received_spf,
)
from pyeonji.mta.trust.vouching import vouches_for
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.base.clock import Clock
    from pyeonji.base.dns import Inquiry, Question
    from pyeonji.base.networks import Address
    from pyeonji.mta.trust.dmarc_author import Author
    from pyeonji.mta.trust.options import TrustOptions
    from pyeonji.storage.reports import Seen

    Ask = Callable[[str, str], Awaitable[DnsAnswer]]
    Known = Callable[[str, str], DnsAnswer | None]

NO_ANSWER: Final = DnsAnswer(status=DnsStatus.FAILED)

MAX_QUESTIONS: Final = 150
"""Questions to DNS for one letter; the limits of all methods together are more."""

MAX_SEALERS: Final = 10
"""Sealers of one chain whose results are read, the newest first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the checks of a letter came to.

    `fields` stand above the letter; `facts` go with it through the queue.
    """

    verdicts: Verdicts
    fields: bytes
    facts: dict[str, str]

    @property
    def checks(self) -> Checks:
        """As policy wants to know it."""
        verdicts = self.verdicts
        spf, dmarc, arc = verdicts.spf, verdicts.dmarc, verdicts.arc
        passed = (each.domain for each in verdicts.dkim if each.result is Result.PASS)
        sets = arc.sets[::-1] if arc is not None else ()
        author = dmarc.domain if dmarc is not None else ""
        return Checks(
            spf=spf.result.value if spf is not None else "",
            spf_domain=spf.domain if spf is not None else "",
            dkim_domains=tuple(passed),
            dmarc=dmarc.result.value if dmarc is not None else "",
            dmarc_policy=dmarc.disposition.value if dmarc is not None else "",
            author_domain=author,
            arc=arc.state.value if arc is not None else "",
            arc_domains=tuple(each.seal.domain for each in sets),
            arc_vouches=tuple(
                vouches_for(each.payload, author) for each in sets[:MAX_SEALERS]
            ),
        )


class Checker:
    """Makes the checks of one worker."""

    def __init__(
        self,
        options: TrustOptions,
        *,
        ask: Ask,
        known: Known,
        clock: Clock,
        note: Callable[[Seen], None] | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            options: the operator's wishes.
            ask: DNS; must not raise.
            known: an answer that is remembered, or None.
            clock: the time.
            note: takes what DMARC reports will tell; None: nobody reports.
        """
        self.options = options
        self.note = note
        self.ask = ask
        self.known = known
        self.clock = clock
        ids = (options.authserv_id, *options.others)
        self._ours = frozenset(canonical_domain(each) for each in ids)

    def begin(self, peer_address: str, header: bytes) -> tuple[bytes, Check | None]:
        """A stranger's letter has its header.

        Returns:
            The header without fields that claim to be ours (RFC 8601 §5), and
            the check, if there is to be one. What is checked is the header as
            it came: a signature may cover what goes.
        """
        options = self.options
        if options.trusted and within(peer_address, options.trusted):
            return header, None
        check = None
        if options.check and (options.private or not within(peer_address, PRIVATE)):
            check = Check(self, peer_address, header)
        return self.without_claims(header), check

    def without_claims(self, header: bytes) -> bytes:
        """The header without what only we may say (RFC 8601 §5)."""
        return results.without_claims(header, self._ours)[0]


class Check:
    """The checks of one letter."""

    __slots__ = ("_address", "_author", "_checker", "_letter")

    def __init__(self, checker: Checker, peer_address: str, header: bytes) -> None:
        self._checker = checker
        self._address = peer_address
        self._letter = SignedLetter(header)
        self._author = author_of(header)

    def update(self, octets: bytes) -> None:
        """The next piece of the body."""
        self._letter.update(octets)

    async def finish(self, helo: str, mail_from: str) -> Checked:
        """The letter is over: ask DNS, and say what was found."""
        checker = self._checker
        options = checker.options
        client = Client(address=self._address, helo=helo, mail_from=mail_from)
        verdicts = await check_all(
            self._letter,
            self._author,
            client,
            options=options,
            ask=checker.ask,
            known=checker.known,
            now=checker.clock.time(),
        )
        fields = results.field(options.authserv_id, method_results(verdicts, client))
        if options.received_spf and verdicts.spf is not None:
            fields += received_spf(verdicts.spf, client, options.authserv_id)
        return Checked(verdicts=verdicts, fields=fields, facts=in_words(verdicts))


async def check_all(
    letter: SignedLetter,
    author: Author,
    client: Client | None,
    *,
    options: TrustOptions,
    ask: Ask,
    known: Known,
    now: float,
) -> Verdicts:
    """Ask DNS for all methods at once, then DMARC of what they found.

    Args:
        letter: its body is over.
        author: what From says.
        client: who brought it; None: SPF and iprev are left out.
        options: the operator's wishes.
        ask: DNS.
        known: what is remembered of it.
        now: Unix seconds.
    """
    deadline = asyncio.get_running_loop().time() + options.time_s
    late = f"no answer from DNS within {options.time_s:g} s"
    ask = _sparing(ask)
    address = parsed(client.address) if client is not None else None
    of_client: list[_Asking[Any]] = []
    asking: list[_Asking[Any]] = [
        _Asking(letter.check_dkim(now), known, lambda: _late_dkim(letter, late)),
        _Asking(letter.check_arc(), known, lambda: _late_arc(letter, late)),
    ]
    if client is not None and address is not None:
        of_client = _of_client(client, address, options, now, known, late)
        asking += of_client
    waits = any(each.waits for each in asking)
    if waits and len(author.domains) == 1 and not options.suffix_list:
        asking.append(_Asking(_walked(author.domains[0]), known, lambda: None))
    await _answered(asking, ask, deadline)
    dkim, arc = asking[0].value, asking[1].value
    found = [each.value for each in of_client]
    iprev, spf, helo_spf = (*found, None, None, None)[:3]
    inquiry = check_dmarc(
        author,
        identifiers(spf, dkim),
        organizational=suffix_domain if options.suffix_list else None,
    )
    dmarc = _Asking(
        inquiry,
        known,
        lambda: DmarcVerdict(
            result=DmarcResult.TEMPERROR,
            reason=late,
            domain="".join(author.domains[:1]),
        ),
    )
    await _answered([dmarc], ask, deadline)
    return Verdicts(
        dkim=dkim,
        spf=spf,
        helo_spf=helo_spf,
        iprev=iprev,
        arc=arc,
        dmarc=dmarc.value,
    )


def _sparing(ask: Ask) -> Ask:
    """The same, MAX_QUESTIONS times; then there is no answer."""
    left = MAX_QUESTIONS

    async def sparing(name: str, kind: str) -> DnsAnswer:
        nonlocal left
        left -= 1
        return await ask(name, kind) if left >= 0 else NO_ANSWER

    return sparing


def _of_client(
    client: Client,
    address: Address,
    options: TrustOptions,
    now: float,
    known: Known,
    late: str,
) -> list[_Asking[Any]]:
    """Of iprev, and of SPF with both identities: RFC 7208 §2.3 wants HELO, too."""
    iprev = _Asking(
        check_iprev(address),
        known,
        lambda: IprevVerdict(result=IprevResult.TEMPERROR, reason=late),
    )
    spf = [
        _spf(client.helo, path, address, options, now, known, late)
        for path in dict.fromkeys((client.mail_from, ""))
    ]
    return [iprev, *spf]


def _spf(
    helo: str,
    mail_from: str,
    address: Address,
    options: TrustOptions,
    now: float,
    known: Known,
    late: str,
) -> _Asking[SpfVerdict]:
    inquiry = check_spf(
        address,
        helo=helo,
        mail_from=mail_from,
        receiver=options.authserv_id,
        unix_second=int(now),
    )
    return _Asking(
        inquiry,
        known,
        lambda: SpfVerdict(
            result=SpfResult.TEMPERROR,
            reason=late,
            identity="mailfrom" if mail_from else "helo",
            domain=mail_from.rpartition("@")[2] or helo,
        ),
    )


def _walked(domain: str) -> Inquiry[None]:
    """Ask for what DMARC will want to know, while the others are asked."""
    try:
        yield from walk(domain)
    except NoAnswer:
        return


def _late_dkim(letter: SignedLetter, reason: str) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(
            result=Result.TEMPERROR,
            reason=reason,
            domain=each.domain,
            selector=each.selector,
            algorithm=each.algorithm,
        )
        if isinstance(each, Signature)
        else Verdict(result=Result.NEUTRAL, reason=each.reason)
        for each in letter.signatures
    )


def _late_arc(letter: SignedLetter, reason: str) -> ArcVerdict:
    state = ChainState.FAIL if letter.chain.instance else ChainState.NONE
    return ArcVerdict(state=state, reason=reason, temporary=True, chain=letter.chain)


class _Asking(Generic[T]):
    """An inquiry that goes as far as what is remembered leads.

    `value` is what it came to; `unsaid` stands for it if it is too late.
    """

    __slots__ = ("_inquiry", "_question", "_unsaid", "value")

    value: T

    def __init__(
        self, inquiry: Inquiry[T], known: Known, unsaid: Callable[[], T]
    ) -> None:
        self._inquiry = inquiry
        self._question: Question | None = None
        self._unsaid = unsaid
        try:
            question = next(inquiry)
            while (answer := known(*question)) is not None:
                question = inquiry.send(answer)
            self._question = question
        except StopIteration as end:
            self.value = end.value

    @property
    def waits(self) -> bool:
        """Whether somebody must be asked."""
        return self._question is not None

    def give_up(self) -> None:
        """It was not answered in time."""
        if self._question is not None:
            self.value = self._unsaid()

    async def run(self, ask: Ask) -> None:
        """Ask until it knows."""
        question = self._question
        assert question is not None  # noqa: S101 - `waits` was looked at
        try:
            while True:
                question = self._inquiry.send(await ask(*question))
        except StopIteration as end:
            self.value = end.value
            self._question = None


async def _answered(asking: list[_Asking[Any]], ask: Ask, deadline: float) -> None:
    """Let all of them run at once; those that are late give up."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(each.run(ask)) for each in asking if each.waits]
    if not tasks:
        return
    try:
        await asyncio.wait(tasks, timeout=max(deadline - loop.time(), 0))
        for task in tasks:
            if task.done():
                task.result()
        for each in asking:
            each.give_up()
    finally:
        for task in tasks:
            task.cancel()
