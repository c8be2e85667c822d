"""A worker's HTTP listeners: in clear and over TLS, reloaded, ended in good order."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.running import DOMAIN, HOST, Ports, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "Zm9vYmFy"


class WebServer(Server):
    """With two HTTP listeners and a policy."""

    def __init__(self) -> None:
        self.web_ports = Ports()
        self.http, self.https = self.web_ports.take(), self.web_ports.take()
        super().__init__(
            extra=f"""
[[listener]]
protocol = "http"
address = "{HOST}:{self.http}"
[[listener]]
protocol = "http"
address = "{HOST}:{self.https}"
tls = "implicit"
[mta_sts]
mode = "testing"
"""
        )

    def get(self, path: str, host: str, *, tls: bool = True) -> httpx.Response:
        """Ask as `host`; over TLS the certificate is checked."""
        scheme, port = ("https", self.https) if tls else ("http", self.http)
        with httpx.Client(verify=self.tls_context() if tls else True) as client:
            return client.get(f"{scheme}://{HOST}:{port}{path}", headers={"Host": host})


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running
    running.web_ports.close()


def test_the_policy_over_tls(server: WebServer) -> None:
    said = server.get("/.well-known/mta-sts.txt", f"mta-sts.{DOMAIN}")
    assert said.status_code == 200
    assert said.text.splitlines()[:3] == [
        "version: STSv1",
        "mode: testing",
        f"mx: mail.{DOMAIN}",
    ]
    assert server.get("/.well-known/mta-sts.txt", "mta-sts.other.test").is_error


def test_in_clear(server: WebServer) -> None:
    assert server.get("/healthz", "a", tls=False).text == "ok\n"
    challenges = server.data / "acme" / "challenges"
    challenges.mkdir(parents=True)
    (challenges / TOKEN).write_text(f"{TOKEN}.thumb")
    at = f"/.well-known/acme-challenge/{TOKEN}"
    assert server.get(at, "a", tls=False).text == f"{TOKEN}.thumb"
    xml = server.get("/mail/config-v1.1.xml", f"autoconfig.{DOMAIN}", tls=False).text
    assert f"<port>{server.port('imap', 'implicit')}</port>" in xml


def test_a_changed_policy_is_served_after_a_reload(server: WebServer) -> None:
    text = server.config.read_text()
    server.config.write_text(text.replace('mode = "testing"', 'mode = "enforce"'))
    server.reload()
    deadline = time.monotonic() + 10
    while (
        "enforce"
        not in server.get("/.well-known/mta-sts.txt", f"mta-sts.{DOMAIN}").text
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_head_that_never_ends(server: WebServer) -> None:
    """More than 16 KiB of header is refused, and the connection closed."""
    with socket.create_connection((HOST, server.http), timeout=10) as wire:
        wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000)
        try:
            said = wire.recv(100)
            while more := wire.recv(100):
                said += more
        except ConnectionResetError:
            said = said or b"HTTP/1.1 400"
    assert said.startswith(b"HTTP/1.1 400")


def test_old_tls_is_refused(server: WebServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection((HOST, server.https), timeout=10) as wire,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(wire)


def test_an_idle_connection_does_not_hold_up_the_end(server: WebServer) -> None:
    with socket.create_connection((HOST, server.http), timeout=10):
        began = time.monotonic()
        server.restart()
        assert time.monotonic() - began < 15
    assert server.get("/healthz", "a").text == "ok\n"
