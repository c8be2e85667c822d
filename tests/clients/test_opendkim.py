"""OpenDKIM's milter signs our users' letters and looks at strangers' ones."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.clients.letters import LEE, SENDER, arrived, new_token, password_of
from tests.running import HOST, Ports, Server
from tests.unit.mta_trust.test_trust_dkim import verified

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETTINGS = """
Mode sv
Domain example.test
Selector test
KeyFile {folder}/key.pem
TestPublicKeys {folder}/public
InternalHosts {folder}/internal
Socket inet:{port}@127.0.0.1
Canonicalization relaxed/simple
AuthservID mail.example.test
AlwaysAddARHeader yes
Background no
PidFile {folder}/pid
RequireSafeKeys no
"""
KIM = "kim@example.test"


def public_record(folder: Path) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return b"v=DKIM1; k=rsa; p=" + b64encode(public)


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, bytes]]:
    """A server whose milter is OpenDKIM, and the key that it signs with."""
    program = shutil.which("opendkim", path="/usr/sbin:/usr/bin")
    assert program, "opendkim is not installed (tests/clients/packages.txt)"
    folder = tmp_path_factory.mktemp("opendkim")
    record = public_record(folder)
    ports = Ports()
    port = ports.take()
    ports.close()
    name = "test._domainkey.example.test"
    (folder / "public").write_bytes(name.encode() + b" " + record + b"\n")
    (folder / "internal").write_text("192.0.2.0/24\n")  # who logged in is as good
    settings = folder / "opendkim.conf"
    settings.write_text(SETTINGS.format(folder=folder, port=port))
    running = subprocess.Popen([program, "-f", "-x", settings])
    try:
        extra = f"""
[[milter]]
address = "inet:127.0.0.1:{port}"
"""
        with Server(extra=extra) as server:
            words = ("account", "add", SENDER, "--password-stdin")
            server.run(*words, stdin=password_of(SENDER))
            assert running.poll() is None
            yield server, record
    finally:
        running.terminate()
        running.wait(10)


def submit(server: Server, octets: bytes) -> None:
    port = server.port("submission", "implicit")
    with smtplib.SMTP_SSL(HOST, port, context=server.tls_context()) as client:
        client.login(SENDER, password_of(SENDER))
        client.sendmail(SENDER, [LEE], octets)


def letter(token: str, lines: int = 3) -> bytes:
    body = b"".join(b"line %d of the letter\r\n" % number for number in range(lines))
    head = f"From: {SENDER}\r\nTo: {LEE}\r\nSubject: {token}\r\nX-Token: {token}\r\n"
    return head.encode() + b"\r\n" + body


@pytest.mark.parametrize("lines", [3, 20_000])
def test_what_it_signs_another_verifies(
    signing: tuple[Server, bytes], lines: int
) -> None:
    """dkimpy and we do; a large letter is streamed to the milter."""
    server, record = signing
    token = new_token()
    submit(server, letter(token, lines))
    got = arrived(server, token, user=LEE)
    assert b"DKIM-Signature:" in got
    at = got.index(b"Received:")
    assert dkim.verify(got[at:], dnsfunc=lambda *_, **__: record)
    assert not dkim.verify(got[at:] + b"more\r\n", dnsfunc=lambda *_, **__: record)
    texts = {"test._domainkey.example.test": record.decode()}
    assert [one.result for one in verified(got[at:], texts, now=time.time())] == [
        "pass"
    ]
    (changed,) = verified(got[at:] + b"more\r\n", texts, now=time.time())
    assert changed.reason == "the body was changed"


@pytest.mark.parametrize(
    ("more", "result"), [(b"", b"dkim=pass"), (b"x\r\n", b"dkim=fail")]
)
def test_it_verifies_what_strangers_bring(
    signing: tuple[Server, bytes], more: bytes, result: bytes
) -> None:
    server, _ = signing
    token = new_token()
    submit(server, letter(token))
    got = arrived(server, token, user=LEE)
    signed = got[got.index(b"DKIM-Signature:") :]
    with smtplib.SMTP(HOST, server.port("smtp")) as client:
        client.sendmail("x@there.example", [KIM], signed + more)
    brought = arrived(server, token, user=KIM)
    ours = brought[: brought.index(b"DKIM-Signature:")]
    assert result in ours[ours.index(b"Authentication-Results:") :]
