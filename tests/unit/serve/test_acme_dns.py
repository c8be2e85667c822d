"""Keys for updates of zones, and what a configuration may say of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyeonji.serve.acme.dns_update import NotUpdated, ZoneEditor, read_key
from pyeonji.serve.configuration import ConfigurationError, parse
from pyeonji.serve.settings import DnsUpdateSettings

BIND = 'key "acme.example.org" {\n\talgorithm hmac-sha512;\n\tsecret "c2VjcmV0";\n};\n'
KNOT = """# hmac-sha512:acme.example.org:c2VjcmV0
key:
  - id: acme.example.org
    algorithm: hmac-sha512
    secret: c2VjcmV0
"""
WHOLE = ("acme.example.org", "hmac-sha512", "c2VjcmV0")


@pytest.mark.parametrize("text", [BIND, KNOT, BIND.replace('"', "").replace("\n", " ")])
def test_a_key_as_name_servers_write_it(text: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    assert read_key(file) == WHOLE
    server = DnsUpdateSettings(server=("127.0.0.1", 1), key_file=file)
    with pytest.raises(NotUpdated, match=r"127\.0\.0\.1"):  # nobody is there
        ZoneEditor(server, ["127.0.0.1:1"]).remove("x.", "a.x.", "b")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no key"),
        ('key "a" { };', "has no key"),
        (BIND.replace("sha512", "md5"), "is none of"),
        ('key "a" { secret "abc"; };', "adding"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_key_that_is_none(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    settings = DnsUpdateSettings(server=("127.0.0.1", 1), key_file=file)
    with pytest.raises(NotUpdated, match=why):
        ZoneEditor(settings, ["127.0.0.1:1"])


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    settings = DnsUpdateSettings(server=("127.0.0.1", 1), key_file=tmp_path / "no")
    with pytest.raises(NotUpdated, match="No such file"):
        ZoneEditor(settings, [])


HEAD = 'hostname = "mail.example.org"\ndata = "data"\n[acme]\n'
DNS = '[acme.dns]\nserver = "ns1.example.org"\nkey = "update.key"\n'


def test_dns_needs_no_web_server(tmp_path: Path) -> None:
    whole = HEAD + 'challenge = "dns-01"\nhosts = ["*.example.org"]\n' + DNS
    acme = parse(whole, tmp_path / "x.toml").acme
    assert acme is not None
    assert acme.hosts == ("*.example.org",)
    assert acme.dns == DnsUpdateSettings(
        server=("ns1.example.org", 53), key_file=tmp_path / "update.key"
    )


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        ('challenge = "dns-01"\n', "go together"),
        (DNS, "go together"),
        ('hosts = ["*.example.org"]\n', 'needs challenge = "dns-01"'),
        ('challenge = "dns-01"\nhosts = ["a.*.org"]\n' + DNS, "not a host name"),
        (
            'challenge = "dns-01"\n[acme.dns]\nserver = "ns1.example.org"\n',
            "acme.dns.key: is missing",
        ),
        ('challenge = "http-01"\n', "needs a"),
    ],
)
def test_what_does_not_fit_is_refused(rest: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=why):
        parse(HEAD + rest, tmp_path / "x.toml")
