"""The doctor against right and wrong set-ups; DNS is a server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.serve.fake_dns import FakeDns, Zone
from typer.testing import CliRunner

from pyeonji.base.clock import SetClock
from pyeonji.mta.publish.records import DkimKey
from pyeonji.mta.publish.zone import presentation
from pyeonji.net.dns import Resolver
from pyeonji.serve.certificates import make_self_signed
from pyeonji.serve.cli import app
from pyeonji.serve.commands import doctor as doctor_command
from pyeonji.serve.configuration import parse
from pyeonji.serve.doctor.checks import check_host
from pyeonji.serve.doctor.clock import clock_kept
from pyeonji.serve.doctor.findings import Severity, exit_code
from pyeonji.serve.doctor.gather import Gatherer, NotFetched
from pyeonji.serve.doctor.words import told
from pyeonji.serve.doctor.zone_checks import check_domain
from pyeonji.serve.publishing import domain_records, sts_policy
from pyeonji.serve.settings import DoctorSettings
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.serve.configuration import Configuration
    from pyeonji.serve.doctor.findings import Finding

NAME = "example.test"
ADDRESS = "8.8.8.8"  # a global one; only our own server is asked about it
NOW = 1_800_000_000.0


@pytest.fixture
def dns() -> Iterator[FakeDns]:
    with FakeDns({}) as server:
        yield server


@pytest.fixture
def configuration(tmp_path: Path, dns: FakeDns) -> Configuration:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        closed = bound.getsockname()[1]
    source = f"""
hostname = "mail.{NAME}"
data = "data"
[[listener]]
protocol = "smtp"
address = "127.0.0.1:{closed}"
tls = "starttls"
[dns]
servers = ["{dns.server}"]
[publish]
addresses = ["{ADDRESS}"]
[mta_sts]
mode = "enforce"
[doctor]
blocklists = ["list.test"]
clock = "https://clock.test/"
outbound = "far.test"
"""
    tls = tmp_path / "data" / "tls"
    tls.mkdir(parents=True, mode=0o700)
    (tmp_path / "data").chmod(0o700)
    make_self_signed(f"mail.{NAME}", tls / "self-signed.pem", tls / "self-signed.key")
    return parse(source, tmp_path / "x.toml")


class Web:
    """What the world's web servers say."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str]] = {}
        self.smtp_port = 1  # of servers far away

    async def fetch(self, url: str) -> tuple[str, str]:
        if url not in self.pages:
            raise NotFetched("connection refused")
        return self.pages[url]


def published(configuration: Configuration) -> Zone:
    """A zone as `domain dns` proposes it, and a right reverse name."""
    zone: Zone = {}
    for record in domain_records(configuration, [ADDRESS], NAME):
        zone.setdefault((record.name, record.kind), []).append(presentation(record))
    zone["8.8.8.8.in-addr.arpa", "PTR"] = [f"mail.{NAME}."]
    return zone


def examined(
    configuration: Configuration, web: Web, dkim: tuple[DkimKey, ...] = ()
) -> dict[tuple[str, str], Finding]:
    """The findings, by code and subject."""
    found = asyncio.run(findings(configuration, web, dkim))
    for each in found:
        assert all(told(each, korean=korean)[0] for korean in (False, True))
    return {(each.code, each.subject): each for each in found}


async def findings(
    configuration: Configuration, web: Web, dkim: tuple[DkimKey, ...]
) -> list[Finding]:
    store = await open_store(configuration.data)
    try:
        if await store.directory.domain(NAME) is None:
            await store.directory.add_domain(Domain(name=NAME))
        resolver = Resolver(configuration.dns_servers, validating=True)
        gatherer = Gatherer(
            configuration,
            store,
            resolver,
            SetClock(NOW),
            fetch=web.fetch,
            smtp_port=web.smtp_port,
        )
        found = check_host(await gatherer.host([NAME]))
        found += check_domain(await gatherer.domain(NAME, dkim))
    finally:
        await store.close()
    return found


def worse(found: dict[tuple[str, str], Finding]) -> set[str]:
    return {code for (code, _), each in found.items() if each.severity > Severity.NOTE}


def right_web(configuration: Configuration) -> Web:
    web = Web()
    policy = sts_policy(configuration)
    web.pages[f"https://mta-sts.{NAME}/.well-known/mta-sts.txt"] = (policy, "")
    web.pages["https://clock.test/"] = ("", "Fri, 15 Jan 2027 08:00:00 GMT")
    return web


def test_all_that_was_proposed_is_found_well(
    configuration: Configuration, dns: FakeDns
) -> None:
    dns.zone = published(configuration)
    found = examined(configuration, right_web(configuration))
    codes = {code for code, _ in found}
    assert codes >= {
        "mx", "spf", "spf-helo", "dmarc", "mta-sts", "mta-sts.served", "web-name",
        "tls-rpt", "service", "helo", "reverse", "blocklist", "clock", "data",
    }  # fmt: skip
    # what is not right here: nobody listens, nobody reads, nobody vouches or signs
    assert worse(found) == {
        "dkim.none",
        "door.closed",
        "certificate.self_signed",
        "certificate.names",
        "postmaster.nobody",
        "reports.nobody",
    }
    assert (
        "dane.unsigned",
        f"_{configuration.listeners[0].port}._tcp.mail.{NAME}",
    ) in (found)


def test_nothing_published(configuration: Configuration, dns: FakeDns) -> None:
    dns.zone = {(NAME, "NS"): ["ns.else.test."]}
    found = examined(configuration, Web())
    codes = {code for code, _ in found}
    assert codes >= {
        "mx.missing", "spf.missing", "dmarc.missing", "mta-sts.missing",
        "mta-sts.unserved", "tls-rpt.missing", "dane.missing", "web-name.missing",
        "helo.unknown", "reverse.missing", "clock.unknown",
    }  # fmt: skip
    # POP3 is not offered, so no record is missed that would say so
    assert ("service", f"_pop3._tcp.{NAME}") in found
    assert exit_code(list(found.values())) == 2


def test_dns_is_dead(configuration: Configuration, dns: FakeDns) -> None:
    """No answer is no missing record: it is asked again later."""
    dns.zone = published(configuration)
    dns.failing = {NAME, f"_dmarc.{NAME}", "8.8.8.8.in-addr.arpa"}
    found = examined(configuration, right_web(configuration))
    for subject in (NAME, f"_dmarc.{NAME}", ADDRESS):
        assert found["dns.failed", subject].severity is Severity.WARNING
    assert not {"mx.missing", "dmarc.missing"} & {code for code, _ in found}


WRONG = [
    ((NAME, "MX"), ["10 mx.else.test."], "mx.elsewhere", Severity.PROBLEM),
    ((NAME, "MX"), ["0 ."], "mx.null", Severity.PROBLEM),
    (
        (NAME, "MX"),
        [f"20 mail.{NAME}.", "10 mx.else.test."],
        "mx.backup",
        Severity.NOTE,
    ),
    ((NAME, "TXT"), ['"v=spf1 +all"'], "spf.open", Severity.PROBLEM),
    ((NAME, "TXT"), ['"v=spf1 ip4:8.8.8.9 -all"'], "spf.fails", Severity.PROBLEM),
    ((NAME, "TXT"), ['"v=spf1 ip4:8.8.8.8 -all"'], "spf", Severity.WELL),
    ((NAME, "TXT"), ['"v=spf1 include:"'], "spf.fails", Severity.PROBLEM),
    ((f"mail.{NAME}", "TXT"), ['"v=spf1 ?all"'], "spf.other", Severity.NOTE),
    (
        (NAME, "TXT"),
        ['"v=spf1 mx ~all"', '"v=spf1 a -all"'],
        "spf.several",
        Severity.PROBLEM,
    ),
    ((NAME, "TXT"), ['"v=spf10 mx"'], "spf.missing", Severity.PROBLEM),
    ((f"_dmarc.{NAME}", "TXT"), ['"v=DMARC1; p=no"'], "dmarc.broken", Severity.PROBLEM),
    ((f"_dmarc.{NAME}", "TXT"), ['"v=DMARC1; p=none"'], "dmarc.weak", Severity.NOTE),
    (
        (f"_dmarc.{NAME}", "TXT"),
        ['"v=DMARC1; p=reject"'],
        "dmarc.unreported",
        Severity.NOTE,
    ),
    (
        (f"_mta-sts.{NAME}", "TXT"),
        ['"v=STSv1; id=20200101"'],
        "mta-sts.id",
        Severity.WARNING,
    ),
    (
        (f"mta-sts.{NAME}", "CNAME"),
        ["web.else.test."],
        "web-name.missing",
        Severity.WARNING,
    ),
    (
        (f"_submissions._tcp.{NAME}", "SRV"),
        ["0 1 465 smtp.else.test."],
        "service.other",
        Severity.WARNING,
    ),
    (
        ("8.8.8.8.in-addr.arpa", "PTR"),
        ["host8.else.test."],
        "reverse.unconfirmed",
        Severity.PROBLEM,
    ),
    (
        ("8.8.8.8.list.test", "A"),
        ["127.0.0.2"],
        "blocklist.listed",
        Severity.PROBLEM,
    ),
    (
        ("8.8.8.8.list.test", "A"),
        ["127.255.255.254"],
        "blocklist.refused",
        Severity.NOTE,
    ),
]


@pytest.mark.parametrize(("at", "records", "code", "severity"), WRONG)
def test_one_record_is_wrong(
    at: tuple[str, str],
    records: list[str],
    code: str,
    severity: Severity,
    configuration: Configuration,
    dns: FakeDns,
) -> None:
    dns.zone = published(configuration)
    dns.zone[at] = records
    found = examined(configuration, right_web(configuration))
    hit = [each for (name, _), each in found.items() if name == code]
    assert [each.severity for each in hit] == [severity], sorted(found)


def test_tlsa_of_another_key(configuration: Configuration, dns: FakeDns) -> None:
    """In a signed zone it keeps mail away; unsigned nobody looks (RFC 7672)."""
    dns.zone = published(configuration)
    at = (f"_{configuration.listeners[0].port}._tcp.mail.{NAME}", "TLSA")
    dns.authentic = True
    found = examined(configuration, right_web(configuration))
    assert ("dane", at[0]) in found
    dns.zone[at] = ["3 1 1 " + "00" * 32]
    found = examined(configuration, right_web(configuration))
    assert found["dane.wrong", at[0]].severity is Severity.PROBLEM
    dns.authentic = False
    found = examined(configuration, right_web(configuration))
    assert found["dane.unsigned", at[0]].severity is Severity.NOTE


def test_another_reverse_name_that_leads_back(
    configuration: Configuration, dns: FakeDns
) -> None:
    dns.zone = published(configuration)
    dns.zone["8.8.8.8.in-addr.arpa", "PTR"] = ["host8.else.test."]
    dns.zone["host8.else.test", "A"] = ["8.8.8.8"]
    found = examined(configuration, right_web(configuration))
    assert found["reverse.other", ADDRESS].severity is Severity.WARNING


def test_keys_that_sign_and_keys_that_wait(
    configuration: Configuration, dns: FakeDns
) -> None:
    """A key that signs must be there; one that will, or did, should."""
    keys = (
        DkimKey(selector="a", text="v=DKIM1; p=AAAA"),
        DkimKey(selector="b", text="v=DKIM1; p=BBBB"),
        DkimKey(selector="c", text="v=DKIM1; p=CCCC", signs=False),
    )
    dns.zone = published(configuration)
    dns.zone[f"a._domainkey.{NAME}", "TXT"] = ['"v=DKIM1; k=rsa; " "p=AA AA"']
    dns.zone[f"b._domainkey.{NAME}", "TXT"] = ['"v=DKIM1; p=XXXX"']
    found = examined(configuration, right_web(configuration), keys)
    told = {
        subject[0]: (code, each.severity)
        for (code, subject), each in found.items()
        if code.startswith("dkim")
    }
    assert told == {
        "a": ("dkim", Severity.WELL),
        "b": ("dkim.other", Severity.PROBLEM),
        "c": ("dkim.unsigning", Severity.WARNING),
    }
    del dns.zone[f"b._domainkey.{NAME}", "TXT"]
    found = examined(configuration, right_web(configuration), keys)
    assert ("dkim.missing", f"b._domainkey.{NAME}") in found


def test_port_25_of_others(configuration: Configuration, dns: FakeDns) -> None:
    dns.zone = published(configuration)
    web = right_web(configuration)
    assert not [x for x, _ in examined(configuration, web) if "outbound" in x]
    dns.zone["far.test", "MX"] = ["10 mx.far.test."]
    dns.zone["mx.far.test", "A"] = ["127.0.0.1"]
    found = examined(configuration, web)
    assert found["outbound.closed", "mx.far.test"].severity is Severity.PROBLEM
    with socket.create_server(("127.0.0.1", 0)) as far:
        web.smtp_port = far.getsockname()[1]
        found = examined(configuration, web)
    assert found["outbound", "mx.far.test"].severity is Severity.WELL


@pytest.mark.parametrize(
    ("date", "code", "severity"),
    [
        ("Fri, 15 Jan 2027 08:00:01 GMT", "clock", Severity.WELL),
        ("Fri, 15 Jan 2027 08:01:00 GMT", "clock.wrong", Severity.WARNING),
        ("Fri, 15 Jan 2027 07:00:00 GMT", "clock.wrong", Severity.PROBLEM),
        ("yesterday", "clock.unknown", Severity.NOTE),
    ],
)
def test_the_clock(
    date: str, code: str, severity: Severity, configuration: Configuration, dns: FakeDns
) -> None:
    web = right_web(configuration)
    web.pages["https://clock.test/"] = ("", date)
    found = examined(configuration, web)
    assert found[code, "clock"].severity is severity


def test_the_clock_is_asked_of_nobody_unless_said_so(
    configuration: Configuration, dns: FakeDns
) -> None:
    """The kernel knows whether a time service keeps it right."""
    asked: list[str] = []

    class Listening(Web):
        async def fetch(self, url: str) -> tuple[str, str]:
            asked.append(url)
            return await super().fetch(url)

    for said in ("kernel", ""):
        doctor = replace(configuration.doctor, clock=said)
        found = examined(replace(configuration, doctor=doctor), Listening())
        kinds = {code for code, subject in found if subject == "clock"}
        assert kinds == ({"clock.kept"} & kinds or {"clock.alone"} if said else set())
    assert {url.split("/")[2] for url in asked} == {f"mta-sts.{NAME}"}
    assert DoctorSettings().clock == "kernel"
    seen = clock_kept()
    assert seen is None or seen.error_s >= 0.0


def test_what_is_too_slow_is_told(
    configuration: Configuration,
    dns: FakeDns,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """And the rest is looked at."""

    async def never(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(doctor_command, "LOOK_S", 0.5)
    monkeypatch.setattr(Gatherer, "_spf", never)
    config = tmp_path / "pyeonji.toml"
    config.write_text(
        f'hostname = "mail.{NAME}"\ndata = "data"\n[dns]\nservers = ["{dns.server}"]\n'
        f'[publish]\naddresses = ["{ADDRESS}"]\n'
        '[doctor]\noutbound = ""\nblocklists = []\n'
    )
    run = CliRunner()
    made = run.invoke(app, ["--config", str(config), "domain", "add", NAME])
    assert made.exit_code == 0, made.output
    said = run.invoke(app, ["--config", str(config), "doctor", "--json"])
    told = {each["code"]: each["subject"] for each in json.loads(said.output)}
    assert told["slow"] == NAME
    assert "helo.unknown" in told


def test_the_command(
    tmp_path: Path, configuration: Configuration, dns: FakeDns
) -> None:
    """As an operator calls it: exit code 2 for problems, words in two languages."""
    file = tmp_path / "pyeonji.toml"
    file.write_text(
        f'hostname = "mail.{NAME}"\ndata = "data"\n[dns]\nservers = ["{dns.server}"]\n'
        '[doctor]\nclock = ""\nblocklists = []\noutbound = ""\n'
    )
    runner = CliRunner()
    assert (
        runner.invoke(app, ["--config", str(file), "domain", "add", NAME]).exit_code
        == 0
    )

    def said(*words: str, code: int = 2) -> str:
        done = runner.invoke(app, ["--config", str(file), "doctor", *words])
        assert done.exit_code == code, done.output
        return done.stdout

    assert f"PROBLEM: {NAME} has no MX record" in said(NAME)
    assert f"문제: {NAME}에 MX 레코드가 없습니다" in said("--lang", "ko")
    found = json.loads(said("--json"))
    [missing] = [each for each in found if each["code"] == "mx.missing"]
    assert missing["severity"] == "problem"
    assert missing["en"]["to_do"].startswith("publish MX at example.test: 10 mail.")
    done = runner.invoke(app, ["--config", str(file), "doctor", "other.test"])
    assert done.exit_code == 1


def test_why_a_certificate_cannot_be_read(
    configuration: Configuration, dns: FakeDns
) -> None:
    file = configuration.data / "tls" / "self-signed.pem"
    file.write_text("no certificate")
    found = examined(configuration, right_web(configuration))
    assert found["certificate.unreadable", str(file)].severity is Severity.PROBLEM
    file.unlink()  # before the first start there is none
    found = examined(configuration, right_web(configuration))
    assert not [code for code, _ in found if code.startswith("certificate")]
    settings = replace(configuration.tls, certificate=file, key=file)
    own = replace(configuration, tls=settings)
    found = examined(own, right_web(own))
    [seen] = [x for (code, _), x in found.items() if code == "certificate.unreadable"]
    assert seen.values["reason"] == "No such file or directory"


@pytest.mark.parametrize(
    ("mode", "told"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True)]
)
def test_who_may_read_the_key(
    configuration: Configuration, dns: FakeDns, mode: int, *, told: bool
) -> None:
    """Root's key may be read by the group of the user that the server becomes."""
    file = configuration.data / "tls" / "self-signed.pem"
    file.with_suffix(".key").chmod(mode)
    found = examined(configuration, right_web(configuration))
    assert (("certificate.key", str(file)) in found) is told


def test_why_a_door_is_closed(configuration: Configuration, dns: FakeDns) -> None:
    found = examined(configuration, right_web(configuration))
    [door] = [each for (code, _), each in found.items() if code == "door.closed"]
    assert door.values["reason"] == "Connection refused"
    port = configuration.listeners[0].port
    with socket.create_server(("127.0.0.1", port)):
        found = examined(configuration, right_web(configuration))
    assert ("door", configuration.listeners[0].name) in found
