"""From facts to a decision."""

from typing import Any

import pytest

from pyeonji.mta.policy.decision import ACCEPT, Action, Decision, reject, strongest
from pyeonji.mta.policy.facts import Checks, Facts, Stage
from pyeonji.mta.policy.lists import Listing
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.policy.rules import judge
from pyeonji.serve.values import networks

OPTIONS = PolicyOptions(
    hostname="mx.example.test", trusted_sealers=frozenset({"lists.example"})
)
PEER = "192.0.2.7"


def message(**checks: object) -> Facts:
    return Facts(
        stage=Stage.MESSAGE,
        peer_address=PEER,
        checks=Checks(author_domain="bank.example", **checks),  # type: ignore[arg-type]
    )


def test_nothing_known_is_nothing_against_it() -> None:
    for stage in Stage:
        assert judge(Facts(stage=stage, peer_address=PEER), OPTIONS) is ACCEPT


@pytest.mark.parametrize(
    ("policy", "action"),
    [
        ("reject", Action.REJECT),
        ("quarantine", Action.QUARANTINE),
        ("none", Action.ACCEPT),
    ],
)
def test_dmarc_does_what_the_domain_asks(policy: str, action: Action) -> None:
    decision = judge(message(dmarc="fail", dmarc_policy=policy), OPTIONS)
    assert decision.action is action
    if action is Action.REJECT:
        assert (decision.code, decision.status) == (550, "5.7.1")
        assert "bank.example" in decision.text
        assert str(decision) == (
            "reject: bank.example asks for reject: neither SPF nor DKIM speaks "
            "for it (dmarc)"
        )


def test_the_operator_may_be_milder() -> None:
    options = PolicyOptions(dmarc_reject="quarantine")
    decision = judge(message(dmarc="fail", dmarc_policy="reject"), options)
    assert decision.action is Action.QUARANTINE


def test_a_trusted_chain_rescues() -> None:
    """Only one that passes, sealed last by one we trust, who says it was good."""
    failed: dict[str, Any] = {"dmarc": "fail", "dmarc_policy": "reject", "arc": "pass"}

    def decided(*sealers: tuple[str, bool]) -> Decision:
        domains = tuple(domain for domain, _ in sealers)
        vouches = tuple(good for _, good in sealers)
        facts = message(**failed, arc_domains=domains, arc_vouches=vouches)
        return judge(facts, OPTIONS)

    lists, other = ("lists.example", True), ("other.example", True)
    second = ("Lists.example", False)  # it got what a list had changed
    assert decided(lists).rule == "arc"
    assert decided(second, lists, other).rule == "arc"
    for chain in ([], [other], [other, lists], [second], [second, other, lists]):
        assert decided(*chain).action is Action.REJECT
    failed["arc"] = "fail"
    assert decided(lists).action is Action.REJECT


def test_spf_alone_decides_only_where_that_is_wanted() -> None:
    """RFC 7208 §8.4 leaves it to us; DMARC that passes outweighs it."""
    facts = message(spf="fail", spf_domain="a.example")
    assert judge(facts, OPTIONS) is ACCEPT
    strict = PolicyOptions(spf_fail="reject")
    assert judge(facts, strict).action is Action.REJECT
    passed = message(spf="fail", spf_domain="a.example", dmarc="pass")
    assert judge(passed, strict) is ACCEPT


def listing(zone: str, action: str) -> Listing:
    return Listing(zone=zone, action=action, what=PEER, answer="127.0.0.2")


def test_a_list_that_vouches_outweighs_those_that_block() -> None:
    bad = listing("bad.example", "reject")
    facts = Facts(stage=Stage.RCPT, peer_address=PEER, listings=(bad,))
    decision = judge(facts, OPTIONS)
    assert decision.action is Action.REJECT
    assert decision.reason == "192.0.2.7 is on bad.example (127.0.0.2)"
    good = listing("good.example", "accept")
    facts = Facts(stage=Stage.RCPT, peer_address=PEER, listings=(bad, good))
    assert judge(facts, OPTIONS).action is Action.ACCEPT


def test_greylisting_waits_for_its_time() -> None:
    """RFC 6647 §2.4; a list that vouches lets in at once."""
    for since, action in ((0.0, Action.DEFER), (59.0, Action.DEFER), (60, 0)):
        facts = Facts(stage=Stage.RCPT, peer_address=PEER, grey_since=since)
        assert judge(facts, OPTIONS).action is Action(action)
    known = Facts(
        stage=Stage.RCPT,
        peer_address=PEER,
        grey_since=0.0,
        listings=(listing("good.example", "accept"),),
    )
    assert judge(known, OPTIONS).action is Action.ACCEPT


def test_users_and_exempt_networks_are_left_alone() -> None:
    early = Facts(stage=Stage.CONNECT, peer_address=PEER, early=True)
    assert judge(early, OPTIONS).action is Action.REJECT
    options = PolicyOptions(exempt=networks(["192.0.2.0/24"]))
    assert judge(early, options) is ACCEPT
    user = Facts(
        stage=Stage.CONNECT, peer_address=PEER, early=True, account="k@a.example"
    )
    assert judge(user, OPTIONS) is ACCEPT


def test_a_stranger_with_our_name() -> None:
    facts = Facts(stage=Stage.HELLO, peer_address=PEER, helo="MX.example.test.")
    assert judge(facts, OPTIONS) is ACCEPT
    strict = PolicyOptions(hostname="mx.example.test", own_name="reject")
    assert judge(facts, strict).action is Action.REJECT


def test_the_strongest_counts_and_of_equals_the_first() -> None:
    first, second = reject("a", "x"), reject("b", "y")
    assert strongest([None, first, second]) is first
    assert strongest([]) is ACCEPT
