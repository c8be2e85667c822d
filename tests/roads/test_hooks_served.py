"""A Python hook in a real server, at delivery too; a bounce is told to a web server."""

from __future__ import annotations

import imaplib
import json
import smtplib
import threading
from http.server import HTTPServer
from pathlib import Path

from tests.patience import wait_until
from tests.roads.test_webhooks import SECRET, Listener
from tests.running import HOST, PASSWORD, Server

HOOK = """
from pyeonji.hooks import Accept, Deliver, Hook, Message, Quarantine, Reject


class Doorman(Hook):
    async def message(self, event: Message):
        return Accept(add=(("X-Client", event.client.address),))

    def deliver(self, event: Deliver):
        if b"Subject: nobody" in event.header:
            return Reject(text="lee does not read that")
        if event.recipient == "lee@example.test":
            return Quarantine(reason="lee wants all in Junk")
        return None
"""


def subjects(server: Server, user: str, mailbox: str) -> list[bytes]:
    with imaplib.IMAP4(HOST, server.port("imap")) as client:
        client.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
        client.select(mailbox, readonly=True)
        _, [numbers] = client.search(None, "ALL")
        found = []
        for number in numbers.split():
            _, [part, *_] = client.fetch(number.decode(), "(BODY[HEADER])")
            assert isinstance(part, tuple)
            found.append(part[1])
        return found


def test_a_hook_and_a_bounce(tmp_path: Path) -> None:
    Listener.told, Listener.refused = [], 1
    web = HTTPServer((HOST, 0), Listener)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    (tmp_path / "doorman_hook.py").write_text(HOOK)
    (tmp_path / "secret").write_bytes(SECRET)
    extra = f"""
[[hook]]
module = "doorman_hook:Doorman"
folder = "{tmp_path}"
[[webhook]]
url = "http://{HOST}:{web.server_port}/"
secret_file = "{tmp_path}/secret"
events = ["bounced"]
"""
    try:
        with Server(extra=extra) as server:
            with smtplib.SMTP(HOST, server.port("smtp")) as client:
                for to, subject in (("kim", "one"), ("lee", "two"), ("lee", "nobody")):
                    octets = f"Subject: {subject}\r\n\r\nx\r\n".encode()
                    client.sendmail("kim@example.test", [f"{to}@example.test"], octets)
            server.wait_until_queue_is_empty()
            (junk,) = subjects(server, "lee@example.test", "Junk")
            assert b"Subject: two" in junk
            assert b"X-Client: 127.0.0.1" in junk
            assert subjects(server, "lee@example.test", "INBOX") == []
            report, letter = sorted(
                subjects(server, "kim@example.test", "INBOX"),
                key=lambda each: b"Subject: one" in each,
            )
            assert b"multipart/report" in report
            assert b"Subject: one" in letter
            wait_until(lambda: Listener.told)
    finally:
        web.shutdown()
        thread.join()
        web.server_close()
    [(_, body)] = Listener.told
    told = json.loads(body)
    assert (told["event"], told["to"]) == ("bounced", ["lee@example.test"])
    assert "lee does not read that" in told["facts"]["reply"]
