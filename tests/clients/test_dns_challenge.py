"""Certificates without a web server: DNS challenges by updates of a real zone."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.clients.knot import Knot
from tests.clients.pebble import Pebble
from tests.running import DOMAIN, HOST, CommandFailed, Ports, Server

from pyeonji.serve.acme import dns_update
from pyeonji.serve.acme.dns_update import NotUpdated, ZoneEditor
from pyeonji.serve.settings import DnsUpdateSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = f"mail.{DOMAIN}"
CHALLENGE = f"_acme-challenge.{DOMAIN}"
ELSEWHERE = f"mail.challenges.{DOMAIN}"
WAIT_S = 40.0


@pytest.fixture
def knot() -> Iterator[Knot]:
    ports = Ports()
    port = ports.take()
    ports.close()
    records = [
        f"ns.{DOMAIN}. 60 A {HOST}",
        f"{NAME}. 60 A {HOST}",
        # what is asked of one name stands at another
        f"_acme-challenge.{NAME}. 60 CNAME {ELSEWHERE}.",
    ]
    with Knot(port, DOMAIN, records) as running:
        yield running


class DnsServer(Server):
    """A server that nobody reaches at port 80 or 443."""

    def __init__(self, knot: Knot) -> None:
        self.pebble = Pebble(
            http_port=1, tls_port=1, names=[], life_s=157766400, resolver=knot.server
        )
        super().__init__(
            extra=f"""
[dns]
servers = ["{knot.server}"]
[acme]
directory = "{self.pebble.directory}"
challenge = "dns-01"
ca = "{self.pebble.ca}"
hosts = ["{NAME}", "{DOMAIN}", "*.{DOMAIN}"]
[acme.dns]
server = "{knot.server}"
key = "{knot.key}"
"""
        )
        text = self.config.read_text()
        begin = text.index("[tls]")
        self.config.write_text(text[:begin] + text[text.index("[auth]") :])

    @property
    def kept(self) -> Path:
        return self.data / "acme" / "certificate.pem"

    def wait(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.kept.exists():
            assert time.monotonic() < deadline, self.log() + self.pebble.log()
            time.sleep(0.1)


def test_a_wildcard_by_dns(knot: Knot) -> None:
    """A host, a domain, and all below it (RFC 8555 §8.4); the proofs are gone then."""
    made = DnsServer(knot)
    with made.pebble, made as server:
        server.wait()
        found = x509.load_pem_x509_certificate(server.kept.read_bytes())
        names = found.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
        assert sorted(names) == sorted([NAME, DOMAIN, f"*.{DOMAIN}"])
        trusting = ssl.create_default_context(cadata=server.pebble.root())
        assert trusting.get_ca_certs()
        for name in (CHALLENGE, ELSEWHERE):
            assert knot.texts(name) == set()
        before = server.kept.read_bytes()
        # another key: refused, told, and nothing is lost
        knot.key.write_text(
            f'key "acme.{DOMAIN}" {{ algorithm hmac-sha256; secret "AAAA"; }};'
        )
        with pytest.raises(CommandFailed, match=r"BADSIG|signature|TSIG"):
            server.run("certificate", "renew", "--force")
        assert server.kept.read_bytes() == before


def test_what_an_editor_does(knot: Knot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records of one name stand beside each other; only ours is taken away."""
    settings = DnsUpdateSettings(server=(HOST, knot.port), key_file=knot.key)
    editor = ZoneEditor(settings, [knot.server])
    monkeypatch.setattr(dns_update, "DNS_PORT", knot.port)
    one = editor.add(CHALLENGE, "one")
    assert one == (f"{DOMAIN}.", f"{CHALLENGE}.")
    editor.add(CHALLENGE, "two")
    editor.wait_until_shown(one[0], [(one[1], "one"), (one[1], "two")])
    assert knot.texts(CHALLENGE) == {"one", "two"}
    editor.remove(*one, "one")
    assert knot.texts(CHALLENGE) == {"two"}
    assert editor.add(f"_acme-challenge.{NAME}", "x")[1] == f"{ELSEWHERE}."
    monkeypatch.setattr(dns_update, "SHOWN_S", 0.5)
    monkeypatch.setattr(dns_update, "PAUSE_S", 0.1)
    with pytest.raises(NotUpdated, match="does not show"):
        editor.wait_until_shown(one[0], [(one[1], "three")])
    with pytest.raises(NotUpdated, match="has no zone"):
        editor.add("_acme-challenge.else.where", "x")
    # what the server does not have, it does not sign
    named = DnsUpdateSettings(
        server=(HOST, knot.port), key_file=knot.key, zone="else.where"
    )
    with pytest.raises(NotUpdated, match="TSIG"):
        ZoneEditor(named, [knot.server]).add("_acme-challenge.else.where", "x")
