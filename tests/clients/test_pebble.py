"""Certificates from an authority: real challenges, real renewal, no dropped line."""

from __future__ import annotations

import imaplib
import socket
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.clients.pebble import Pebble
from tests.running import DOMAIN, HOST, CommandFailed, Ports, Server

from pyeonji.serve.publishing import key_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NAME = f"mail.{DOMAIN}"
STS = f"mta-sts.{DOMAIN}"
WAIT_S = 40.0


class AcmeServer(Server):
    """A server whose certificate comes from a pebble."""

    def __init__(self, challenge: str, *, life_s: int = 157766400) -> None:
        self.web = Ports()
        http, self.https = self.web.take(), self.web.take()
        self.pebble = Pebble(
            http_port=http, tls_port=self.https, names=[NAME, STS], life_s=life_s
        )
        super().__init__(
            extra=f"""
[[listener]]
protocol = "http"
address = "{HOST}:{http}"
[[listener]]
protocol = "http"
address = "{HOST}:{self.https}"
tls = "implicit"
[mta_sts]
mode = "testing"
[dns]
servers = ["{self.pebble.dns.server}"]
[acme]
directory = "{self.pebble.directory}"
contact = "kim@{DOMAIN}"
challenge = "{challenge}"
ca = "{self.pebble.ca}"
"""
        )
        text = self.config.read_text()
        begin = text.index("[tls]")
        self.config.write_text(text[:begin] + text[text.index("[auth]") :])

    @property
    def kept(self) -> Path:
        return self.data / "acme" / "certificate.pem"

    def shown(
        self, port: int, alpn: str = "", name: str = NAME
    ) -> tuple[x509.Certificate, str | None]:
        """The certificate that a port shows, and the protocol that was chosen."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols([alpn])
        with (
            socket.create_connection((HOST, port), timeout=10) as wire,
            context.wrap_socket(wire, server_hostname=name) as tls,
        ):
            der = tls.getpeercert(binary_form=True)
            assert der is not None
            return x509.load_der_x509_certificate(der), tls.selected_alpn_protocol()


def until(true: Callable[[], bool], server: AcmeServer) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, server.log() + server.pebble.log()
        time.sleep(0.1)


def names_of(certificate: x509.Certificate) -> list[str]:
    return certificate.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value.get_values_for_type(x509.DNSName)


@pytest.fixture(params=["http-01", "tls-alpn-01"])
def server(request: pytest.FixtureRequest) -> Iterator[AcmeServer]:
    made = AcmeServer(request.param)
    with made.pebble, made as running:
        yield running
    made.web.close()


def test_a_certificate_comes_by_itself(server: AcmeServer) -> None:
    """Names that DNS knows, a chain that a client checks; a line that stays open."""
    imap = server.port("imap", "implicit")
    first, _ = server.shown(imap)
    assert first.issuer == first.subject, "self-signed at first"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with imaplib.IMAP4_SSL(HOST, imap, ssl_context=context) as line:
        line.noop()
        until(lambda: server.shown(imap)[0].issuer != first.issuer, server)
        assert line.noop()[0] == "OK"
    trusting = ssl.create_default_context(cadata=server.pebble.root())
    for port in (imap, server.https, server.port("submission", "implicit")):
        with (
            socket.create_connection((HOST, port), timeout=10) as wire,
            trusting.wrap_socket(wire, server_hostname=NAME),
        ):
            pass
    certificate, protocol = server.shown(server.https, "http/1.1")
    assert sorted(names_of(certificate)) == sorted([NAME, STS])
    assert protocol == "http/1.1"
    assert server.kept.stat().st_mode & 0o777 == 0o600
    # what was said of the first key in TLSA stays true
    first_file = server.data / "tls" / "self-signed.pem"
    assert key_digest(server.kept) == key_digest(first_file)
    # nothing of the challenges is left
    assert not list((server.data / "acme" / "challenges").iterdir())
    assert not list((server.data / "acme" / "alpn").iterdir())


def test_by_hand(server: AcmeServer) -> None:
    """`certificate renew`: only when due, or by force; the account is kept."""
    until(server.kept.exists, server)
    [shown] = server.run_json("certificate", "list")
    assert sorted(shown["names"]) == sorted([NAME, STS])
    assert shown["renewed_from"] < shown["not_after"]
    account = (server.data / "acme" / "account.json").read_bytes()
    before = x509.load_pem_x509_certificate(server.kept.read_bytes())
    assert b"nothing is due" in server.run("certificate", "renew")
    server.run("certificate", "renew", "--force")
    after = x509.load_pem_x509_certificate(server.kept.read_bytes())
    assert after.serial_number != before.serial_number
    assert (server.data / "acme" / "account.json").read_bytes() == account
    digest = key_digest(server.kept)
    server.run("certificate", "renew", "--new-key")
    assert key_digest(server.kept) != digest
    imap = server.port("imap", "implicit")
    newest = x509.load_pem_x509_certificate(server.kept.read_bytes()).serial_number
    until(lambda: server.shown(imap)[0].serial_number == newest, server)


def test_a_name_that_nobody_finds_is_refused(server: AcmeServer) -> None:
    """The authority's reason is told, and the certificate stays as it was."""
    until(server.kept.exists, server)
    before = server.kept.read_bytes()
    text = server.config.read_text()
    hosts = f'hosts = ["{NAME}", "nowhere.{DOMAIN}"]\nchallenge ='
    server.config.write_text(text.replace("challenge =", hosts))
    with pytest.raises(CommandFailed, match=f"nowhere.{DOMAIN}"):
        server.run("certificate", "renew")
    server.run("certificate", "renew", code=75)
    assert server.kept.read_bytes() == before
    assert not list((server.data / "acme" / "challenges").iterdir())


def test_only_who_asks_for_a_proof_is_shown_it() -> None:
    """RFC 8737 §3: the proof for acme-tls/1, the certificate for all others."""
    from pyeonji.serve.acme.challenge import proof

    made = AcmeServer("tls-alpn-01")
    with made.pebble, made as server:
        until(server.kept.exists, server)
        file = server.data / "acme" / "alpn" / f"{STS}.pem"
        file.write_bytes(proof(STS, b"x" * 32))
        found, protocol = server.shown(server.https, "acme-tls/1", STS)
        assert (names_of(found), protocol) == ([STS], "acme-tls/1")
        oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
        extension = found.extensions.get_extension_for_oid(oid)
        assert extension.critical
        assert extension.value.public_bytes() == b"\x04\x20" + b"x" * 32
        for alpn in ("http/1.1", ""):
            assert len(names_of(server.shown(server.https, alpn, STS)[0])) == 2
        other, _ = server.shown(server.https, "acme-tls/1", NAME)
        assert len(names_of(other)) == 2
    made.web.close()


def test_an_authority_that_is_away() -> None:
    """The server starts and serves with what it has; the reason is in the log."""
    made = AcmeServer("http-01")
    made.pebble.free_ports()
    with made.pebble.dns, made as server:
        until(lambda: "acme.failed" in server.log(), server)
        assert server.shown(server.port("imap", "implicit"))
        server.run("certificate", "renew", code=75)
    made.web.close()
