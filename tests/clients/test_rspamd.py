"""Rspamd judges letters, asked over HTTP and as a milter; it needs no Internet."""

from __future__ import annotations

import os
import shutil
import smtplib
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import LEE, found, new_token
from tests.running import HOST, Ports, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTINGS = """
options {{
  pidfile = "{folder}/pid"; rundir = "{folder}"; tempdir = "{folder}"; filters = "";
  enable_test_patterns = true; gtube_patterns = "all";
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; }}
actions {{ reject = 15; "add header" = 6; greylist = 4; }}
worker "normal" {{ bind_socket = "127.0.0.1:{normal}"; count = 1; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{proxy}"; milter = yes; timeout = 10s; count = 1;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""
GTUBE = "JS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
PATTERNS = {"reject": "X" + GTUBE, "add header": "Y" + GTUBE, "no action": "hello"}
KIM = "kim@example.test"
READY_S = 30.0


@pytest.fixture(scope="module")
def rspamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """The ports of its worker and of its milter."""
    program = shutil.which("rspamd")
    assert program, "rspamd is not installed (tests/clients/packages.txt)"
    folder = tmp_path_factory.mktemp("rspamd")
    ports = Ports()
    normal, proxy = ports.take(), ports.take()
    ports.close()
    settings = folder / "rspamd.conf"
    settings.write_text(SETTINGS.format(folder=folder, normal=normal, proxy=proxy))
    words = [program, "-f", "-c", str(settings)]
    if os.geteuid() == 0:
        words.append("--insecure")  # it need not become another user here
    running = subprocess.Popen(words)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{normal}/ping", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < deadline
                assert running.poll() is None
                time.sleep(0.2)
        yield normal, proxy
    finally:
        running.terminate()
        running.wait(20)


@pytest.fixture(scope="module", params=["http", "milter"])
def judged(
    request: pytest.FixtureRequest, rspamd: tuple[int, int]
) -> Iterator[tuple[Server, str]]:
    """A server of ours that asks it."""
    normal, proxy = rspamd
    extra = {
        "http": f'[rspamd]\nurl = "http://127.0.0.1:{normal}"',
        "milter": f'[[milter]]\naddress = "inet:127.0.0.1:{proxy}"',
    }[request.param]
    with Server(extra=extra) as server:
        yield server, request.param


def bring(server: Server, token: str, pattern: str) -> None:
    octets = (
        f"From: x@there.example\r\nTo: {KIM}\r\nSubject: {token}\r\n\r\n{pattern}\r\n"
    )
    with smtplib.SMTP(HOST, server.port("smtp")) as client:
        client.sendmail("x@there.example", [LEE], octets.encode())


def test_what_it_finds_good_comes(judged: tuple[Server, str]) -> None:
    server, _ = judged
    token = new_token()
    bring(server, token, PATTERNS["no action"])
    assert found(server, token)


def test_what_it_rejects_is_refused(judged: tuple[Server, str]) -> None:
    server, _ = judged
    with pytest.raises(smtplib.SMTPDataError) as refused:
        bring(server, new_token(), PATTERNS["reject"])
    assert refused.value.smtp_code in {550, 554}
    assert b"Gtube pattern" in refused.value.smtp_error


def test_what_smells_is_marked_or_junk(judged: tuple[Server, str]) -> None:
    """By HTTP its word is ours to obey; as a milter it marks the letter itself."""
    server, way = judged
    token = new_token()
    bring(server, token, PATTERNS["add header"])
    if way == "milter":
        (letter,) = found(server, token)
        assert b"\r\nX-Spam: Yes\r\n" in letter
        return
    (letter,) = found(server, token, mailbox="Junk")
    server.wait_until_queue_is_empty()
    event = server.run_json("trace", LEE)
    told = [each for each in event if "rspamd" in each]
    assert told[-1]["rspamd"] == "add header, 6.00 of 15.00"
    assert told[-1]["policy"] == "quarantine: add header, score 6.00 (rspamd)"
