"""OpenDKIM and Rspamd verify what we sign and seal, and we what they do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING, Any

import dkim as third
import pytest
from cryptography.hazmat.primitives import serialization
from tests.clients.letters import BODIES, SENDER, letter, new_token
from tests.clients.relaying import submit
from tests.running import Ports
from tests.unit.mta_trust import test_trust_arc as arc
from tests.unit.mta_trust import test_trust_dkim as dkim
from tests.unit.serve.fake_dns import FakeDns

from pyeonji.mta.trust.arc_seal import arc_set
from pyeonji.mta.trust.canonical import body_hash
from pyeonji.mta.trust.dkim_sign import BODY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.clients.postfix import Postfix
    from tests.running import Server

LETTERS = {
    "plain": dkim.LETTER,
    "without a body": dkim.LETTER.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
    "empty lines": dkim.LETTER + b" \t\r\n" * 20,
    "folded": dkim.LETTER.replace(b"To: ", b"To:\r\n \t\r\n  ").replace(
        b"Subject: ", b"sUbJeCt:\t"
    ),
    "long": dkim.LETTER + "편지  \t 편지\r\n".encode() * 30_000,
}
CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda letter: letter,
    "a line": lambda letter: letter + b"x\r\n",
    "the author": lambda letter: letter.replace(b"From: ", b"From: x", 1),
    "a second subject": lambda letter: letter.replace(
        b"\r\nFrom: ", b"\r\nSubject: x\r\nFrom: ", 1
    ),
    "a trace field": lambda letter: b"Received: from a by b; now\r\n" + letter,
}
HARMLESS = {"nothing", "a trace field"}
READY_S = 30.0
SET = ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results")


def program(name: str) -> str:
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert path, f"{name} is not installed (tests/clients/packages.txt)"
    return path


@pytest.fixture(scope="module")
def opendkim(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], str]:
    folder = tmp_path_factory.mktemp("opendkim")
    lines = [f"{name} {record}\n" for name, record in dkim.records().items()]
    (folder / "public").write_text("".join(lines))
    settings = folder / "conf"
    settings.write_text(
        f"Mode v\nTestPublicKeys {folder}/public\nSocket inet:9\nBackground no\n"
    )

    def verify(letter: bytes) -> str:
        """What it says of the first signature."""
        file = folder / "letter.eml"
        file.write_bytes(letter)
        words = [program("opendkim"), "-x", str(settings), "-t", str(file), "-v"]
        done = subprocess.run(
            words, check=False, capture_output=True, text=True, timeout=30
        )
        said = done.stdout + done.stderr
        (line,) = [line for line in said.splitlines() if "verification" in line]
        return line

    return verify


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize("kind", dkim.KEYS)
def test_opendkim_verifies_what_we_sign(
    opendkim: Callable[[bytes], str], kind: str, name: str
) -> None:
    assert opendkim(dkim.signed(LETTERS[name], kind)).endswith("succeeded")


@pytest.mark.parametrize("change", CHANGES)
def test_opendkim_sees_changes_as_we_do(
    opendkim: Callable[[bytes], str], change: str
) -> None:
    letter = CHANGES[change](dkim.signed(dkim.LETTER))
    (ours,) = dkim.verified(letter)
    assert (ours.result == "pass") == (change in HARMLESS)
    assert opendkim(letter).endswith("succeeded") == (change in HARMLESS)


SETTINGS = """
options {{
  pidfile = "{folder}/pid"; rundir = "{folder}"; tempdir = "{folder}"; filters = "dkim";
  dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 2s; retransmits = 2; }}
}}
logging {{ type = "console"; level = "error"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
dkim {{ }}
dkim_signing {{ {signing} }}
arc {{ {signing} }}
modules {{ path = "/usr/share/rspamd/plugins"; }}
lua = "/usr/share/rspamd/rules/rspamd.lua";
"""


SIGNING = """
sign_authenticated = true; allow_username_mismatch = true; try_fallback = false;
use_domain = "header"; use_esld = false;
domain {{ "pyeonji.example" {{ path = "{folder}/key.pem"; selector = "r1"; }} }}
"""
"""It signs for whoever is said to have logged in."""


def quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


class Rspamd:
    """Asked over HTTP; what it finds of signatures and seals."""

    def __init__(self, folder: Path, dns: FakeDns) -> None:
        ports = Ports()
        self.port = ports.take()
        ports.close()
        settings = folder / "rspamd.conf"
        settings.write_text(
            SETTINGS.format(
                folder=folder,
                dns=dns.port,
                port=self.port,
                signing=SIGNING.format(folder=folder),
            )
        )
        (folder / "key.pem").write_bytes(
            dkim.rsa_key().private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        words = [program("rspamd"), "-f", "-c", str(settings)]
        if os.geteuid() == 0:
            words.append("--insecure")  # it need not become another user here
        self.running = subprocess.Popen(words)

    def ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                self._ask("ping", None).close()
            except OSError:
                assert time.monotonic() < deadline
                assert self.running.poll() is None
                time.sleep(0.2)
            else:
                return

    def _ask(self, path: str, octets: bytes | None, user: str = "") -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", octets)
        if user:
            request.add_header("User", user)
            request.add_header("From", user)
        return urllib.request.urlopen(request, timeout=20)

    def signs(self, letter: bytes) -> tuple[bytes, bytes]:
        """Its DKIM signature and its ARC set for a letter of somebody of its own."""
        with self._ask("checkv2", letter, "kim@pyeonji.example") as answer:
            found = json.load(answer)
        added = found["milter"]["add_headers"]
        fields = {name: added[name]["value"] for name in SET}
        fields["DKIM-Signature"] = found["dkim-signature"]
        lines = {
            name: f"{name}: {value}".replace("\r\n", "\n").replace("\n", "\r\n")
            for name, value in fields.items()
        }
        return (
            lines["DKIM-Signature"].encode() + b"\r\n",
            b"".join(lines[name].encode() + b"\r\n" for name in SET),
        )

    def symbols(self, letter: bytes) -> set[str]:
        with self._ask("checkv2", letter) as answer:
            found = json.load(answer)["symbols"]
        return {name for name in found if name.startswith(("R_DKIM", "ARC"))}


@pytest.fixture(scope="module")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    records = {**dkim.records(), **arc.RECORDS}
    zone = {(name, "TXT"): [quoted(text)] for name, text in records.items()}
    with FakeDns(zone) as dns:
        server = Rspamd(tmp_path_factory.mktemp("rspamd"), dns)
        try:
            server.ready()
            yield server
        finally:
            server.running.terminate()
            server.running.wait(20)


def test_rspamd_takes_a_last_line_without_an_end(rspamd: Rspamd) -> None:
    assert "R_DKIM_ALLOW" in rspamd.symbols(dkim.signed(dkim.LETTER + b"end"))


@pytest.mark.parametrize("name", LETTERS)
@pytest.mark.parametrize("kind", dkim.KEYS)
def test_rspamd_verifies_what_we_sign(rspamd: Rspamd, kind: str, name: str) -> None:
    assert "R_DKIM_ALLOW" in rspamd.symbols(dkim.signed(LETTERS[name], kind))


@pytest.mark.parametrize("change", CHANGES)
def test_rspamd_sees_changes_as_we_do(rspamd: Rspamd, change: str) -> None:
    found = rspamd.symbols(CHANGES[change](dkim.signed(dkim.LETTER)))
    expected = "R_DKIM_ALLOW" if change in HARMLESS else "R_DKIM_REJECT"
    assert expected in found


def test_rspamd_follows_our_chain(rspamd: Rspamd) -> None:
    """RSA and Ed25519 in turn; a change after the last seal is seen."""
    letter = arc.LETTER
    for hop in range(5):
        letter = arc.pass_on(letter, (arc.KEY, arc.OTHER)[hop % 2])
        assert "ARC_ALLOW" in rspamd.symbols(letter)
        assert "ARC_REJECT" in rspamd.symbols(letter + b"x\r\n")
    changed = letter.replace(b"dkim=pass", b"dkim=fail", 1)
    assert "ARC_REJECT" in rspamd.symbols(changed)


@pytest.mark.parametrize("name", LETTERS)
def test_we_verify_what_rspamd_signs_and_seals(rspamd: Rspamd, name: str) -> None:
    """Then we seal it, and it verifies the chain of both."""
    letter = LETTERS[name]
    signature, fields = rspamd.signs(letter)
    (verdict,) = dkim.verified(signature + letter, now=time.time())
    assert (verdict.result, verdict.reason) == ("pass", "")
    records = {**dkim.records(), **arc.RECORDS}
    sealed = fields + letter
    chain = arc.validated(sealed, records)
    assert (chain.state, chain.reason) == ("pass", "")
    assert arc.validated(sealed + b"x\r\n", records).state == "fail"
    header, body = arc.parts(sealed)
    digest = body_hash(body, BODY.form)
    ours = arc_set(header, digest, chain, b"b.example; arc=pass", arc.KEY, 1)
    assert "ARC_ALLOW" in rspamd.symbols(ours + sealed)


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("domain", ["all.test", "seven.test"])
def test_a_signature_survives_postfix(
    postfix: Postfix, house: Server, domain: str, name: str
) -> None:
    """Whatever the body, and where Postfix takes seven bits only."""
    to, token = f"ahn@{domain}", new_token()
    submit(house, to, letter(name, token, sender=SENDER, to=to))
    got = postfix.arrived(to, token)
    keys = house.run_json("dkim", "list")
    texts = {key["name"]: key["record"] for key in keys}
    start = got.index(b"DKIM-Signature:")
    found = dkim.verified(got[start:], texts, now=time.time())
    assert [(one.result, one.reason) for one in found] == [("pass", "")] * 2
    assert third.verify(got[start:], dnsfunc=lambda name, **_: answer(texts, name))


def answer(texts: dict[str, str], name: bytes) -> bytes:
    return texts[name.decode().rstrip(".")].encode()
