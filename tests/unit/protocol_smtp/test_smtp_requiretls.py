"""REQUIRETLS in EHLO and MAIL (RFC 8689 §2)."""

from __future__ import annotations

from typing import Any

from pyeonji.protocol.machine import Status
from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine


def converse(octets: bytes, *, tls: bool) -> tuple[list[Any], bytes]:
    machine = ServerMachine(Options(hostname="mx"), tls=tls)
    machine.receive_data(octets)
    events = []
    while not isinstance(event := machine.next_event(), Status):
        events.append(event)
        if isinstance(event, ev.MailAsked):
            machine.reply(250, "2.1.0", "ok")
        if isinstance(event, ev.HelloGiven):
            machine.accept()
    return events, machine.data_to_send()


def test_under_tls() -> None:
    events, said = converse(
        b"EHLO c.test\r\nMAIL FROM:<kim@x.test> REQUIRETLS\r\n", tls=True
    )
    assert b"250-REQUIRETLS\r\n" in said or b"250 REQUIRETLS\r\n" in said
    (mail,) = [one for one in events if isinstance(one, ev.MailAsked)]
    assert mail.requiretls


def test_in_clear() -> None:
    """It is neither offered nor taken."""
    events, said = converse(
        b"EHLO c.test\r\nMAIL FROM:<kim@x.test> REQUIRETLS\r\n", tls=False
    )
    assert b"REQUIRETLS" not in said
    assert b"\r\n555 5.5.4 " in said
    assert not any(isinstance(one, ev.MailAsked) for one in events)


def test_it_has_no_value() -> None:
    _, said = converse(
        b"EHLO c.test\r\nMAIL FROM:<kim@x.test> REQUIRETLS=yes\r\n", tls=True
    )
    assert b"\r\n501 5.5.4 " in said
