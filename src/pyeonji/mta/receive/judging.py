"""Finding out what policy wants to know, and asking it, along one connection.

A `Judge` is shared by all doors of a worker, a `Visit` is one connection to
it. Lists are asked from the first moment on, in the background; their answers
are awaited at RCPT, so neither greeting nor HELO waits for them, and the log
knows whom a refused letter was for. What is counted is counted for each worker.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from pyeonji.base.networks import network_key
from pyeonji.base.rates import Rate, Rates
from pyeonji.mta.policy.decision import ACCEPT, Decision, defer, strongest
from pyeonji.mta.policy.facts import NOT_CHECKED, Checks, Facts, Stage
from pyeonji.mta.policy.habits import Habits
from pyeonji.mta.policy.rules import judge
from pyeonji.mta.receive.asking import Asking
from pyeonji.mta.trust.dmarc_author import author_of
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import canonical, domain_of
from pyeonji.storage.strangers import GreyTimes

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.mta.alarms import Alarms
    from pyeonji.mta.hooks.session import Hook, Peer, Session
    from pyeonji.mta.policy.lists import Listing
    from pyeonji.mta.policy.options import PolicyOptions
    from pyeonji.mta.receive.asking import Ask
    from pyeonji.storage.habits import HabitStore
    from pyeonji.storage.strangers import Strangers

T = TypeVar("T")

REFUSALS_KEPT: Final = Rate(1000, 3600.0)
"""Refused letters whose journey is kept; a flood is only in the log."""

LOOK: Final = "Its letters wait with the client until the hour has room again."
HELD: Final = (
    "Its letters are held in the queue. If its password was stolen: give it "
    "another (pyeonji account password) and remove what is held (pyeonji queue "
    "list, pyeonji queue remove). If all is well: pyeonji account release, which "
    "ends the hold, and pyeonji queue release."
)

log = structlog.get_logger("pyeonji.mta.policy")


async def as_task(work: Coroutine[Any, Any, T]) -> T:
    """Run a hook's coroutine in a task of its own.

    Answers of a door begin outside of any (`net.eager`), and what hooks use
    asks for the present one.
    """
    return await asyncio.get_running_loop().create_task(work)


class Judge:
    """Policy of one worker."""

    def __init__(
        self,
        options: PolicyOptions,
        *,
        clock: Clock,
        ask: Ask | None = None,
        hooks: Sequence[Hook] = (),
        strangers: Strangers | None = None,
        alarms: Alarms | None = None,
        habits: HabitStore | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            options: the operator's wishes.
            clock: the time.
            ask: DNS; None: lists are not asked.
            hooks: asked after the rules, in this order.
            strangers: what is remembered; None: nothing is greylisted.
            alarms: told of accounts that do too much; None: nobody is.
            habits: what accounts usually send; None: is learnt anew each time.
        """
        self.options = options
        self.hooks = tuple(hooks)
        self.clock = clock
        self.strangers = strangers
        self.alarms = alarms
        self.habits = Habits(options.accounts, habits)
        self.asking = Asking(ask, clock, options.list_time_s)
        self.letters = Rates(options.letter_rate)
        self.recipients = Rates(options.recipient_rate)
        self._refusals = Rates(REFUSALS_KEPT)
        self.address_lists = tuple(x for x in options.lists if x.of == "address")
        domains = [x for x in options.lists if x.of == "domain"]
        self.domain_lists = tuple(x for x in domains if set(x.names) - {"author"})
        self.author_lists = tuple(x for x in domains if "author" in x.names)
        self.asks_reverse = any("reverse" in x.names for x in domains)

    def visit(self, peer: Peer) -> Visit:
        """A connection begins."""
        return Visit(self, peer)

    async def grey_since(
        self, peer: Peer, reverse_path: str, recipient: str
    ) -> float | None:
        """How long a triplet is known; None: greylisting lets it pass.

        Where SPF vouches for the sender's domain, the domain stands for the
        network: it may come again from another of its hosts.
        """
        options = self.options
        if self.strangers is None or not options.greylist:
            return None
        now = self.clock.time()
        client = network_key(peer.address)
        vouched = await self.asking.vouched(peer, reverse_path)
        if vouched:
            client = f"domain {vouched}"
        times = GreyTimes(
            delay_s=options.greylist_delay_s,
            window_s=options.greylist_window_s,
            keep_s=options.greylist_keep_s,
        )
        try:
            return await self.strangers.grey(
                client, reverse_path, canonical(recipient), now, times
            )
        except StorageUnavailable:
            log.exception("policy.greylist_unavailable")
            return None

    def keeps_refusal(self) -> bool:
        """Whether one more refused letter is remembered for `trace`."""
        return self._refusals.count("", self.clock.monotonic())

    async def alarm(self, account: str, what: str, advice: str = LOOK) -> None:
        """Tell the postmaster, if somebody listens."""
        if self.alarms is not None:
            await self.alarms.raise_(account, what, advice)

    async def over_rate(self, account: str, *, recipients: bool) -> Decision | None:
        """Count what an account does; why it must wait, if it must."""
        rates = self.habits.recipients if recipients else self.habits.letters
        if rates.count(account, self.clock.monotonic()):
            return None
        what = "recipients" if recipients else "letters"
        reason = f"{account} has had its {rates.rate} {what}"
        await self.alarm(account, f"more than {rates.rate} {what}")
        return defer(
            "account-rate",
            reason,
            f"too many {what} from your account, come again later",
            code=452 if recipients else 450,
            status="4.5.3" if recipients else "4.7.0",
        )

    async def failed(self, account: str) -> None:
        """A recipient of an account's does not exist."""
        try:
            reason = await self.habits.failed(account, self.clock.time())
        except StorageUnavailable:
            log.exception("policy.habits_unavailable")
            return
        if reason:
            await self.alarm(account, reason, HELD)

    async def holds(self, account: str, recipients: int) -> str:
        """Why a letter of an account is to be held, "" if it is not."""
        try:
            reason = await self.habits.wrote(account, recipients, self.clock.time())
        except StorageUnavailable:
            log.exception("policy.habits_unavailable")
            return ""
        if reason:
            await self.alarm(account, reason, HELD)
        return reason

    async def is_new(self, reverse_path: str) -> bool:
        """Whether nobody wrote under this address before."""
        options = self.options
        if self.strangers is None or not options.remember_senders or not reverse_path:
            return False
        try:
            return await self.strangers.first_seen(
                canonical(reverse_path), self.clock.time(), options.greylist_keep_s
            )
        except StorageUnavailable:
            log.exception("policy.senders_unavailable")
            return False

    async def close(self) -> None:
        """End the hooks."""
        for hook in self.hooks:
            await hook.close()


class Visit:
    """One connection, as policy sees it."""

    __slots__ = (
        "_asking", "_domains", "_hailed", "_over", "_sessions", "early", "judge",
        "peer", "standing", "unknown",
    )  # fmt: skip

    def __init__(self, judge_: Judge, peer: Peer) -> None:
        self.judge = judge_
        self.peer = peer
        self.early = False
        self.standing = ACCEPT
        self.unknown = 0
        self._hailed = False
        self._over = False
        self._domains: tuple[tuple[str, str], tuple[Listing, ...]] | None = None
        self._sessions: tuple[Session, ...] | None = None
        self._asking: asyncio.Task[tuple[Listing, ...]] | None = None
        if self._asks_lists():
            self._asking = asyncio.get_running_loop().create_task(
                judge_.asking.listings(peer.address, judge_.address_lists)
            )

    def _asks_lists(self) -> bool:
        judge_ = self.judge
        return (
            bool(judge_.address_lists)
            and not self.peer.submission
            and not judge_.options.is_exempt(self.peer.address)
        )

    @property
    def is_stranger(self) -> bool:
        """Whether rules concern this client."""
        return not self.peer.account and not self.judge.options.is_exempt(
            self.peer.address
        )

    def _facts(self, stage: Stage, **more: Any) -> Facts:
        peer = self.peer
        return Facts(
            stage=stage,
            peer_address=peer.address,
            reverse_name=peer.reverse_name,
            helo=peer.helo,
            account=peer.account,
            early=self.early,
            unknown_recipients=self.unknown,
            **more,
        )

    def connect(self) -> Decision:
        """What of the client before it said anything that counts."""
        return self._stand(judge(self._facts(Stage.CONNECT), self.judge.options))

    def hello(self, name: str) -> Decision:
        """It said who it is."""
        self.peer.helo = name
        return self._stand(judge(self._facts(Stage.HELLO), self.judge.options))

    def _stand(self, decision: Decision) -> Decision:
        """What was decided of the client concerns all its letters."""
        if not decision.refuses:  # it may say hello again by a better name
            self.standing = strongest((self.standing, decision))
        return self.told(decision)

    async def mail(self, reverse_path: str) -> Decision:
        """A transaction begins."""
        judge_ = self.judge
        if self.is_stranger and not judge_.letters.count(
            network_key(self.peer.address), judge_.clock.monotonic()
        ):
            return self.told(
                defer(
                    "letter-rate",
                    f"more than {judge_.letters.rate} letters from the network",
                    "too many letters, come again later",
                    code=450,
                    status="4.7.0",
                ),
                sender=reverse_path,
            )
        if self.peer.account:
            late = await judge_.over_rate(self.peer.account, recipients=False)
            if late is not None:
                return self.told(late, sender=reverse_path)
        if judge_.hooks and not self._hailed and not self.peer.reverse_name:
            self.peer.reverse_name = await judge_.asking.name_of(self.peer.address)
        decision = ACCEPT
        for session in self.sessions():
            if not self._hailed:
                decision = strongest((decision, await as_task(session.connect())))
            if not decision.refuses:
                said = await as_task(session.mail(reverse_path))
                decision = strongest((decision, said))
            if decision.refuses:
                break
        self._hailed = not decision.refuses
        return self.told(decision, sender=reverse_path)

    async def recipient(
        self, reverse_path: str, recipient: str, *, known: bool = True
    ) -> Decision:
        """A recipient whom we would take, or do not know."""
        decision = ACCEPT
        if self.is_stranger:
            decision = await self._rules_for(reverse_path, recipient, known=known)
        elif self.peer.account:
            late = await self.judge.over_rate(self.peer.account, recipients=True)
            decision = late or decision
        if known and not decision.refuses:
            for session in self.sessions():
                said = await as_task(session.rcpt(recipient))
                decision = strongest((decision, said))
                if decision.refuses:
                    break
        return self.told(decision, sender=reverse_path, recipient=recipient)

    async def _rules_for(
        self, reverse_path: str, recipient: str, *, known: bool
    ) -> Decision:
        judge_ = self.judge
        now = judge_.clock.monotonic()
        if not judge_.recipients.count(network_key(self.peer.address), now):
            return defer(
                "recipient-rate",
                f"more than {judge_.recipients.rate} recipients from the network",
                "too many recipients, come again later",
                code=452,
                status="4.5.3",
            )
        listings = await self._listings(reverse_path)
        facts = self._facts(
            Stage.RCPT,
            reverse_path=reverse_path,
            recipients=(recipient,),
            listings=listings,
        )
        decision = judge(facts, judge_.options)
        if decision.refuses or not known:
            return decision
        since = await judge_.grey_since(self.peer, reverse_path, recipient)
        if since is None:
            return decision
        return judge(replace(facts, grey_since=since), judge_.options)

    async def _listings(self, reverse_path: str) -> tuple[Listing, ...]:
        found: tuple[Listing, ...] = ()
        if self._asking is not None:
            found = await self._asking
        judge_ = self.judge
        if judge_.domain_lists:
            found += await self._domain_listings(reverse_path)
        return found

    async def _domain_listings(self, reverse_path: str) -> tuple[Listing, ...]:
        """Of the sender's domain and of the client's names; asked once for each."""
        judge_, peer = self.judge, self.peer
        key = (reverse_path, peer.helo)
        if self._domains is not None and self._domains[0] == key:
            return self._domains[1]
        if judge_.asks_reverse and not peer.reverse_name:
            peer.reverse_name = await judge_.asking.name_of(peer.address)
        names = {
            "sender": domain_of(canonical(reverse_path)),
            "helo": peer.helo,
            "reverse": peer.reverse_name,
        }
        found = await judge_.asking.domain_listings(names, judge_.domain_lists)
        # anybody can borrow a good name
        borrowed = [x for x in found if x.name == "sender" and x.action == "accept"]
        if borrowed and not await judge_.asking.vouched(peer, reverse_path):
            found = tuple(each for each in found if each not in borrowed)
        self._domains = (key, found)
        return found

    async def unknown_recipient(self) -> None:
        """One more that nobody here has: harvesters wait."""
        self.unknown += 1
        if self.peer.account:
            await self.judge.failed(self.peer.account)
        options = self.judge.options
        if self.is_stranger and self.unknown > options.max_unknown_recipients:
            await asyncio.sleep(options.tarpit_s)

    async def message(
        self,
        reverse_path: str,
        recipients: tuple[str, ...],
        checks: Checks,
        header: bytes,
    ) -> Decision:
        """What the rules say of a whole letter."""
        if not self.is_stranger:
            return ACCEPT
        listings: tuple[Listing, ...] = ()
        if self.judge.author_lists:
            listings = await self._author_listings(header, checks)
        if checks is NOT_CHECKED and not listings:
            return ACCEPT
        facts = self._facts(
            Stage.MESSAGE,
            reverse_path=reverse_path,
            recipients=recipients,
            checks=checks,
            listings=listings,
        )
        return judge(facts, self.judge.options)

    async def _author_listings(
        self, header: bytes, checks: Checks
    ) -> tuple[Listing, ...]:
        """Of all domains that From could mean; good ones count if nothing is forged."""
        judge_ = self.judge
        found: list[Listing] = []
        for domain in author_of(header).domains:
            names = {"author": domain}
            found += await judge_.asking.domain_listings(names, judge_.author_lists)
        return tuple(
            each for each in found if each.action != "accept" or checks.dmarc == "pass"
        )

    def told(self, decision: Decision, **facts: str) -> Decision:
        """Write down what is not the usual."""
        if decision.rule:
            log.info(
                "policy.decided",
                action=decision.action.word,
                connection=self.peer.connection_id,
                peer=self.peer.address,
                helo=self.peer.helo,
                rule=decision.rule,
                reason=decision.reason,
                **facts,
            )
        return decision

    def authenticated(self, account: str) -> None:
        """The client is one of our users: other hooks may have a say."""
        self.close_sessions()
        self.peer.account = account

    def sessions(self) -> tuple[Session, ...]:
        """The hooks that have a say here, in order; none when it is over."""
        if self._over:  # the client went while it was waiting for an answer
            return ()
        if self._sessions is None:
            peer = self.peer
            ours = peer.submission or bool(peer.account)
            self._sessions = tuple(
                hook.session(peer)
                for hook in self.judge.hooks
                if hook.submission or not ours
            )
        return self._sessions

    def abort(self) -> None:
        """The transaction ended without a letter."""
        for session in self._sessions or ():
            session.abort()

    def close(self) -> None:
        """The connection is over."""
        self._over = True
        if self._asking is not None:
            self._asking.cancel()
        self.close_sessions()

    def close_sessions(self) -> None:
        """The hooks' part of it is over; another begins with the next MAIL."""
        for session in self._sessions or ():
            session.close()
        self._sessions = None
        self._hailed = False
