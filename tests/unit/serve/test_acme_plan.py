"""When a certificate is wanted and for whom; what is kept of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from pyeonji.serve.acme.challenge import proof
from pyeonji.serve.acme.folder import AcmeFolder, GettingAlready, KeptAccount, pem_of
from pyeonji.serve.acme.plan import MAX_NAMES, wanted_names, why_now
from pyeonji.serve.certificates import make_self_signed, named_files
from pyeonji.serve.cli import app
from pyeonji.serve.configuration import Configuration, ConfigurationError, parse

CONFIG = 'hostname = "mail.example.test"\ndata = "data"\n'
WEB = '[[listener]]\nprotocol = "http"\naddress = "127.0.0.1:80"\n'


def test_the_names() -> None:
    assert wanted_names("m.a.test", ["a.test", "b.test"], sts=True, web=False) == [
        "m.a.test",
        "mta-sts.a.test",
        "mta-sts.b.test",
    ]
    assert wanted_names("m.a.test", ["a.test"], sts=False, web=True) == [
        "m.a.test",
        "autoconfig.a.test",
        "autodiscover.a.test",
    ]
    many = [f"d{n}.test" for n in range(MAX_NAMES)]
    assert len(wanted_names("m.a.test", many, sts=True, web=True)) == MAX_NAMES


@pytest.mark.parametrize(
    ("have", "now", "begins"),
    [
        ([], 0, "there is none"),
        (["a"], 0, "it lacks b"),
        (["a", "b", "c"], 599, ""),
        (["a", "b"], 600, "two thirds"),
        (["a", "b"], 5000, "two thirds"),
    ],
)
def test_when(have: list[str], now: float, begins: str) -> None:
    why = why_now(have, ["a", "b"], not_before=0, not_after=900, now=now)
    assert why.startswith(begins)
    assert bool(why) == bool(begins)


def test_accounts_of_two_authorities(tmp_path: Path) -> None:
    """One authority's account is never used with another."""
    folder = AcmeFolder(tmp_path)
    folder.make()
    first = KeptAccount(directory="https://a/dir", url="https://a/1", key={"kty": "EC"})
    folder.keep_account(first)
    assert folder.account("https://a/dir") == first
    assert folder.account("https://b/dir") is None
    folder.keep_account(KeptAccount(directory="https://b/dir", url="u", key={}))
    assert folder.account("https://a/dir") is None
    assert (folder.path / "account.old.json").exists()
    assert (folder.path / "account.json").stat().st_mode & 0o777 == 0o600


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    with folder.locked(), pytest.raises(GettingAlready), AcmeFolder(tmp_path).locked():
        pass


def test_the_key_stays(tmp_path: Path) -> None:
    """The self-signed key is the first; then that of the certificate."""
    folder = AcmeFolder(tmp_path)
    folder.make()
    assert folder.key() is None
    (tmp_path / "tls").mkdir()
    kept = tmp_path / "tls" / "self-signed.key"
    make_self_signed("a.test", tmp_path / "tls" / "self-signed.pem", kept)
    first = folder.key()
    assert first is not None
    assert pem_of(first) == kept.read_bytes()
    other = ec.generate_private_key(ec.SECP256R1())
    folder.keep_certificate(other, (tmp_path / "tls" / "self-signed.pem").read_bytes())
    found = folder.key()
    assert found is not None
    assert pem_of(found) == pem_of(other)
    present = folder.present()
    assert present is not None
    assert present.names == ("a.test", "localhost")


def test_challenges_are_gone_afterwards(tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    folder.make()
    with folder.challenge("tok", "tok.x"), folder.handshake("a.test", b"pem"):
        assert (folder.challenges / "tok").read_text() == "tok.x"
        assert folder.alpn_file("a.test").read_bytes() == b"pem"
    assert not folder.alpn_file("a.test").exists()
    assert not list(folder.challenges.iterdir())


@pytest.mark.parametrize("host", ["../x", "a/b", "", "a..b", "A b", "x" * 300, "a\0b"])
def test_a_host_is_no_path(host: str, tmp_path: Path) -> None:
    folder = AcmeFolder(tmp_path)
    assert folder.alpn_file(host) == folder.alpn / "-.pem"


def test_a_proof() -> None:
    """RFC 8737 §3: one name, the digest in a critical extension."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = x509.load_pem_x509_certificate(proof("a.test", b"d" * 32, now))
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["a.test"]
    assert found.not_valid_before_utc < now < found.not_valid_after_utc


def test_which_files_are_shown(tmp_path: Path) -> None:
    def files(more: str) -> list[str]:
        configuration = parse(CONFIG + more, tmp_path / "x.toml")
        return [str(each.relative_to(tmp_path)) for each in named_files(configuration)]

    assert files("") == ["data/tls/self-signed.pem", "data/tls/self-signed.key"]
    assert files("[acme]\n" + WEB) == [
        "data/tls/self-signed.pem",
        "data/tls/self-signed.key",
    ]
    own = '[tls]\ncertificate = "c"\nkey = "k"\n'
    assert files(own) == ["c", "k"]
    (tmp_path / "data" / "acme").mkdir(parents=True)
    (tmp_path / "data" / "acme" / "certificate.pem").touch()
    assert files("[acme]\n" + WEB) == ["data/acme/certificate.pem"] * 2
    assert files("") == ["data/tls/self-signed.pem", "data/tls/self-signed.key"]
    with pytest.raises(ConfigurationError, match=r"acme: .tls. certificate is set"):
        files(own + "[acme]\n")


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ('[acme]\ndirectory = "http://a"', "acme.directory: must be an https"),
        ('[acme]\nchallenge = "dns-02"', "acme.challenge: must be one of"),
        ("[acme]", "acme: http-01 needs a .*and tls = .none."),
        (WEB + '[acme]\nchallenge = "tls-alpn-01"', "acme: tls-alpn-01 needs"),
        ('[mta_sts]\nmax_age = "5d"', "mta_sts.mode: is missing"),
        ('[mta_sts]\nmode = "enforce"\nmax_age = "60w"', "mta_sts.max_age: is a year"),
        ('[publish]\naddresses = ["a"]', "publish.addresses: 'a' is no IP address"),
        ("[reports]\nsend = 1", "reports.send: must be true or false"),
        (
            '[[listener]]\nprotocol = "http"\naddress = ":80"\ntls = "starttls"',
            "listener.tls: HTTP has no STARTTLS",
        ),
    ],
)
def test_slips_of_the_pen(lines: str, error: str) -> None:
    with pytest.raises(ConfigurationError, match=error):
        parse(CONFIG + lines, Path("x.toml"))


def test_what_is_read() -> None:
    read: Configuration = parse(
        CONFIG
        + WEB
        + '[acme]\nhosts = ["A.test"]\ncontact = "k@a.test"\n'
        + '[mta_sts]\nmode = "enforce"\n[publish]\nspf = "fail"\n'
        + '[reports]\ndmarc = ""\ntls = "t@b.test"\n',
        Path("x.toml"),
    )
    assert read.acme is not None
    assert read.mta_sts is not None
    assert (read.acme.hosts, read.acme.challenge) == (("a.test",), "http-01")
    assert (read.mta_sts.mode, read.mta_sts.max_age_s) == ("enforce", 604800)
    assert read.publish.spf_all == "-all"
    assert read.reports.dmarc_address("a.test") == ""
    assert read.reports.tls_address("a.test") == "t@b.test"


def test_the_commands(tmp_path: Path) -> None:
    """What is shown, and who can be asked for another."""
    file = tmp_path / "pyeonji.toml"
    file.write_text(CONFIG)
    tls = tmp_path / "data" / "tls"
    tls.mkdir(parents=True)

    def ran(*words: str, code: int = 0) -> str:
        words = ("--config", str(file), "certificate", *words)
        done = CliRunner().invoke(app, words)
        assert done.exit_code == code, done.output
        return done.stdout

    ran("list", code=1)
    make_self_signed(
        "mail.example.test", tls / "self-signed.pem", tls / "self-signed.key"
    )
    assert "names   mail.example.test, localhost" in ran("list")
    [shown] = json.loads(ran("list", "--json"))
    assert shown["file"] == str(tls / "self-signed.pem")
    assert shown["renewed_from"] is None
    ran("renew", code=1)  # there is no [acme]
