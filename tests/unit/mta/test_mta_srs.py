"""Senders that are rewritten so that bounces find back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mta.forward.srs import MAX_LOCAL, VALID_DAYS, Srs, is_srs

NOW = 1_700_000_000.0
DAY = 86400.0
OURS = Srs(b"secret")
THEIRS = Srs(b"another")


def test_there_and_back() -> None:
    made = OURS.forward("kim@a.example", "b.example", NOW)
    assert made.startswith("SRS0=")
    assert made.endswith("=a.example=kim@b.example")
    assert is_srs(made)
    assert OURS.reverse(made, NOW) == "kim@a.example"
    assert OURS.reverse(made.lower(), NOW) == "kim@a.example"
    assert OURS.reverse(made.upper(), NOW) == "KIM@A.EXAMPLE"


def test_a_chain_of_forwarders_does_not_grow() -> None:
    """The bounce goes straight to the first of them, who knows the sender."""
    first = THEIRS.forward("kim@a.example", "b.example", NOW)
    second = OURS.forward(first, "c.example", NOW)
    assert second.startswith("SRS1=")
    assert OURS.reverse(second, NOW) == first
    third = Srs(b"third").forward(second, "d.example", NOW)
    assert len(third) == len(second)
    assert Srs(b"third").reverse(third, NOW) == first
    assert THEIRS.reverse(first, NOW) == "kim@a.example"


def test_other_separators_come_back_as_they_were() -> None:
    for local in ("SRS0+aaaa=bb=x.example=kim", "srs0-aaaa=bb=x.example=kim"):
        made = OURS.forward(f"{local}@b.example", "c.example", NOW)
        assert OURS.reverse(made, NOW) == f"SRS0{local[4:]}@b.example"


@pytest.mark.parametrize(
    "address",
    [
        "kim@b.example",
        "SRS0=@b.example",
        "SRS0=aaaaaa=bb@b.example",
        "SRS0=aaaaaa=bb=a.example=kim@b.example",
        "SRS1=aaaaaa=a.example==x=y=z=kim@b.example",
        "SRS1=aaaaaa=a.example@b.example",
        "SRS2=aaaaaa=bb=a.example=kim@b.example",
        "SRS0",
        "",
    ],
)
def test_what_we_did_not_make(address: str) -> None:
    assert OURS.reverse(address, NOW) is None


def test_nobody_else_can_make_them() -> None:
    made = OURS.forward("kim@a.example", "b.example", NOW)
    assert THEIRS.reverse(made, NOW) is None
    assert OURS.reverse(made.replace("kim", "lee"), NOW) is None
    assert OURS.reverse(made.replace("a.example", "c.example"), NOW) is None


def test_they_are_good_for_three_weeks() -> None:
    made = OURS.forward("kim@a.example", "b.example", NOW)
    assert OURS.reverse(made, NOW + VALID_DAYS * DAY) == "kim@a.example"
    assert OURS.reverse(made, NOW + (VALID_DAYS + 1) * DAY) is None
    assert OURS.reverse(made, NOW - 2 * DAY) is None


def test_what_would_be_too_long_stays() -> None:
    long = "x" * MAX_LOCAL + "@a.example"
    assert OURS.forward(long, "b.example", NOW) == long
    assert OURS.forward("postmaster", "b.example", NOW) == "postmaster"


LOCALS = st.lists(
    st.sampled_from(
        ["kim", "김", ".", "=", "+", "-", " ", '\\"', "SRS0", "SRS1", "==", "aaaa", "@"]
    ),
    min_size=1,
    max_size=8,
).map("".join)


ATOMS = re.compile(r"[\w=+-]+(\.[\w=+-]+)*")


@given(local=LOCALS, hops=st.integers(1, 3))
def test_any_local_part_comes_back(local: str, hops: int) -> None:
    """Quoted where it must be; through one forwarder or several."""
    atoms = ATOMS.fullmatch(local) is not None
    sender = f"{local}@a.example" if atoms else f'"{local}"@a.example'
    address = sender
    for hop in range(hops):
        address = Srs(bytes([hop])).forward(address, f"h{hop}.example", NOW)
    if address == sender:
        return
    for hop in reversed(range(hops)):
        if address.endswith(f"@h{hop}.example"):
            back = Srs(bytes([hop])).reverse(address, NOW)
            assert back is not None
            address = back
    assert address == sender or address.upper().startswith(("SRS0", '"SRS0'))


@given(text=st.text(max_size=60))
def test_any_text_is_some_address(text: str) -> None:
    OURS.reverse(text, NOW)
    OURS.reverse(f"SRS0={text}@b.example", NOW)
    OURS.reverse(f"SRS1={text}@b.example", NOW)
    OURS.forward(text, "b.example", NOW)
