"""ClamAV's milter finds a virus; the signature is ours, it needs no Internet."""

from __future__ import annotations

import shutil
import smtplib
import subprocess
import time
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import LEE, found, new_token
from tests.running import HOST, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EICAR = (
    b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!" + b"$H+H*"
)
READY_S = 20.0


def started(words: list[str], is_ready: Path) -> subprocess.Popen[bytes]:
    """A program that has made its socket."""
    program = shutil.which(words[0]) or shutil.which(words[0], path="/usr/sbin")
    assert program, f"{words[0]} is not installed (tests/clients/packages.txt)"
    running = subprocess.Popen([program, *words[1:]], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + READY_S
    while not is_ready.exists():
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.05)
    return running


@pytest.fixture(scope="module", params=["Reject", "Quarantine"])
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:
    """A server of ours behind clamav-milter, and what that does with a virus."""
    folder = tmp_path_factory.mktemp("clamav")
    signatures = folder / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text(f"Eicar-Test:0:0:{EICAR.hex()}\n")
    (folder / "clamd.conf").write_text(
        f"DatabaseDirectory {signatures}\nTemporaryDirectory {folder}\n"
        f"LocalSocket {folder}/clamd\nForeground yes\n"
    )
    (folder / "milter.conf").write_text(
        f"MilterSocket unix:{folder}/milter\nClamdSocket unix:{folder}/clamd\n"
        f"TemporaryDirectory {folder}\nForeground yes\nAddHeader Replace\n"
        f"OnInfected {request.param}\n"
        + ("RejectMsg found %v\n" if request.param == "Reject" else "")
    )
    programs: list[subprocess.Popen[bytes]] = []
    try:
        for words, socket in (
            (["clamd", "-c", f"{folder}/clamd.conf"], "clamd"),
            (["clamav-milter", "-c", f"{folder}/milter.conf"], "milter"),
        ):
            programs.append(started(words, folder / socket))
        extra = f'[[milter]]\naddress = "unix:{folder}/milter"\n'
        with Server(extra=extra) as server:
            yield server, request.param
    finally:
        for program in programs:
            program.kill()  # clamd takes its time to say goodbye
            program.wait(20)


def bring(server: Server, token: str, octets: bytes) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "x@there.example", LEE, token
    letter["X-Virus-Scanned"] = "by nobody"
    letter.set_content("see the attached file")
    letter.add_attachment(octets, "application", "octet-stream", filename="x.com")
    with smtplib.SMTP(HOST, server.port("smtp")) as client:
        client.send_message(letter)


def test_what_is_clean_comes_and_says_so(guarded: tuple[Server, str]) -> None:
    """The claim that it came with is replaced."""
    server, _ = guarded
    token = new_token()
    bring(server, token, b"nothing bad")
    (letter,) = found(server, token)
    assert b"\r\nX-Virus-Status: Clean\r\n" in letter
    assert b"by nobody" not in letter


def test_a_virus_is_refused_or_goes_to_junk(guarded: tuple[Server, str]) -> None:
    """It is hidden in base64."""
    server, action = guarded
    token = new_token()
    if action == "Reject":
        with pytest.raises(smtplib.SMTPDataError) as refused:
            bring(server, token, EICAR)
        assert refused.value.smtp_code == 550
        assert b"found Eicar-Test" in refused.value.smtp_error
        return
    bring(server, token, EICAR)
    assert found(server, token, mailbox="Junk")
    assert found(server, token, count=0) == []
