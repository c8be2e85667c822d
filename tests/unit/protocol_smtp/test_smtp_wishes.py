"""MT-PRIORITY, FUTURERELEASE and DELIVERBY in EHLO and MAIL."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.machine import Status
from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp import wishes
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine
from pyeonji.protocol.smtp.wishes import By, Hold

SUBMISSION = Options(hostname="mx", max_hold_s=3600, max_hold_until=1_796_000_000.0)


def converse(
    parameters: str, options: Options = SUBMISSION
) -> tuple[ev.MailAsked | None, bytes]:
    machine = ServerMachine(options)
    machine.receive_data(
        f"EHLO c.test\r\nMAIL FROM:<kim@x.test>{parameters}\r\n".encode()
    )
    mail: Any = None
    while not isinstance(event := machine.next_event(), Status):
        if isinstance(event, ev.MailAsked):
            mail = event
        machine.accept()
    return mail, machine.data_to_send()


def test_what_ehlo_says() -> None:
    """FUTURERELEASE with its two limits (RFC 4865 §3), and only at submission."""
    _, said = converse("")
    assert b"250-MT-PRIORITY\r\n" in said
    assert b"250-DELIVERBY\r\n" in said
    assert b"250-FUTURERELEASE 3600 2026-11-30T00:53:20Z\r\n" in said
    _, said = converse("", Options(hostname="mx"))
    assert b"FUTURERELEASE" not in said


@pytest.mark.parametrize(
    ("parameters", "field", "value"),
    [
        ("MT-PRIORITY=9", "priority", 9),
        ("mt-priority=-9", "priority", -9),
        ("MT-PRIORITY=0", "priority", 0),
        ("HOLDFOR=86400", "hold", Hold(seconds=86400)),
        ("HOLDUNTIL=2026-11-25T00:00:00Z", "hold", Hold(until=1_795_564_800.0)),
        ("HOLDUNTIL=2026-11-25t00:00:00.5z", "hold", Hold(until=1_795_564_800.5)),
        ("BY=120;R", "by", By(seconds=120, by_return=True)),
        ("BY=-5;NT", "by", By(seconds=-5, by_trace=True)),
        ("BY=+999999999;n", "by", By(seconds=999_999_999)),
    ],
)
def test_what_mail_may_ask(parameters: str, field: str, value: object) -> None:
    mail, _ = converse(f" {parameters}")
    assert mail is not None
    assert getattr(mail, field) == value


@pytest.mark.parametrize(
    "parameters",
    [
        "MT-PRIORITY=10",
        "MT-PRIORITY=-0",
        "MT-PRIORITY=+1",
        "MT-PRIORITY",
        "MT-PRIORITY=1 MT-PRIORITY=1",
        "HOLDFOR=0",
        "HOLDFOR=-1",
        "HOLDFOR=1234567890",
        "HOLDUNTIL=2026-11-25T00:00:00",
        "HOLDUNTIL=2026-11-25T00:00:00+00:00",
        "HOLDUNTIL=2026-02-30T00:00:00Z",
        "HOLDUNTIL=2026-11-25",
        "HOLDFOR=1 HOLDUNTIL=2026-11-25T00:00:00Z",
        "BY=0;R",
        "BY=-1;R",
        "BY=1234567890;N",
        "BY=10",
        "BY=10;X",
        "BY=10;RTT",
        "BY",
    ],
)
def test_what_it_may_not(parameters: str) -> None:
    """501 5.5.4 (RFC 4865 §4.2, RFC 2852 §4); RFC 6710 §4.1 asks for an error."""
    mail, said = converse(f" {parameters}")
    assert mail is None
    assert b"\r\n501 5.5.4 " in said


def test_what_was_not_offered_is_not_known() -> None:
    mail, said = converse(" HOLDFOR=5", Options(hostname="mx"))
    assert mail is None
    assert b"\r\n555 5.5.4 " in said


PIECES = st.lists(
    st.sampled_from([b"+", b"-", b"9" * 9, b"0", b";", b"R", b"nT", b"Z", b"\xff"])
)


@given(PIECES)
def test_any_octets(pieces: list[bytes]) -> None:
    """Nothing raises; what is read is written so that it is read again."""
    value = b"".join(pieces)
    for read in (wishes.read_priority, wishes.read_hold_for, wishes.read_hold_until):
        read(value)
    by = wishes.read_by(value)
    if by is not None:
        assert wishes.read_by(wishes.write_by(by)) == by


@given(st.from_regex(rb"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6]0Z"))
def test_any_time(value: bytes) -> None:
    hold = wishes.read_hold_until(value.strip())
    if hold is not None and hold.until >= 0:
        assert wishes.write_time(hold.until).encode() == value.strip()
