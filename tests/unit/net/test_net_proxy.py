"""The PROXY protocol: who is behind a load balancer."""

import asyncio
import socket
import ssl
import struct
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.net.connection import Connection
from pyeonji.net.listener import Limits, Listener, bind, connection_ids
from pyeonji.net.proxy import SIGNATURE, BadHeader, Header, Source
from pyeonji.net.tls import server_context
from pyeonji.protocol.machine import NEED_DATA
from pyeonji.serve.certificates import make_self_signed


def v2(command: int, family: int, addresses: bytes) -> bytes:
    head = bytes((0x20 | command, family)) + struct.pack("!H", len(addresses))
    return SIGNATURE + head + addresses


def v4(source: str, port: int) -> bytes:
    packed = ip_address(source).packed + ip_address("192.0.2.1").packed
    return packed + struct.pack("!HH", port, 25)


V1 = b"PROXY TCP4 198.51.100.9 192.0.2.1 4711 25\r\n"
V1_SIX = b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 25\r\n"
V2 = v2(1, 0x11, v4("198.51.100.9", 4711) + b"\x03\x00\x04abcd")  # with a TLV
V2_SIX = v2(
    1,
    0x21,
    ip_address("2001:db8::9").packed
    + ip_address("2001:db8::1").packed
    + struct.pack("!HH", 4711, 25),
)
FOUR = Source("198.51.100.9", 4711)
SIX = Source("2001:db8::9", 4711)


def read(*pieces: bytes) -> tuple[Header, bytes]:
    """A header out of pieces; what was not taken."""
    header, rest = Header(), b""
    for piece in pieces:
        rest += piece
        while rest and not header.whole:
            rest = rest[header.take_from(rest) :]
    return header, rest


@pytest.mark.parametrize(
    ("octets", "source"),
    [
        (V1, FOUR),
        (V1_SIX, SIX),
        (V2, FOUR),
        (V2_SIX, SIX),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:: ffff:: 1 2\r\n", None),
        (v2(0, 0, b""), None),  # LOCAL
        (v2(1, 0x31, b"x" * 216), None),  # a Unix socket
        (v2(1, 0x12, v4("198.51.100.9", 1)), None),  # UDP
    ],
)
def test_headers(octets: bytes, source: Source | None) -> None:
    for cut in range(1, len(octets)):
        header, rest = read(octets[:cut], octets[cut:] + b"EHLO x\r\n")
        assert header.whole
        assert header.source == source
        assert rest == b"EHLO x\r\n"  # TLS may begin right there
    header, rest = read(*(octets[i : i + 1] for i in range(len(octets))))
    assert (header.source, rest) == (source, b"")


@pytest.mark.parametrize(
    "octets",
    [
        b"EHLO there.example\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY TCP4 198.51.100.9 192.0.2.1 4711\r\n",
        b"PROXY TCP4 198.51.100.9 192.0.2.1 4711 99999999\r\n",
        b"PROXY TCP4 198.51.100.9 192.0.2.1 65536 25\r\n",
        b"PROXY TCP4 2001:db8::9 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 1.2.3 192.0.2.1 4711 25\r\n",
        b"PROXY UNKNOWN " + b"x" * 200,
        SIGNATURE + b"\x31\x11\x00\x0c" + v4("198.51.100.9", 1),  # version 3
        SIGNATURE + b"\x22\x11\x00\x0c" + v4("198.51.100.9", 1),
        v2(1, 0x11, b"short"),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_no_header(octets: bytes) -> None:
    with pytest.raises(BadHeader):
        read(octets)


PIECES = st.sampled_from(
    [V1[:20], V1[20:], V2[:13], V2[13:20], V2[20:], SIGNATURE, b"\r\n", b"PROXY ", b"x"]
)


@given(pieces=st.lists(PIECES, max_size=5), cuts=st.integers(1, 7))
def test_where_packets_split_does_not_matter(pieces: list[bytes], cuts: int) -> None:
    data = b"".join(pieces)

    def outcome(*parts: bytes) -> Any:
        try:
            header, rest = read(*parts)
        except BadHeader:
            return BadHeader
        return header.whole, header.source, rest

    whole = outcome(data)
    split = outcome(*(data[i : i + cuts] for i in range(0, len(data), cuts)))
    assert whole == split


class Teller:
    """A door that tells its peer who it is."""

    def __init__(self, connection: Connection) -> None:
        self.machine: Any = self
        self.said = f"{connection.peer_address} {connection.peer_port}\n".encode()

    def receive_data(self, data: bytes) -> None:
        self.said += data

    def receive_eof(self) -> None: ...

    def next_event(self) -> object:
        return NEED_DATA

    def data_to_send(self) -> bytes:
        said, self.said = self.said, b""
        return said

    async def answer(self, event: object) -> None: ...
    def timed_out(self) -> None: ...
    def failed(self) -> None: ...
    def shutting_down(self) -> None: ...
    def lost(self) -> None: ...


@pytest.mark.parametrize("tls", [False, True])
def test_the_peer_is_who_the_proxy_names(tmp_path: Path, *, tls: bool) -> None:
    """The header stands before TLS, also in one packet with its first octets."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    make_self_signed("mx.example.test", certificate, key)

    async def talk(port: int, header: bytes) -> bytes:
        client = socket.create_connection(("127.0.0.1", port))
        client.settimeout(0)
        loop = asyncio.get_running_loop()
        inside = ssl.create_default_context()
        inside.check_hostname, inside.verify_mode = False, ssl.CERT_NONE
        said = b""
        if tls:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            session = inside.wrap_bio(incoming, outgoing)
            with pytest.raises(ssl.SSLWantReadError):
                session.do_handshake()
            await loop.sock_sendall(client, header + outgoing.read())
            while True:
                incoming.write(await loop.sock_recv(client, 65536))
                try:
                    session.do_handshake()
                    await loop.sock_sendall(client, outgoing.read())
                    said = session.read(1000)
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(client, outgoing.read())
                else:
                    break
        else:
            await loop.sock_sendall(client, header + b"hi")
            with suppress(ConnectionResetError):
                while not said.endswith(b"hi") and (
                    more := await loop.sock_recv(client, 100)
                ):
                    said += more
        client.close()
        return said

    async def scene() -> None:
        (bound,) = bind("127.0.0.1", 0, copies=1)
        port = bound.getsockname()[1]
        listener = Listener(
            "test",
            bound,
            Teller,
            tls_context=server_context(certificate, key),
            implicit_tls=tls,
            busy=b"",
            limits=Limits(),
            new_id=connection_ids(0),
            proxies=(ip_network("127.0.0.1"),),
        )
        await listener.start()
        async with asyncio.timeout(20):
            assert (await talk(port, V1)).startswith(b"198.51.100.9 4711\n")
            assert (await talk(port, V2_SIX)).startswith(b"2001:db8::9 4711\n")
            assert (await talk(port, v2(0, 0, b""))).startswith(b"127.0.0.1 ")
            if not tls:
                assert await talk(port, b"EHLO x\r\n") == b""
            while listener.connections:  # noqa: ASYNC110 - a test
                await asyncio.sleep(0.01)
            assert not listener._networks
        listener.stop_accepting()
        await asyncio.sleep(0)

    asyncio.run(scene())
