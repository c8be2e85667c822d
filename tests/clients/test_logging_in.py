"""curl logs in by a token and by its certificate, at all three doors."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from tests.roads.test_signing_in import certificate
from tests.running import DOMAIN, HOST, Server

if TYPE_CHECKING:
    from tests.clients.conftest import Programs

KIM = f"kim@{DOMAIN}"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
COMMANDS = {"imap": "NOOP", "pop3": "UIDL", "submission": "NOOP"}


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server that believes an issuer of tokens, and one client certificate."""
    folder = tmp_path_factory.mktemp("trusting")
    (folder / "keys.json").write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))
    made = certificate(folder, "kim").read_bytes()  # and its key
    (folder / "ca.pem").write_bytes(made[: made.index(b"-----BEGIN PRIVATE")])
    oauth = f"""
        [auth.oauth]
        issuer = "https://id.example.test"
        audience = ["mail", "calendar"]
        keys = "{folder}/keys.json"
    """
    with Server(workers=1, tls=f'client_ca = "{folder}/ca.pem"', extra=oauth) as server:
        server.run("account", "certificate", "add", KIM, str(folder / "kim.pem"))
        yield server, folder


def ask(server: Server, programs: Programs, door: str, *words: str) -> str:
    scheme = {"submission": "smtps"}.get(door, f"{door}s")
    return programs.run(
        *("curl", "--silent", "--show-error", "--cacert", str(server.certificate)),
        f"{scheme}://{HOST}:{server.port(door, 'implicit')}/",
        *("--request", COMMANDS[door], *words),
    )


@pytest.mark.parametrize("door", list(COMMANDS))
@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_token(
    trusting: tuple[Server, Path], programs: Programs, door: str, mechanism: str
) -> None:
    """RFC 7628, and what was there before it."""
    claims = {
        "iss": "https://id.example.test",
        "aud": "mail",
        "exp": int(time.time()) + 60,
        "email": KIM,
    }
    token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, KEY)
    ask(
        trusting[0], programs, door, "--user", f"{KIM}:", "--oauth2-bearer", token,
        "--login-options", f"AUTH={mechanism}",
    )  # fmt: skip


@pytest.mark.parametrize("door", list(COMMANDS))
def test_a_certificate(
    trusting: tuple[Server, Path], programs: Programs, door: str
) -> None:
    """EXTERNAL (RFC 4422 appendix A)."""
    server, folder = trusting
    ask(
        server, programs, door, "--cert", str(folder / "kim.pem"),
        "--user", f"{KIM}:", "--login-options", "AUTH=EXTERNAL",
    )  # fmt: skip
