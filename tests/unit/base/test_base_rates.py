"""How much a key did of late."""

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.networks import network_key
from pyeonji.base.rates import Rate, Rates


def test_a_bucket_fills_and_empties() -> None:
    rates = Rates(Rate(3, 60.0))
    assert [rates.count("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rates.count("b", 0.0)
    assert not rates.count("a", 19.0)
    assert rates.count("a", 20.1)
    assert not rates.count("a", 20.2)


def test_no_limit_keeps_nothing() -> None:
    rates = Rates(Rate(0))
    assert all(rates.count(str(number), 0.0) for number in range(100))
    assert len(rates) == 0


def test_more_at_once_than_the_rate_has_is_too_much() -> None:
    rates = Rates(Rate(10, 60.0))
    assert not rates.count("a", 0.0, 11)
    assert not rates.count("a", 0.0)  # and it has used up its share


def test_memory_is_bounded() -> None:
    rates = Rates(Rate(1, 60.0), max_keys=10)
    for number in range(1000):
        rates.count(str(number), float(number) / 1000)
    assert len(rates) == 10


@given(steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), max_size=50))
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[float, int]]) -> None:
    rates = Rates(Rate(10, 60.0))
    now, taken = 0.0, 0
    for wait, amount in steps:
        now += wait
        if rates.count("a", now, amount):
            taken += amount
    assert taken <= 10 + now * 10 / 60 + 1e-6


def test_networks() -> None:
    assert network_key("192.0.2.77") == "192.0.2.0/24"
    assert network_key("::ffff:192.0.2.77") == "192.0.2.0/24"
    assert network_key("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"
    assert network_key("?") == "?"
