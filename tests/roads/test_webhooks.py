"""A web server is told what became of letters."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

from tests.patience import wait_until
from tests.running import HOST, Server

from pyeonji.mta.hooks.webhook import signature

if TYPE_CHECKING:
    from pathlib import Path

SECRET = b"0123456789abcdef secret"


class Listener(BaseHTTPRequestHandler):
    """Writes down what it is told; it does not understand the first time."""

    told: list[tuple[dict[str, str], bytes]]
    refused = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        if not kind.refused:
            kind.refused = 1
            self.send_response(503)
        else:
            kind.told.append((dict(self.headers), body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        pass


def test_signatures() -> None:
    expected = hmac.new(b"key", b"12.body", hashlib.sha256).hexdigest()
    assert signature(b"key", 12, b"body") == f"t=12,v1={expected}"


def test_what_became_of_letters_is_told(tmp_path: Path) -> None:
    Listener.told = []
    web = HTTPServer((HOST, 0), Listener)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    (tmp_path / "secret").write_bytes(SECRET + b"\n")
    extra = f'''
[[webhook]]
url = "http://{HOST}:{web.server_port}/hook"
secret_file = "{tmp_path}/secret"
events = ["accepted", "delivered"]
'''
    try:
        with Server(extra=extra) as server:
            with smtplib.SMTP(HOST, server.port("smtp")) as client:
                client.sendmail(
                    "x@there.example", ["kim@example.test"], b"A: b\r\n\r\n"
                )
            wait_until(lambda: len(Listener.told) >= 2)
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
    events = []
    for headers, body in Listener.told:
        second = headers["Pyeonji-Signature"].partition(",")[0].removeprefix("t=")
        assert abs(int(second) - time.time()) < 60
        assert headers["Pyeonji-Signature"] == signature(SECRET, int(second), body)
        events.append(json.loads(body))
    assert [each["event"] for each in events] == ["accepted", "delivered"]
    assert len({each["letter"] for each in events}) == 1
    assert all(each["from"] == "x@there.example" for each in events)
    assert all(each["to"] == ["kim@example.test"] for each in events)
    assert events[1]["facts"]["mailbox"] == "INBOX"
