"""Requests to web servers that strangers name: checked, limited, and not inside."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.unit.mta.authority import Signed, authority, sign

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.net.https import RequestFailed, WebAnswer, is_public, request

CA = authority()
GOOD = sign("web.a.test", by=CA)
PAGE = b"HTTP/1.1 200 ok\r\nContent-Type: Text/Plain; charset=utf-8\r\n"


@pytest.fixture(autouse=True)
def public_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's authority is the one that the system trusts."""
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


def get(
    answer: bytes,
    *,
    shown: Signed = GOOD,
    private: bool = True,
    path: str = "/x",
    heard: list[bytes] | None = None,
    timeout_s: float = 5,
) -> WebAnswer:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        writer.write(answer)
        await writer.drain()
        if answer:
            writer.close()

    async def ask(name: str, kind: str) -> DnsAnswer:
        assert name == "web.a.test"
        if kind != "A":
            return DnsAnswer(status=DnsStatus.NO_DATA)
        return DnsAnswer(status=DnsStatus.FOUND, records=("127.0.0.1",))

    async def scene() -> WebAnswer:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=shown.context())
        port = server.sockets[0].getsockname()[1]
        try:
            return await request(
                "GET",
                f"https://web.a.test:{port}{path}",
                ask=ask,
                limit_octets=1000,
                private=private,
                timeout_s=timeout_s,
            )
        finally:
            server.close()

    return asyncio.run(scene())


def page(octets: bytes) -> bytes:
    return PAGE + b"Content-Length: %d\r\n\r\n" % len(octets) + octets


def test_an_answer() -> None:
    """The name goes into Host and SNI, whatever address is called."""
    heard: list[bytes] = []
    answer = get(page(b"hello"), heard=heard)
    assert (answer.status, answer.media_type) == (200, "text/plain")
    assert answer.octets == b"hello"
    assert b"\r\nHost: web.a.test:" in heard[0]


@pytest.mark.parametrize("shown", [sign("web.a.test"), sign("other.test", by=CA)])
def test_a_certificate_must_be_good(shown: Signed) -> None:
    with pytest.raises(RequestFailed) as caught:
        get(page(b"hello"), shown=shown)
    assert caught.value.untrusted


def test_redirects_are_not_followed() -> None:
    answer = get(b"HTTP/1.1 301 moved\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n")
    assert answer.status == 301


def test_too_much() -> None:
    with pytest.raises(RequestFailed, match="more than 1000 octets"):
        get(page(b"x" * 1001))
    chunk = b"200\r\n" + b"x" * 512 + b"\r\n"
    endless = PAGE + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9
    with pytest.raises(RequestFailed, match="more than 1000 octets"):
        get(endless)


def test_what_is_packed_stays_packed() -> None:
    """A little that could become a lot is not unpacked."""
    packed = gzip.compress(b"x" * 100_000)
    answer = get(
        PAGE
        + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        + packed
    )
    assert answer.octets == packed


def test_too_late() -> None:
    with pytest.raises(RequestFailed, match="no answer in"):
        get(b"", timeout_s=0.3)


def test_private_addresses_are_not_called() -> None:
    with pytest.raises(RequestFailed, match="no public address"):
        get(page(b"hello"), private=False)


@pytest.mark.parametrize(
    "url", ["http://a.test/", "https://kim@a.test/", "https:///x", "ftp://a.test", "//"]
)
def test_other_urls(url: str) -> None:
    async def never(name: str, kind: str) -> DnsAnswer:
        raise AssertionError(name, kind)

    call: Callable[..., Awaitable[WebAnswer]] = request
    with pytest.raises(RequestFailed):
        asyncio.run(_await(call("GET", url, ask=never, limit_octets=1)))


async def _await(work: Awaitable[WebAnswer]) -> WebAnswer:
    return await work


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860::1", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::808:808", False),
        ("2002:7f00:1::1", False),
        ("2002:a01:203::1", False),
        ("::127.0.0.1", False),
        ("2130706433", False),
    ],
)
def test_whose_addresses_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) is public
