"""Plays a conversation as it is written on the wire, against a bare machine.

A script has a line for each thing said::

    C: MAIL FROM:<kim@example.test>
    E: MailAsked
    S: 250 2.1.0 sender ok
    C> a letter line, of which the CRLF is written too\\r\\n
    S: * anything

`C:` is what the peer says, with CRLF added; `C>` the same with Python's string
escapes and nothing added; `S:` a line that the machine must say, `E:` an event
that it must tell, as the class's name, or its whole repr when the script has
an opening bracket in it. In `S:` an asterisk stands for anything. Nothing may
be left unsaid: after each run of `C` lines, what the machine says and tells
must be exactly the run of `S` and `E` lines that follows (their mixture is
free; the order of each is not).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

from pyeonji.protocol.machine import Machine


def play(machine: Machine, answer: Callable[[Any], None], script: str) -> None:
    """Play a script; `answer` is given each event, and answers those that ask.

    Raises:
        AssertionError: the machine said or told something else.
    """
    for said, expected_lines, expected_events in turns(script):
        events = []
        if said:
            machine.receive_data(said)
        while is_dataclass(event := machine.next_event()):
            events.append(event)
            answer(event)
        lines = machine.data_to_send().decode().split("\r\n")
        assert lines.pop() == "", "what the machine says ends in CRLF"
        _compare("said", lines, expected_lines, _line_fits)
        _compare("told", events, expected_events, _event_fits)


def turns(script: str) -> list[tuple[bytes, list[str], list[str]]]:
    """Cut a script into what the peer says and what must come of it."""
    found: list[tuple[bytes, list[str], list[str]]] = [(b"", [], [])]
    for raw in script.strip().splitlines():
        mark, text = raw.lstrip()[:2], raw.lstrip()[3:]
        if mark in {"C:", "C>"}:
            if found[-1][1] or found[-1][2]:
                found.append((b"", [], []))
            octets = _octets(text) if mark == "C>" else text.encode() + b"\r\n"
            found[-1] = (found[-1][0] + octets, [], [])
        elif mark in {"S:", "E:"}:
            _, lines, events = found[-1]
            (lines if mark == "S:" else events).append(text)
        else:
            assert not raw.strip() or raw.lstrip().startswith("#"), f"what is {raw!r}?"
    return found


def _octets(text: str) -> bytes:
    return (
        text.encode("latin-1", "backslashreplace")
        .decode("unicode_escape")
        .encode("latin-1")
    )


def _compare(
    what: str, got: list[Any], expected: list[str], fits: Callable[[Any, str], bool]
) -> None:
    same = len(got) == len(expected) and all(map(fits, got, expected))
    assert same, f"{what}:\n  {got}\nexpected:\n  {expected}"


def _line_fits(line: str, pattern: str) -> bool:
    parts = (re.escape(part) for part in pattern.split("*"))
    return re.fullmatch(".*".join(parts), line) is not None


def _event_fits(event: Any, pattern: str) -> bool:
    return (repr(event) if "(" in pattern else type(event).__name__) == pattern
