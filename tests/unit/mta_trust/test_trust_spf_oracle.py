"""SPF beside pyspf: generated zones, the same result from both.

Void look-ups are not limited here: pyspf counts addresses that the hosts of an
MX don't have, we count terms (RFC 7208 §4.6.4 speaks of terms).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
import spf  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.mta_trust.zones import Zone

from pyeonji.mta.trust import spf as ours
from pyeonji.mta.trust.spf import check_spf

DOMAINS = ["one.test", "two.test", "a.two.test", "three.test"]
HOSTS = ["mx.one.test", "mx.two.test", "nobody.test"]
FOUR = ["192.0.2.1", "192.0.2.77", "198.51.100.1"]
SIX = ["2001:db8::1", "2001:db8::ff", "2001:db8:1::1"]

names = st.sampled_from(DOMAINS + HOSTS)
specs = st.one_of(
    names,
    names,
    names,
    st.sampled_from([
        "%{d}", "%{o}", "%{h}", "%{d1}.two.test", "%{l}.one.test", "%{ir}.two.test",
        "%{l1r-}.%{v}.one.test", "%{s}.one.test", "%{L}.two.test", "x%%.one.test",
        "%{d2r}.test", "mx.%{o}", "%{p}.one.test", "nodot", "%(d).test",
        "%{c}.test", "a..test", "one.test.", "%{lr+-}.one.test",
    ]),
)  # fmt: skip
lengths = st.sampled_from(
    ["", "", "", "", "/24", "/0", "//64", "/24//64", "/33", "/", "//0"]
)
mechanisms = st.one_of(
    st.just("all"),
    st.builds(lambda d, n: f"a:{d}{n}", specs, lengths),
    st.builds(lambda d, n: f"mx:{d}{n}", specs, lengths),
    st.builds(lambda n: f"a{n}", lengths),
    st.builds(lambda n: f"mx{n}", lengths),
    st.builds(lambda d: f"include:{d}", specs),
    st.builds(lambda d: f"exists:{d}", specs),
    st.builds(lambda d: f"ptr:{d}", names),
    st.just("ptr"),
    st.builds(lambda a, n: f"ip4:{a}{n}", st.sampled_from(FOUR), lengths),
    st.builds(lambda a, n: f"ip6:{a}{n}", st.sampled_from(SIX), st.sampled_from(
        ["", "/64", "/129", "/0"]
    )),
    st.sampled_from(["ip4:192.0.2", "ip6:zz::", "ALL", "A", "allx", "include", "ip4"]),
)  # fmt: skip
terms = st.one_of(
    st.builds(lambda q, m: q + m, st.sampled_from(["", "", "-", "~", "?"]), mechanisms),
    st.builds(lambda d: f"redirect={d}", specs),
    st.sampled_from(["exp=why.test", "moo=bar", "moo=%{d}", "moo=%x", "m,o=1"]),
)
records = st.one_of(
    st.builds(
        lambda t: " ".join(["v=spf1", *t]),
        # pyspf refuses unknown modifiers that stand there twice; RFC 7208 §6 ignores
        st.lists(terms, max_size=4, unique_by=lambda term: term.partition("=")[0]),
    ),
    st.builds(
        lambda t, last: " ".join(["v=spf1", *t, last]),
        st.lists(
            st.builds(
                lambda q, m: q + m, st.sampled_from(["", "-", "~", "?"]), mechanisms
            ),
            max_size=3,
        ),
        st.sampled_from(["-all", "~all", "?all", "+all"]),
    ),
    st.sampled_from(["v=spf1", "V=SPF1 -all", "v=spf10", "hello", "v=spf1 -all "]),
)


def node() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "TXT": st.one_of(
                st.lists(records, min_size=1, max_size=1),
                st.lists(records, min_size=1, max_size=1),
                st.lists(records, max_size=2),
                st.just("TIMEOUT"),
            ),
        },
        optional={
            "A": st.lists(st.sampled_from(FOUR), min_size=1, max_size=2),
            "AAAA": st.lists(st.sampled_from(SIX), min_size=1, max_size=2),
            "MX": st.lists(
                st.builds(lambda h: f"10 {h}", names), min_size=1, max_size=2
            ),
        },
    )


zones = st.builds(
    lambda nodes, pointers: {
        **dict(zip(DOMAINS + HOSTS[:2], nodes, strict=True)),
        **{
            ip_address(ip).reverse_pointer: {"PTR": [name]}
            for ip, name in zip(FOUR + SIX, pointers, strict=True)
        },
    },
    st.lists(node(), min_size=6, max_size=6),
    st.lists(names, min_size=6, max_size=6),
)
senders = st.sampled_from(
    ["kim@one.test", "lee-park@two.test", "x+y@a.two.test", "", "kim@nobody.test"]
)


def lookup(zone: Zone, name: str, kind: str) -> list[tuple[tuple[str, str], Any]]:
    """As pyspf's DNSLookup answers."""
    node = zone.data.get(name.lower(), {})
    records = node.get(kind, node.get("*", []))
    if records == "TIMEOUT":
        raise spf.TempError("DNS timeout")
    if kind == "TXT":
        return [((name, kind), (text.encode(),)) for text in records]
    if kind == "MX":
        pairs = [text.split(" ") for text in records]
        return [((name, kind), (int(p), host)) for p, host in pairs]
    return [((name, kind), text) for text in records]


@given(
    data=zones, ip=st.sampled_from(FOUR + SIX), sender=senders, helo=st.sampled_from(
        ["mx.one.test", "two.test", "[192.0.2.1]", "nodot"]
    )
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_the_same_as_pyspf(
    data: dict[str, Any], ip: str, sender: str, helo: str
) -> None:
    zone = Zone(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            spf, "DNSLookup", lambda n, t, strict, timeout: lookup(zone, str(n), t)
        )
        patch.setattr(spf, "MAX_VOID_LOOKUPS", 1000)
        patch.setattr(ours, "MAX_VOID", 1000)
        theirs, why = spf.check2(ip, sender, helo)
        mine = zone.run(
            check_spf(
                ip_address(ip),
                helo=helo,
                mail_from=sender,
                receiver="us.test",
                unix_second=0,
            )
        )
    assume("trivial recursion" not in why)  # an error to pyspf even behind "all"
    assert mine.result == theirs, mine.reason
