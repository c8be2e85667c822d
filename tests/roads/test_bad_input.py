"""Hostile octets at every door: a clear error, bounded memory, and business as usual.

Memory is RssAnon of all the server's processes (what they filled themselves;
pages of mapped files belong to the kernel), sampled while the octets come in.
It may grow by BOUND at most, however much is sent.
"""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

import pytest
from tests.running import HOST, PASSWORD, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB: Final = 1024 * 1024
BOUND: Final = 64 * MIB
KIM: Final = "kim@example.test"
BLOCK: Final = b"x" * MIB
CLEAR_DOORS: Final = ("smtp", "submission", "lmtp", "imap", "pop3")

SMUGGLED_ENDS: Final = (
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\n.\r",
    b"\r.\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n",
    b"\n\n.\n\n", b"\r\n.\n\r\n", b"\x85.\x85", b"\r\n .\r\n", b"\r\n. \r\n",
)  # fmt: skip
"""What some servers take for the end of data (CVE-2023-51764 and its kin)."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(accounts=["kim"], workers=1, log_level="warning") as running:
        with imap(running) as client:  # everything is imported and open
            client.select()
        assert deliver(running, b"Subject: first\r\n\r\nhello\r\n")[:3] == b"250"
        yield running
        running.verify()


@pytest.fixture(autouse=True)
def business_as_usual(server: Server) -> Iterator[None]:
    """Before and after: a letter comes in, and is read."""
    before = server.worker_pids()
    yield
    token = f"after-{time.monotonic_ns()}"
    assert deliver(server, f"Subject: {token}\r\n\r\nhello\r\n".encode())[:3] == b"250"
    deadline = time.monotonic() + 20
    with imap(server) as client:
        while client.select()[0] == "OK":
            if client.search(None, "SUBJECT", token)[1] != [b""]:
                break
            assert time.monotonic() < deadline, "the server delivers no more"
            time.sleep(0.1)
    assert server.worker_pids() == before, "a worker died"


@contextmanager
def bounded(server: Server, bound: int = BOUND) -> Iterator[None]:
    """Memory grows by less than the bound while the block runs and just after."""
    before = server.rss_octets()
    peak, over = before, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.02):
            peak = max(peak, server.rss_octets())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
        time.sleep(0.3)
    finally:
        over.set()
        watcher.join()
    print(f"memory: {before / MIB:.1f} MiB, at most {(peak - before) / MIB:+.1f} MiB")
    assert peak - before < bound, f"grew by {(peak - before) / MIB:.1f} MiB"


class Raw:
    """A connection that says what it likes, and keeps what it hears."""

    def __init__(self, server: Server, protocol: str, tls: str = "") -> None:
        self._socket = socket.create_connection((HOST, server.port(protocol, tls)), 30)
        self._heard = bytearray()
        self._more = threading.Condition()
        self._ended = False
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        self._socket.settimeout(None)
        with suppress(OSError):
            while chunk := self._socket.recv(65536):
                with self._more:
                    self._heard += chunk
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def send(self, octets: bytes, times: int = 1) -> bool:
        """Send it so many times; False when the server has hung up."""
        try:
            for _ in range(times):
                self._socket.sendall(octets)
        except OSError:
            return False
        return True

    def ask(self, line: bytes, pattern: bytes) -> bytes:
        """Send a line, wait for what matches."""
        self.send(line + b"\r\n")
        return self.hear(pattern)

    def hear(self, pattern: bytes, limit_s: float = 30) -> bytes:
        """All up to and with the match, or all there was before the end."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + limit_s
        with self._more:
            while True:
                if match := expression.search(self._heard):
                    heard = bytes(self._heard[: match.end()])
                    del self._heard[: match.end()]
                    return heard
                left = deadline - time.monotonic()
                assert not self._ended, f"hung up after {bytes(self._heard[-300:])!r}"
                assert left > 0, f"no {pattern!r} in {bytes(self._heard[-300:])!r}"
                self._more.wait(left)

    def rest(self, limit_s: float = 30) -> bytes:
        """All until the server hangs up."""
        deadline = time.monotonic() + limit_s
        with self._more:
            while not self._ended:
                left = deadline - time.monotonic()
                assert left > 0, f"still open; {bytes(self._heard[-300:])!r}"
                self._more.wait(left)
            return bytes(self._heard)


REPLY: Final = rb"(?m)^\d\d\d .*\r\n"


@contextmanager
def transaction(server: Server, recipient: str = KIM) -> Iterator[Raw]:
    """An SMTP client whose DATA has been granted."""
    with Raw(server, "smtp") as client:
        client.hear(REPLY)
        client.ask(b"EHLO bad", REPLY)
        client.ask(b"MAIL FROM:<bad@example.test>", REPLY)
        client.ask(b"RCPT TO:<%s>" % recipient.encode(), REPLY)
        assert client.ask(b"DATA", REPLY).startswith(b"354")
        yield client


def deliver(server: Server, octets: bytes) -> bytes:
    """Send one letter by SMTP; the reply."""
    with transaction(server) as client:
        client.send(octets + b".\r\n")
        return client.hear(REPLY)


@contextmanager
def imap(server: Server) -> Iterator[imaplib.IMAP4]:
    with imaplib.IMAP4(HOST, server.port("imap"), timeout=60) as client:
        client.authenticate("PLAIN", lambda _: f"\0{KIM}\0{PASSWORD}".encode())
        yield client


# -- SMTP


@pytest.mark.parametrize("header", [b"X-Endless: ", b""], ids=["field", "no colon"])
def test_one_header_line_without_end(server: Server, header: bytes) -> None:
    """1 GiB of one header line: nothing is kept of it, and it is refused."""
    with bounded(server), transaction(server) as client:
        assert client.send(header)
        assert client.send(BLOCK, 1024 if header else 64)
        client.send(b"\r\n\r\nbody\r\n.\r\n")
        assert client.hear(REPLY)[:3] in (b"552", b"500", b"554")
        assert client.ask(b"NOOP", REPLY)[:3] == b"250"


def test_one_folded_header(server: Server) -> None:
    """200 MiB of one field on many lines."""
    line = b" " + b"y" * 1022 + b"\r\n"
    with bounded(server), transaction(server) as client:
        client.send(b"X-Folded: x\r\n")
        client.send(line * 1024, 200)
        client.send(b"\r\nbody\r\n.\r\n")
        assert client.hear(REPLY)[:3] in (b"552", b"554")


def test_a_million_header_fields(server: Server) -> None:
    """Too much header, however it is cut; 16 MB of short fields."""
    with bounded(server), transaction(server) as client:
        client.send(b"From: a@b.test\r\n" * 1000, 1000)
        client.send(b"\r\nbody\r\n.\r\n")
        assert client.hear(REPLY)[:3] in (b"552", b"554")


def test_size_beyond_the_limit(server: Server) -> None:
    """A declared size is refused at MAIL, an undeclared one at the end of data."""
    with Raw(server, "smtp") as client:
        client.hear(REPLY)
        client.ask(b"EHLO bad", REPLY)
        declared = client.ask(b"MAIL FROM:<a@b.test> SIZE=99999999999", REPLY)
        assert declared[:3] == b"552"
    with bounded(server), transaction(server) as client:
        client.send(b"Subject: large\r\n\r\n")
        line = b"z" * 998 + b"\r\n"
        client.send(line * 1000, 120)
        client.send(b".\r\n")
        assert client.hear(REPLY)[:3] == b"552"


def nested_multiparts(depth: int) -> bytes:
    """Each part is a multipart that holds the next one."""
    parts = [
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
        for n in range(depth)
    ]
    return b"Subject: deep\r\nMIME-Version: 1.0\r\n" + b"".join(parts) + b"\r\nend\r\n"


def nested_messages(depth: int) -> bytes:
    """Each message holds the next one."""
    return b"Subject: deep\r\nMIME-Version: 1.0\r\n" + (
        b"Content-Type: message/rfc822\r\n\r\n" * depth + b"\r\nend\r\n"
    )


def many_parts(count: int) -> bytes:
    """One multipart with that many parts."""
    head = b'Subject: wide\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return head + b"--b\r\nContent-Type: text/html\r\n\r\nx\r\n" * count + b"--b--\r\n"


@pytest.mark.parametrize("make", [nested_multiparts, nested_messages, many_parts])
def test_a_hundred_thousand_parts(server: Server, make: object) -> None:
    """Taken, kept as sent, and its structure can be asked for."""
    octets = make(100_000)  # type: ignore[operator]
    with bounded(server):
        assert deliver(server, octets)[:3] == b"250"
        kept, structure = newest(server)
    assert kept.endswith(octets)
    assert len(structure) < 4 * MIB


def newest(server: Server) -> tuple[bytes, bytes]:
    """Octets and BODYSTRUCTURE of the last letter, once it has come."""
    deadline = time.monotonic() + 30
    with imap(server) as client:
        client.select()
        while server.run_json("queue", "list"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        _, [count] = client.select()
        assert count
        _, body = client.fetch(count.decode(), "(BODY.PEEK[])")
        _, structure = client.fetch(count.decode(), "(ENVELOPE BODYSTRUCTURE)")
    part = body[0]
    assert isinstance(part, tuple)
    answer = b"".join(x if isinstance(x, bytes) else x[1] for x in structure if x)
    return bytes(part[1]), answer


def test_ten_megabytes_of_nothing(server: Server) -> None:
    """NULs as a letter: taken as they are or refused, in one reply."""
    octets = b"Subject: nothing\r\n\r\n" + bytes(10 * MIB) + b"\r\n"
    with bounded(server):
        reply = deliver(server, octets)
        if reply[:3] == b"250":
            assert newest(server)[0].endswith(octets)
        else:
            assert reply[:3] in (b"500", b"552", b"554")


@pytest.mark.parametrize("protocol", CLEAR_DOORS)
def test_ten_megabytes_of_nothing_as_commands(server: Server, protocol: str) -> None:
    """NULs where a command should be: an error, or the end."""
    with bounded(server), Raw(server, protocol) as client:
        client.hear(rb"\r\n")
        client.send(bytes(MIB), 10)
        client.send(b"\r\n")
        client.hear(rb"(?m)^(5\d\d |4\d\d |\* BAD|\* BYE|-ERR)")


@pytest.mark.parametrize("end", SMUGGLED_ENDS, ids=repr)
def test_only_crlf_dot_crlf_ends_a_letter(server: Server, end: bytes) -> None:
    """RFC 5321 §4.1.1.4; what follows a false end is never read as commands."""
    token = f"smuggled-{time.monotonic_ns()}"
    second = f"Subject: {token}\r\n\r\nx\r\n".encode()
    with transaction(server) as client:
        client.send(
            b"Subject: carrier\r\n\r\nbody"
            + end
            + b"MAIL FROM:<forged@example.test>\r\nRCPT TO:<%s>\r\nDATA\r\n"
            % KIM.encode()
            + second
            + b".\r\n"
        )
        first = client.hear(REPLY)
        assert first[:3] in (b"250", b"500", b"550", b"554", b"501")
        client.send(b"NOOP\r\nQUIT\r\n")
        assert re.findall(rb"(?m)^\d\d\d", client.rest()) == [b"250", b"221"]
    with imap(server) as box:
        for _ in range(3 if first[:3] == b"250" else 1):
            box.select()
            assert box.search(None, "SUBJECT", token) == ("OK", [b""])
            time.sleep(0.05)


def test_ten_thousand_recipients(server: Server) -> None:
    """RFC 5321 §4.5.3.1.10: as many as we take, and 452 for each one beyond."""
    with bounded(server), Raw(server, "smtp") as client:
        client.hear(REPLY)
        client.ask(b"EHLO bad", REPLY)
        client.ask(b"MAIL FROM:<bad@example.test>", REPLY)
        client.send(
            b"".join(b"RCPT TO:<kim+%d@example.test>\r\n" % n for n in range(10_000))
        )
        replies = [client.hear(REPLY)[:3] for _ in range(10_000)]
        assert replies[:1000] == [b"250"] * 1000
        assert set(replies[1000:]) == {b"452"}
        assert client.ask(b"DATA", REPLY)[:3] == b"354"
        assert client.ask(b"Subject: many\r\n\r\nhello\r\n.", REPLY)[:3] == b"250"


@pytest.mark.parametrize("announced", [120 * MIB, 4096 * MIB], ids=["120M", "4G"])
def test_a_chunk_beyond_the_limit(server: Server, announced: int) -> None:
    """BDAT's octets come whatever we say (RFC 3030 §2): they are thrown away."""
    with bounded(server), Raw(server, "smtp") as client:
        client.hear(REPLY)
        client.ask(b"EHLO bad", REPLY)
        client.ask(b"MAIL FROM:<bad@example.test>", REPLY)
        client.ask(b"RCPT TO:<%s>" % KIM.encode(), REPLY)
        client.send(b"BDAT %d LAST\r\n" % announced)
        client.send(BLOCK, 120)
        if announced == 120 * MIB:
            assert client.hear(REPLY)[:3] == b"552"
            assert client.ask(b"NOOP", REPLY)[:3] == b"250"


# -- every door, before login


@pytest.mark.parametrize("protocol", CLEAR_DOORS)
def test_a_command_line_without_end(server: Server, protocol: str) -> None:
    """64 MiB without a line end: an error, once, and nothing is kept of it."""
    with bounded(server), Raw(server, protocol) as client:
        client.hear(rb"\r\n")
        client.send(b"a NOOP " + BLOCK)
        client.send(BLOCK, 63)
        client.send(b"\r\n")
        heard = client.hear(rb"(?m)^(5\d\d |4\d\d |\* BAD|\* BYE|a BAD|-ERR).*\r\n")
        assert len(heard) < 1000


@pytest.mark.parametrize("protocol", CLEAR_DOORS)
def test_many_wrong_commands(server: Server, protocol: str) -> None:
    """A client that only errs is sent away."""
    with bounded(server), Raw(server, protocol) as client:
        client.hear(rb"\r\n")
        client.send(b"a GET / HTTP/1.1\r\n" * 500)
        heard = client.rest(60)
        assert len(re.findall(rb"(?m)^(?:[45]\d\d|a BAD|\* BAD|-ERR)", heard)) <= 100


@pytest.mark.parametrize("protocol", ["submission", "imap", "pop3"])
def test_garbage_instead_of_tls(server: Server, protocol: str) -> None:
    """An implicit TLS port hangs up on what is no handshake."""
    with bounded(server), Raw(server, protocol, "implicit") as client:
        client.send(b"EHLO clear\r\n" * 1000)
        client.rest()


@pytest.mark.parametrize("protocol", ["smtp", "submission", "imap", "pop3"])
def test_commands_before_the_handshake_are_not_obeyed(
    server: Server, protocol: str
) -> None:
    """CVE-2011-0411: octets sent in clear behind STARTTLS are thrown away."""
    with Raw(server, protocol) as client:
        client.hear(rb"\r\n")
        if protocol in ("smtp", "submission"):
            client.ask(b"EHLO bad", REPLY)
        word = {"imap": b"a STARTTLS", "pop3": b"STLS"}.get(protocol, b"STARTTLS")
        injected = b"a NOOP injected" if protocol == "imap" else b"NOOP injected"
        client.send(word + b"\r\n" + injected + b"\r\n")
        heard = client.rest()
        assert heard.count(b"\r\n") <= 2  # the answer to STARTTLS, perhaps a goodbye


def test_base64_without_end(server: Server) -> None:
    """RFC 4954 §4: an answer in AUTH may have 12,288 octets."""
    for protocol, word in (("submission", b"AUTH PLAIN"), ("pop3", b"AUTH PLAIN")):
        with bounded(server), Raw(server, protocol) as client:
            client.hear(rb"\r\n")
            if protocol == "submission":
                client.ask(b"EHLO bad", REPLY)
            client.send(word + b"\r\n")
            client.hear(rb"(?m)^(334|\+) ")
            client.send(base64.b64encode(BLOCK), 16)
            client.send(b"\r\n")
            client.hear(rb"(?m)^(5\d\d |-ERR).*\r\n")


# -- IMAP


@pytest.mark.parametrize(
    "size", [b"4294967296", b"4294967295", b"9" * 40, b"100000000"]
)
@pytest.mark.parametrize("command", [b"LOGIN ", b"AUTHENTICATE ", b"X"])
def test_literal_of_4_gib_before_login(
    server: Server, size: bytes, command: bytes
) -> None:
    """It is never asked for: no continuation, an error."""
    with bounded(server), Raw(server, "imap") as client:
        client.hear(rb"\r\n")
        client.send(b"a " + command + b"{" + size + b"}\r\n")
        heard = client.hear(rb"(?m)^(a (BAD|NO)|\* (BAD|BYE)).*\r\n")
        assert b"\r\n+" not in b"\r\n" + heard


@pytest.mark.parametrize("announced", [64 * MIB, 4096 * MIB], ids=["64M", "4G"])
def test_literal_without_asking(server: Server, announced: int) -> None:
    """LITERAL+ octets come whatever we say (RFC 7888 §4): they are thrown away."""
    with bounded(server), Raw(server, "imap") as client:
        client.hear(rb"\r\n")
        client.send(b"a LOGIN {%d+}\r\n" % announced)
        client.send(BLOCK, 64)
        if announced == 64 * MIB:
            client.send(b" secret\r\n")
            assert b"a BAD" in client.hear(rb"\r\n")


def test_append_of_4_gib(server: Server) -> None:
    """After login too: refused as too big before an octet of it is sent."""
    with bounded(server), imap(server) as client:
        tag = client._new_tag()
        client.send(tag + b" APPEND INBOX {4294967296}\r\n")
        answer = client.readline()
        assert answer.startswith(tag + b" NO"), answer
        assert b"TOOBIG" in answer or b"LIMIT" in answer
        assert client.noop()[0] == "OK"


def test_many_literals_in_one_command(server: Server) -> None:
    """CVE-2024-34055: what a command may hold in all is limited, not each literal."""
    with bounded(server), Raw(server, "imap") as client:
        log_in = base64.b64encode(f"\0{KIM}\0{PASSWORD}".encode())
        client.hear(rb"\r\n")
        client.ask(b"a AUTHENTICATE PLAIN " + log_in, rb"a OK.*\r\n")
        client.send(b"b SEARCH ")
        client.send(b"SUBJECT {4096+}\r\n" + b"s" * 4096 + b" ", 20_000)
        client.send(b"ALL\r\n")
        client.hear(rb"(?m)^(b BAD|\* BYE).*\r\n")


@pytest.mark.parametrize(
    "command",
    [
        b"SEARCH " + b"(" * 30_000,
        b"SEARCH " + b"NOT " * 15_000 + b"ALL",
        b"SEARCH " + b"OR " * 15_000 + b"ALL ALL",
        b"FETCH 1 " + b"(" * 60_000,
        b"FETCH " + b"1," * 30_000 + b"1 UID",
        b"FETCH 1 BODY[" + b"1." * 30_000 + b"1]",
        b"STORE 1 FLAGS (" + b"\\Seen " * 9_000 + b")",
        b'LIST "" "' + b"%*" * 30_000 + b'"',
        b"CREATE " + b"a/" * 30_000 + b"b",
    ],
    ids=lambda command: command[:12].decode(),
)
def test_deep_and_long_commands(server: Server, command: bytes) -> None:
    """60 KB of nesting or lists in one command: answered soon, in bounded memory."""
    with bounded(server), imap(server) as client:
        client.select()
        tag = client._new_tag()
        began = time.monotonic()
        client.send(tag + b" " + command + b"\r\n")
        while not (answer := client.readline()).startswith((tag, b"* BAD", b"* BYE")):
            assert answer, "hung up without a word"
        assert time.monotonic() - began < 10
