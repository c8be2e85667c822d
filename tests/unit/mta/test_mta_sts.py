"""MTA-STS: records and policies, read, found, kept and refreshed (RFC 8461)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.base.clock import SetClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.relay.policies import RETRY_S, StsPolicies
from pyeonji.mta.relay.sts import (
    MAX_POLICY_OCTETS,
    Mode,
    PolicyRefused,
    StsPolicy,
    read_policy,
    read_record,
)
from pyeonji.net.https import RequestFailed, WebAnswer
from pyeonji.storage.tls import KeptPolicy, TlsResult

POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.a.test\r\nmax_age: 604800\r\n"


# -- reading


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1 ; more=x; id=abc ;"], "abc"),
        (["v=spf1 -all", "v=STSv1; id=1;"], "1"),
        (["v=STSv1; id=1;", "v=STSv1; id=2;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv10; id=1"], None),
        (["id=1; v=STSv1"], None),
        (["v=STSv1"], None),
        ([], None),
    ],
)
def test_the_record(records: list[str], found: str | None) -> None:
    """One record, version first (RFC 8461 §3.1)."""
    assert read_record(records) == found


def test_a_policy() -> None:
    """The example of RFC 8461 §3.2; either line end, unknown fields passed over."""
    text = (
        "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\n"
        "mx: backupmx.example.com\nmax_age: 604800\nnews: 편지\n"
    )
    policy = read_policy(text.encode())
    assert policy == StsPolicy(
        mode=Mode.ENFORCE,
        max_age_s=604800,
        mx=("mail.example.com", "*.example.net", "backupmx.example.com"),
    )
    assert read_policy("\r\n".join(policy.lines()).encode()) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mode: enforce\nmx: a.test\nmax_age: 1",
        "version: STSv2\nmode: enforce\nmx: a.test\nmax_age: 1",
        "version: STSv1\nmode: strict\nmx: a.test\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmx: a.test",
        "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1",
        "version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1d",
        "version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1",
        "version: STSv1\nmode: enforce\nmx: *\nmax_age: 1",
        "<html>not found</html>",
        "version: STSv1\n" + "x: y\n" * MAX_POLICY_OCTETS,
    ],
)
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(PolicyRefused):
        read_policy(text.encode())


def test_long_lines_cost_no_time() -> None:
    with cpu_time_below(3.0):
        with suppress(PolicyRefused):
            read_policy(b"a: " + b" \t" * (MAX_POLICY_OCTETS // 2 - 10) + b"x\n")
        for _ in range(10):
            read_record(["v=STSv1" + " " * 60_000 + "x"])


@given(st.binary())
def test_a_policy_raises_nothing_else(octets: bytes) -> None:
    with suppress(PolicyRefused):
        read_policy(octets)


@given(st.lists(st.text(), max_size=3))
def test_a_record_never_raises(records: list[str]) -> None:
    read_record(records)


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mx.a.test", True),
        ("MX.A.TEST.", True),
        ("a.test", False),
        ("x.mx.a.test", False),
        ("one.b.test", True),
        ("one.two.b.test", False),
        ("b.test", False),
    ],
)
def test_which_hosts_are_meant(host: str, *, covered: bool) -> None:
    """A star is one label, the first (RFC 8461 §4.1)."""
    policy = StsPolicy(mode=Mode.ENFORCE, max_age_s=1, mx=("mx.a.test", "*.b.test"))
    assert policy.covers(host) is covered


# -- finding, keeping


@dataclass
class Web:
    """A domain with a policy, DNS, and what is kept of it."""

    id: str = "1"
    octets: bytes = POLICY
    status: int = 200
    media_type: str = "text/plain"
    error: RequestFailed | None = None
    fetched: list[str] = field(default_factory=list)
    kept: dict[str, KeptPolicy] = field(default_factory=dict)
    told: list[TlsResult] = field(default_factory=list)
    clock: SetClock = field(default_factory=SetClock)

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        assert (name, kind) == ("_mta-sts.a.test", "TXT")
        if not self.id:
            return DnsAnswer(status=DnsStatus.NO_NAME)
        return DnsAnswer(status=DnsStatus.FOUND, records=(f"v=STSv1; id={self.id};",))

    async def fetch(self, url: str) -> WebAnswer:
        self.fetched.append(url)
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return WebAnswer(
            status=self.status, media_type=self.media_type, octets=self.octets
        )

    async def policy(self, domain: str) -> KeptPolicy | None:
        return self.kept.get(domain)

    async def keep_policy(self, kept: KeptPolicy) -> None:
        self.kept[kept.domain] = kept

    async def policies(self, expire_before: float) -> list[KeptPolicy]:
        return [one for one in self.kept.values() if one.expires_at < expire_before]

    async def drop_policies(self, expired_before: float) -> None:
        self.kept = {
            name: one
            for name, one in self.kept.items()
            if one.expires_at >= expired_before
        }

    def policies_of(self) -> StsPolicies:
        """As after a start."""
        return StsPolicies(
            ask=self.ask,
            store=self,
            clock=self.clock,
            note=self.told.append,
            fetch=self.fetch,
        )


def test_a_policy_is_fetched_once_and_survives_a_restart() -> None:
    web = Web()

    async def scene() -> None:
        policies = web.policies_of()
        first, second = await asyncio.gather(
            policies.policy("a.test"), policies.policy("A.test")
        )
        assert first == second == read_policy(POLICY)
        assert await web.policies_of().policy("a.test") == first

    asyncio.run(scene())
    assert web.fetched == ["https://mta-sts.a.test/.well-known/mta-sts.txt"]


def test_another_id_is_another_policy() -> None:
    """RFC 8461 §3.1."""
    web = Web()

    async def scene() -> None:
        policies = web.policies_of()
        await policies.policy("a.test")
        web.id, web.octets = "2", POLICY.replace(b"enforce", b"testing")
        changed = await policies.policy("a.test")
        assert changed is not None
        assert changed.mode is Mode.TESTING

    asyncio.run(scene())
    assert len(web.fetched) == 2


@pytest.mark.parametrize("attack", ["no record", "no server", "wrong page"])
def test_a_known_policy_cannot_be_talked_away(attack: str) -> None:
    """It holds until its time is over (RFC 8461 §3.3, §10.2)."""
    web = Web()

    async def scene() -> None:
        policies = web.policies_of()
        known = await policies.policy("a.test")
        if attack == "no record":
            web.id = ""
        else:
            web.id = "2"
            web.error = RequestFailed("refused") if attack == "no server" else None
            web.octets = b"<html>"
        assert await policies.policy("a.test") == known
        assert await web.policies_of().policy("a.test") == known
        web.clock.advance(604801)
        assert await policies.policy("a.test") is None

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("web", "failure"),
    [
        (Web(error=RequestFailed("refused")), "sts-policy-fetch-error"),
        (Web(error=RequestFailed("old", untrusted=True)), "sts-webpki-invalid"),
        (Web(status=404), "sts-policy-fetch-error"),
        (Web(status=301), "sts-policy-fetch-error"),
        (Web(media_type="text/html"), "sts-policy-fetch-error"),
        (Web(octets=b"hello"), "sts-policy-invalid"),
    ],
)
def test_what_cannot_be_fetched_is_no_policy(web: Web, failure: str) -> None:
    """It is told in reports, and not asked for again at once (RFC 8461 §3.3)."""

    async def scene() -> None:
        policies = web.policies_of()
        assert await policies.policy("a.test") is None
        assert await policies.policy("a.test") is None
        assert len(web.fetched) == 1
        web.clock.advance(RETRY_S + 1)
        assert await policies.policy("a.test") is None

    asyncio.run(scene())
    assert len(web.fetched) == 2
    assert [one.failure for one in web.told] == [failure] * 3


def test_no_record_no_policy() -> None:
    web = Web(id="")

    async def scene() -> None:
        assert await web.policies_of().policy("a.test") is None
        assert await web.policies_of().policy("[192.0.2.1]") is None

    asyncio.run(scene())
    assert web.fetched == []


def test_policies_are_fetched_anew_before_they_expire() -> None:
    """RFC 8461 §10.2: also without mail."""
    web = Web(octets=POLICY.replace(b"604800", b"7200"))

    async def scene() -> None:
        policies = web.policies_of()
        await policies.policy("a.test")
        web.clock.advance(1800)
        await policies.refresh()
        assert len(web.fetched) == 1
        web.clock.advance(2400)
        await policies.refresh()
        assert len(web.fetched) == 2
        web.clock.advance(4200)  # the first one would be over
        web.id = ""
        assert await policies.policy("a.test") is not None
        web.clock.advance(4200)
        await policies.refresh()
        assert web.kept == {}

    asyncio.run(scene())
