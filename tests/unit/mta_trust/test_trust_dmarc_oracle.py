"""DMARC beside authheaders: generated zones, the same result and policy.

authheaders takes sp= for a domain that has a record of its own, too; so policies
are compared where the domain has none.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import authheaders  # type: ignore[import-untyped]
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.unit.mta_trust.zones import Zone

from pyeonji.mta.trust.dmarc import Identifier, check_dmarc
from pyeonji.mta.trust.dmarc_author import Author

if TYPE_CHECKING:
    from collections.abc import Iterator

DOMAINS = [
    "one.com", "a.one.com", "b.one.com", "x.a.one.com", "two.org", "a.two.org",
    "three.co.uk", "a.three.co.uk",
]  # fmt: skip
requests = st.sampled_from(["none", "quarantine", "reject"])
records = st.builds(
    lambda p, rest: f"v=DMARC1; p={p}" + "".join(f"; {r}" for r in rest),
    requests,
    st.lists(
        st.one_of(
            st.builds(lambda p: f"sp={p}", requests),
            st.sampled_from(["adkim=s", "aspf=s", "adkim=r", "rua=mailto:a@b.com"]),
        ),
        max_size=3,
        unique_by=lambda tag: tag.partition("=")[0],
    ),
)
get_org_domain = lru_cache(authheaders.get_org_domain)  # it reads its list each time


@pytest.fixture(autouse=True, scope="module")
def _quick_list() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authheaders, "get_org_domain", get_org_domain)
        patch.setattr(authheaders.dmarc_lookup, "get_org_domain", get_org_domain)
        patch.setattr(authheaders, "check_psddmarc_list", lambda *_, **__: False)
        yield


zones = st.dictionaries(st.sampled_from(DOMAINS), records, max_size=5)
domains = st.sampled_from(DOMAINS)
states = st.sampled_from(["pass", "fail"])


@given(
    data=zones,
    author=domains,
    spf_domain=domains,
    spf_result=states,
    dkim_domain=domains,
    dkim_result=states,
)
@settings(max_examples=150, deadline=None)
def test_the_same_as_authheaders(
    data: dict[str, str],
    author: str,
    spf_domain: str,
    spf_result: str,
    dkim_domain: str,
    dkim_result: str,
) -> None:
    theirs, _, _, policy = authheaders.dmarc_per_from(
        author,
        SimpleNamespace(result=spf_result, smtp_mailfrom=f"a@{spf_domain}"),
        SimpleNamespace(result=dkim_result, header_d=dkim_domain),
        dnsfunc=lambda name: data.get(name.removeprefix("_dmarc.")),
    )
    zone: dict[str, dict[str, Any]] = {
        f"_dmarc.{name}": {"TXT": [text]} for name, text in data.items()
    }
    identifiers = [
        Identifier(method="spf", domain=spf_domain, passed=spf_result == "pass"),
        Identifier(method="dkim", domain=dkim_domain, passed=dkim_result == "pass"),
    ]
    verdict = Zone(zone).run(
        check_dmarc(
            Author(domains=(author,)), identifiers, organizational=get_org_domain
        )
    )
    assert verdict.result == theirs
    if theirs != "none" and author not in data:
        assert verdict.policy == policy


@given(data=zones, author=domains)
@settings(max_examples=150, deadline=None)
def test_the_walk_finds_the_same_record(data: dict[str, str], author: str) -> None:
    """authheaders' walk takes the organisation's record; ours the domain's first."""
    assume(author not in data)
    theirs = authheaders.dmarc_per_from(
        author,
        dnsfunc=lambda name: data.get(name.removeprefix("_dmarc.")),
        dmarcbis=True,
        policy_only=True,
    )
    zone = {f"_dmarc.{name}": {"TXT": [text]} for name, text in data.items()}
    verdict = Zone(zone).run(check_dmarc(Author(domains=(author,)), []))
    if verdict.record is None:
        assert not theirs[4]
    else:
        assert (verdict.organizational, verdict.policy) == (theirs[5], theirs[3])
