"""`pyeonji domain dns`, as an operator calls it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import dns.zone
import pytest
from typer.testing import CliRunner

from pyeonji.serve.certificates import make_self_signed
from pyeonji.serve.cli import app
from pyeonji.serve.publishing import key_digest
from pyeonji.storage.directory import DkimKey, KeyState
from pyeonji.storage.embedded import open_store

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
hostname = "mail.example.test"
data = "data"
[[listener]]
protocol = "smtp"
address = "127.0.0.1:25"
tls = "starttls"
[[listener]]
protocol = "imap"
address = "127.0.0.1:993"
tls = "implicit"
[publish]
addresses = ["192.0.2.1"]
dmarc = "reject"
spf = "fail"
[mta_sts]
mode = "enforce"
[reports]
dmarc = "dmarc"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pyeonji.toml"
    file.write_text(CONFIG)
    ran(file, "domain", "add", "example.test")
    tls = tmp_path / "data" / "tls"
    tls.mkdir()
    make_self_signed(
        "mail.example.test", tls / "self-signed.pem", tls / "self-signed.key"
    )
    return file


def ran(config: Path, *words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["--config", str(config), *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_a_zone_file(config: Path) -> None:
    text = ran(config, "domain", "dns", "example.test")
    head, _, rest = text.partition("\n")
    soa = "@ IN SOA ns h 1 3600 900 604800 300\n@ IN NS ns.else.test.\n"
    read = dns.zone.from_text(f"{head}\n$TTL 9\n{soa}{rest}", relativize=False)

    def shown(name: str, kind: str) -> list[str]:
        return [x.to_text() for x in read.find_rdataset(name, kind)]

    assert shown("example.test.", "MX") == ["10 mail.example.test."]
    assert shown("mail.example.test.", "A") == ["192.0.2.1"]
    assert shown("example.test.", "TXT") == ['"v=spf1 mx -all"']
    assert shown("_dmarc.example.test.", "TXT") == [
        '"v=DMARC1; p=reject; rua=mailto:dmarc@example.test"'
    ]
    assert shown("_smtp._tls.example.test.", "TXT") == [
        '"v=TLSRPTv1; rua=mailto:postmaster@example.test"'
    ]
    digest = key_digest(config.parent / "data" / "tls" / "self-signed.pem")
    assert shown("_25._tcp.mail.example.test.", "TLSA") == [f"3 1 1 {digest}"]
    assert shown("_imaps._tcp.example.test.", "SRV") == ["0 1 993 mail.example.test."]


def test_the_same_as_json(config: Path) -> None:
    found = json.loads(ran(config, "domain", "dns", "example.test", "--json"))
    assert {each["purpose"] for each in found} >= {"mail", "spf", "dmarc", "mta-sts"}
    assert all(
        set(each) == {"name", "kind", "data", "purpose", "why"} for each in found
    )


def test_a_domain_that_is_not_ours(config: Path) -> None:
    ran(config, "domain", "dns", "other.test", code=1)


def test_the_keys_that_sign(config: Path) -> None:
    """Every DKIM key of the domain is there as the directory has it."""
    key = DkimKey(
        domain="example.test",
        selector="s1",
        type="rsa",
        state=KeyState.WAITING,
        record="v=DKIM1; k=rsa; p=" + "A" * 400,
        sealed=b"",
        created_at=0,
        changed_at=0,
    )

    async def keep() -> None:
        store = await open_store(config.parent / "data")
        await store.directory.add_dkim_keys([key])
        await store.close()

    asyncio.run(keep())
    found = json.loads(ran(config, "domain", "dns", "example.test", "--json"))
    shown = {x["name"]: x["data"] for x in found if x["purpose"].startswith("dkim")}
    assert shown.pop("s1._domainkey.example.test") == key.record
    assert len(shown) == 2  # those that every new domain has


def test_a_broken_certificate_is_told(config: Path) -> None:
    """A zone without TLSA would look as if there were none."""
    (config.parent / "data" / "tls" / "self-signed.pem").write_text("x")
    ran(config, "domain", "dns", "example.test", code=1)


@pytest.mark.parametrize("name", ["a b.test", "a\nb.test", "a..b", "..", r"a\b.test"])
def test_what_is_no_name_is_no_domain(config: Path, name: str) -> None:
    ran(config, "domain", "add", name, code=1)
    assert "example.test" in ran(config, "domain", "list")
