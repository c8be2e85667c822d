"""`pyeonji mail verify`: the contract of docs/operating/trust.md."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from typer.testing import CliRunner

from pyeonji.serve.cli import app

LETTER = b"From: Lee <lee@one.test>\r\nTo: k@x.test\r\nSubject: hello\r\n\r\nHi\r\n"

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
PUBLIC = base64.b64encode(
    _KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()
DNS: dict[str, list[str] | None] = {
    "one.test TXT": ["v=spf1 include:spf.one.test -all"],
    "SPF.one.test. txt": ["v=spf1 ip4:192.0.2.7"],
    "_dmarc.one.test TXT": ["v=DMARC1; p=reject"],
    "k1._domainkey.one.test CNAME": ["keys.two.test."],
    "keys.two.test TXT": [f"v=DKIM1; k=rsa; p={PUBLIC}"],
}


def signed(letter: bytes = LETTER) -> bytes:
    field: bytes = dkim.sign(
        letter, b"k1", b"one.test", PRIVATE, include_headers=[b"from", b"subject"]
    )
    return field + letter


def verify(
    tmp_path: Path,
    letter: bytes,
    *words: str,
    data: dict[str, list[str] | None] = DNS,
) -> Any:
    file, zone = tmp_path / "letter.eml", tmp_path / "dns.json"
    file.write_bytes(letter)
    zone.write_text(json.dumps(data))
    done = CliRunner().invoke(
        app, ["mail", "verify", str(file), "--dns-json", str(zone), "--json", *words]
    )
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


CLIENT = ("--ip", "192.0.2.7", "--helo", "mx.one.test", "--mail-from", "lee@one.test")


def test_all_is_well(tmp_path: Path) -> None:
    told = verify(tmp_path, signed(), *CLIENT)
    assert told == {
        "dkim": [
            {
                "domain": "one.test",
                "selector": "k1",
                "algorithm": "rsa-sha256",
                "result": "pass",
                "reason": "",
            }
        ],
        "spf": {
            "result": "pass",
            "reason": "one.test: 192.0.2.7 matches include:spf.one.test",
            "identity": "mailfrom",
            "domain": "one.test",
            "mechanism": "include:spf.one.test",
            "explanation": "",
        },
        "dmarc": {
            "result": "pass",
            "reason": "one.test is vouched for by spf of one.test, dkim of one.test",
            "domain": "one.test",
            "policy": "reject",
            "disposition": "none",
            "policy_domain": "one.test",
            "organizational_domain": "one.test",
            "spf_aligned": True,
            "dkim_aligned": True,
        },
        "arc": {"result": "none", "reason": "", "sealers": []},
    }


def test_what_fails_says_why(tmp_path: Path) -> None:
    altered = signed().replace(b"\r\nHi", b"\r\nHo")
    told = verify(tmp_path, altered, *CLIENT[2:], "--ip", "192.0.2.8")
    assert told["spf"]["result"] == "fail"
    assert told["dkim"][0]["result"] == "fail"
    assert told["dkim"][0]["reason"] == "the body was changed"
    assert told["dmarc"]["result"] == "fail"
    assert told["dmarc"]["disposition"] == "reject"


def test_without_a_client(tmp_path: Path) -> None:
    """SPF is left out; DKIM alone decides."""
    told = verify(tmp_path, signed())
    assert told["spf"]["result"] == "none"
    assert "--ip" in told["spf"]["reason"]
    assert told["dmarc"]["result"] == "pass"
    assert verify(tmp_path, LETTER)["dkim"] == []


def test_a_file_with_line_feeds(tmp_path: Path) -> None:
    """As an editor or `cat` leaves it."""
    told = verify(tmp_path, signed().replace(b"\r\n", b"\n"))
    assert told["dkim"][0]["result"] == "pass"


def test_dns_that_does_not_answer(tmp_path: Path) -> None:
    data = {**DNS, "keys.two.test TXT": None, "one.test TXT": None}
    told = verify(tmp_path, signed(), *CLIENT, data=data)
    assert told["spf"]["result"] == "temperror"
    assert told["dkim"][0]["result"] == "temperror"
    assert told["dmarc"]["result"] == "temperror"


def test_for_people(tmp_path: Path) -> None:
    file, zone = tmp_path / "letter.eml", tmp_path / "dns.json"
    file.write_bytes(LETTER)
    zone.write_text(json.dumps(DNS))
    done = CliRunner().invoke(
        app, ["mail", "verify", str(file), "--dns-json", str(zone), *CLIENT]
    )
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["spf", "pass"],
        ["dkim", "none"],
        ["arc", "none"],
        ["dmarc", "pass"],
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nothing.eml"], 66),
        (["{letter}", "--dns-json", "nothing.json"], 66),
        (["{letter}", "--dns-json", "{letter}"], 65),
        (["{letter}", "--ip", "localhost"], 2),
    ],
)
def test_mistakes(tmp_path: Path, words: list[str], code: int) -> None:
    file = tmp_path / "letter.eml"
    file.write_bytes(LETTER)
    given = [word.format(letter=file) for word in words]
    assert CliRunner().invoke(app, ["mail", "verify", *given]).exit_code == code
