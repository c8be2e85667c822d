"""A real server behind a load balancer: SMTP in clear, IMAP in TLS."""

import contextlib
import socket
import ssl

from tests.running import HOST, Ports, Server

LISTENER = """
[[listener]]
protocol = "{protocol}"
tls = "{tls}"
address = "127.0.0.1:{port}"
proxy = ["127.0.0.1"]
"""


def test_peers_are_those_that_the_proxy_names() -> None:
    ports = Ports()
    smtp, imap = ports.take(), ports.take()
    extra = LISTENER.format(protocol="smtp", tls="none", port=smtp)
    extra += LISTENER.format(protocol="imap", tls="implicit", port=imap)
    with Server(extra=extra) as server:
        header = b"PROXY TCP4 192.0.2.77 192.0.2.1 4711 25\r\n"
        with socket.create_connection((HOST, smtp), 10) as client:
            client.sendall(header)
            answers = client.makefile("rb")
            assert answers.readline().startswith(b"220 ")
            for line in (
                b"HELO there.example",
                b"MAIL FROM:<>",
                b"RCPT TO:<kim@example.test>",
                b"DATA",
                b"Subject: x\r\n\r\nhello\r\n.",
            ):
                client.sendall(line + b"\r\n")
                assert answers.readline()[:1] in b"23"
        server.wait_until_queue_is_empty()
        (event, *_) = server.run_json("trace", "kim@example.test")
        assert (event["helo"], event["client"]) == ("there.example", "192.0.2.77")
        context = ssl.create_default_context(cafile=str(server.certificate))
        with socket.create_connection((HOST, imap), 10) as client:
            client.sendall(header)
            with context.wrap_socket(client, server_hostname=HOST) as inside:
                assert inside.recv(100).startswith(b"* OK")
        with socket.create_connection((HOST, imap), 10) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.settimeout(10)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(100) == b""
    ports.close()
