"""Every way to prove who one is, at the three doors of a running server."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import json
import re
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.running import DOMAIN, HOST, PASSWORD, Server

from pyeonji.mua.agent.conversation import Conversation
from pyeonji.mua.agent.imap import ImapSession
from pyeonji.mua.agent.pop3 import Pop3Session
from pyeonji.mua.agent.profiles import Server as MailServer
from pyeonji.mua.agent.sending import Submission
from pyeonji.net.tls import end_point
from pyeonji.protocol.sasl import client
from pyeonji.protocol.sasl.scram import ChannelBinding

KIM = f"kim@{DOMAIN}"
KEY = ECKey.generate_key("P-256", {"kid": "one"})
DOORS = ("imap", "pop3", "submission")


def certificate(folder: Path, name: str, *mail: str) -> Path:
    """A self-signed certificate and its key in one file."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
    )
    if mail:
        names = x509.SubjectAlternativeName([x509.RFC822Name(each) for each in mail])
        builder = builder.add_extension(names, critical=False)
    file = folder / f"{name}.pem"
    file.write_bytes(
        builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        + private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


class House:
    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("signing-in")
    (folder / "keys.json").write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    named = certificate(folder, "named", KIM)
    bound = certificate(folder, "bound")
    stranger = certificate(folder, "stranger", f"nobody@{DOMAIN}")
    trusted = b"".join(each.read_bytes() for each in (named, bound, stranger))
    (folder / "ca.pem").write_bytes(
        b"".join(
            re.findall(
                rb"-----BEGIN CERTIFICATE-.*?-END CERTIFICATE-----\n",
                trusted,
                re.DOTALL,
            )
        )
    )
    oauth = f"""
        [auth.oauth]
        issuer = "https://id.example.test"
        audience = "mail"
        keys = "{folder}/keys.json"
        discovery = "https://id.example.test/.well-known/openid-configuration"
    """
    with Server(
        workers=1,
        channel_binding=True,
        tls=f'client_ca = "{folder}/ca.pem"',
        extra=oauth,
    ) as server:
        server.run("account", "certificate", "add", KIM, str(bound))
        yield House(server, folder)


class Talk:
    """One connection to a door in TLS; the three protocols made alike."""

    def __init__(
        self, house: House, door: str, *, version: str = "1.3", show: str = ""
    ) -> None:
        self.door = door
        context = house.server.tls_context()
        if version == "1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if show:
            context.load_cert_chain(house.folder / f"{show}.pem")
        plain = socket.create_connection(
            (HOST, house.server.port(door, "implicit")), timeout=20
        )
        self.tls = context.wrap_socket(plain, server_hostname="localhost")
        self.file = self.tls.makefile("rb")
        greeting = self.file.readline()
        self.offered = set(self._offered(greeting))

    def _offered(self, greeting: bytes) -> list[str]:
        if self.door == "imap":
            return re.findall(r"AUTH=([\w-]+)", greeting.decode())
        self.tls.sendall(b"CAPA\r\n" if self.door == "pop3" else b"EHLO x.test\r\n")
        word = b"SASL " if self.door == "pop3" else b"AUTH "
        found: list[str] = []
        while True:
            line = self.file.readline()
            if word in line:
                found = line.split(word)[1].decode().split()
            if line[:4] == b"250 " or line == b".\r\n":
                return found

    def auth(self, exchange: client.Exchange) -> bool:
        """Whether the server says yes, and the client believes it."""
        verb = {"imap": "a AUTHENTICATE", "pop3": "AUTH", "submission": "AUTH"}
        line = f"{verb[self.door]} {exchange.mechanism}"
        if self.door != "pop3" and exchange.initial is not None:
            line += " " + (base64.b64encode(exchange.initial).decode() or "=")
        self.tls.sendall(line.encode() + b"\r\n")
        waiting = self.door == "pop3" and exchange.initial is not None
        while True:
            heard = self.file.readline()
            if not heard.startswith((b"+ ", b"334 ")):
                break
            challenge = base64.b64decode(heard.split(b" ", 1)[1])
            if waiting:
                waiting = False
                answer = exchange.initial or b""
            else:
                answer = exchange.respond(challenge)
            self.tls.sendall(base64.b64encode(answer) + b"\r\n")
        yes = heard.startswith((b"a OK", b"+OK", b"235 "))
        return yes and exchange.complete

    def binding(self, house: House, name: str) -> ChannelBinding:
        octets = (
            end_point(house.server.certificate.read_bytes())
            if name == "tls-server-end-point"
            else self.tls.get_channel_binding("tls-unique") or b""
        )
        return ChannelBinding(name=name, octets=octets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.tls.close()


def scram(mechanism: str, password: str = PASSWORD, **more: object) -> client.Exchange:
    return client.begin(mechanism, KIM, password, secrets.token_bytes(18), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("version", "binding"),
    [
        ("1.3", "tls-server-end-point"),
        ("1.2", "tls-server-end-point"),
        ("1.2", "tls-unique"),
    ],
)
def test_scram_plus(house: House, door: str, version: str, binding: str) -> None:
    """SCRAM bound to the TLS connection (RFC 5802 §6, RFC 5929)."""
    for mechanism in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
        with Talk(house, door, version=version) as talk:
            assert mechanism in talk.offered
            bound = talk.binding(house, binding)
            assert talk.auth(scram(mechanism, binding=bound))


def test_somebody_between_is_seen(house: House) -> None:
    """Another connection's binding, and a list without -PLUS (the "y" flag)."""
    with Talk(house, "imap") as talk:
        other = ChannelBinding(
            name="tls-server-end-point", octets=hashlib.sha256(b"other").digest()
        )
        assert not talk.auth(scram("SCRAM-SHA-256-PLUS", binding=other))
    with Talk(house, "imap") as talk:
        bound = talk.binding(house, "tls-server-end-point")
        assert not talk.auth(scram("SCRAM-SHA-256", binding=bound))
    with Talk(house, "imap") as talk:
        assert talk.auth(scram("SCRAM-SHA-256"))


@pytest.mark.parametrize("door", DOORS)
def test_external(house: House, door: str) -> None:
    """By an address in the certificate, or by its fingerprint (RFC 4422 app. A)."""
    for show, works in (("named", True), ("bound", True), ("stranger", False)):
        if not works and door != "imap":
            continue  # refusals are late, and the same at all doors
        with Talk(house, door, show=show) as talk:
            assert "EXTERNAL" in talk.offered
            assert talk.auth(client.external()) is works
    with Talk(house, door) as talk:
        assert "EXTERNAL" not in talk.offered


def token(**changed: object) -> str:
    claims = {
        "iss": "https://id.example.test",
        "aud": "mail",
        "exp": int(time.time()) + 60,
        "email": KIM,
    }
    return jwt.encode({"alg": "ES256", "kid": "one"}, claims | changed, KEY)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_tokens(house: House, door: str, mechanism: str) -> None:
    """RFC 7628: who has a token of the issuer's needs no password."""

    with Talk(house, door) as talk:
        assert mechanism in talk.offered
        assert talk.auth(client.bearer(mechanism, KIM, token()))
    if mechanism == "XOAUTH2" and door != "pop3":
        return
    with Talk(house, door) as talk:
        refused = client.bearer(mechanism, KIM, token(aud="calendar"))
        assert not talk.auth(refused)
        assert refused.refusal["status"] in ("invalid_token", "401")
    if door != "imap":
        return
    with Talk(house, door) as talk:
        assert not talk.auth(
            client.bearer(mechanism, KIM, token(email=f"lee@{DOMAIN}"))
        )


def test_relays_are_not_asked_for_certificates(house: House) -> None:
    """A relay's certificate from elsewhere must not end the call at port 25."""
    elsewhere = certificate(house.folder, "elsewhere")
    context = house.server.tls_context()
    context.load_cert_chain(elsewhere)
    with socket.create_connection((HOST, house.server.port("smtp"))) as plain:
        plain.recv(1000)
        plain.sendall(b"EHLO x.test\r\n")
        plain.recv(4000)
        plain.sendall(b"STARTTLS\r\n")
        plain.recv(1000)
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(b"EHLO x.test\r\n")
            assert tls.recv(4000).startswith(b"250-")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("by", ["token", "password"])
def test_our_client_binds_and_shows_tokens(
    house: House, door: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail client takes -PLUS where it can, and a token for a password."""
    session: dict[str, Any] = {
        "imap": ImapSession,
        "pop3": Pop3Session,
        "submission": Submission,
    }
    server = MailServer(
        host=HOST,
        port=house.server.port(door, "implicit"),
        tls="implicit",
        verify=False,
        token=by == "token",
    )
    secret = token() if by == "token" else PASSWORD
    begun: list[client.Exchange] = []
    choose = Conversation.choose

    def noted(*args: Any) -> client.Exchange | None:
        chosen = choose(*args)
        if chosen is not None:
            begun.append(chosen)
        return chosen

    monkeypatch.setattr(Conversation, "choose", noted)

    async def main() -> None:
        opened = await session[door].open(server, KIM, secret)
        await opened.close()
        await asyncio.sleep(0.2)  # TLS takes its leave

    asyncio.run(main())
    expected = "OAUTHBEARER" if by == "token" else "SCRAM-SHA-256-PLUS"
    assert [each.mechanism for each in begun] == [expected]
