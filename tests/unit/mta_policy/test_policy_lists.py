"""Lists in DNS (RFC 5782)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.dns import DnsAnswer, DnsStatus, Inquiry
from pyeonji.mta.policy.lists import (
    DnsList,
    answer_range,
    counts,
    domain_to_ask,
    is_sound,
    look_up,
    owner_name,
)

WORLD = {
    ("9.2.0.8.bl.example", "A"): ("127.0.0.4", "127.0.0.11"),
    ("2.0.0.127.bl.example", "A"): ("127.0.0.2",),
    ("1.0.0.127.dead.example", "A"): ("127.0.0.2",),
    ("9.2.0.8.quota.example", "A"): ("127.255.255.254",),
    ("spam.example.dbl.example", "A"): ("127.0.1.2",),
}


def ask(inquiry: Inquiry[object]) -> tuple[object, list[tuple[str, str]]]:
    asked = []
    try:
        question = next(inquiry)
        while True:
            asked.append(question)
            records = WORLD.get(question, ())
            status = DnsStatus.FOUND if records else DnsStatus.NO_NAME
            question = inquiry.send(DnsAnswer(status=status, records=records))
    except StopIteration as end:
        return end.value, asked


def test_an_address_is_turned_round() -> None:
    """RFC 5782 §2.1 and §2.4."""
    assert owner_name("8.0.2.9", "bl.example") == "9.2.0.8.bl.example"
    name = owner_name("2001:4860::1", "bl.example")
    assert name is not None
    assert name.startswith("1.0.0.0.")
    assert name.endswith("0.6.8.4.1.0.0.2.bl.example")
    assert owner_name("::ffff:8.0.2.9", "z.example") == "9.2.0.8.z.example"
    for private in ("127.0.0.1", "10.1.2.3", "fe80::1", "::1"):
        assert owner_name(private, "bl.example") is None


def test_listed_and_not() -> None:
    found, asked = ask(look_up("8.0.2.9", DnsList(zone="bl.example")))
    assert asked == [("9.2.0.8.bl.example", "A")]
    assert found is not None
    assert (found.zone, found.answer) == ("bl.example", "127.0.0.4")  # type: ignore[attr-defined]
    assert ask(look_up("8.8.8.8", DnsList(zone="bl.example")))[0] is None
    domain = DnsList(zone="dbl.example", of="domain")
    assert ask(look_up("Spam.example.", domain))[0] is not None


def test_only_the_answers_that_were_chosen_count() -> None:
    chosen = DnsList(
        zone="bl.example", answers=(answer_range("127.0.0.10-127.0.0.11"),)
    )
    found, _ = ask(look_up("8.0.2.9", chosen))
    assert found is not None
    assert found.answer == "127.0.0.11"  # type: ignore[attr-defined]
    others = DnsList(zone="bl.example", answers=(answer_range("127.0.0.2"),))
    assert ask(look_up("8.0.2.9", others))[0] is None


def test_each_code_has_its_action() -> None:
    """Of several answers the gravest counts; what is in no range does not."""
    by_code = DnsList(
        zone="bl.example",
        codes=(
            (*answer_range("127.0.0.10-127.0.0.12"), "quarantine"),
            (*answer_range("127.0.0.4"), "note"),
        ),
    )
    found, _ = ask(look_up("8.0.2.9", by_code, "helo"))
    assert found is not None
    assert (found.action, found.answer) == ("quarantine", "127.0.0.11")  # type: ignore[attr-defined]
    assert found.name == "helo"  # type: ignore[attr-defined]
    other = DnsList(zone="bl.example", codes=((*answer_range("127.0.0.2"), "reject"),))
    assert ask(look_up("8.0.2.9", other))[0] is None
    both = DnsList(
        zone="bl.example",
        action="defer",
        answers=(answer_range("127.0.0.4"),),
        codes=((*answer_range("127.0.0.2"), "reject"),),
    )
    found, _ = ask(look_up("8.0.2.9", both))
    assert found is not None
    assert found.action == "defer"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Mail.Example.", "mail.example"),
        ("편지.example", "xn--9b6b95p.example"),
        ("localhost", ""),
        ("[192.0.2.1]", ""),
        ("192.0.2.1", ""),
        ("[IPv6:2001:db8::1]", ""),
        ("a..example", ""),
        ("x" * 64 + ".example", ""),
        ("", ""),
    ],
)
def test_only_domains_are_asked_for(text: str, domain: str) -> None:
    assert domain_to_ask(text) == domain


def test_a_list_that_refuses_us_lists_nobody() -> None:
    assert ask(look_up("8.0.2.9", DnsList(zone="quota.example")))[0] is None
    assert not counts("192.0.2.1", ())  # a parked domain's web server


def test_a_list_that_lists_the_world_is_noticed() -> None:
    """RFC 5782 §5: 127.0.0.1 is on no list."""
    assert ask(is_sound(DnsList(zone="bl.example")))[0] is True
    assert ask(is_sound(DnsList(zone="dead.example")))[0] is False


@pytest.mark.parametrize("text", ["", "x", "127.0.0.9-127.0.0.2", "10.0.0.1"])
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        answer_range(text)


@given(what=st.text(max_size=40), answer=st.text(max_size=20))
def test_anything_can_be_asked(what: str, answer: str) -> None:
    owner_name(what, "bl.example")
    counts(answer, ())
