"""Plays a POP3 conversation, written as it goes over the wire.

C: octets from the client, S: a line from the server, E: the event at the door;
X: the session is over. ␠ is a space at the end of a line.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent

from pyeonji.protocol.machine import Status
from pyeonji.protocol.pop3 import ServerMachine

Answer = Callable[[ServerMachine, object], None]


def play(machine: ServerMachine, script: str, answer: Answer) -> None:
    """Feed what C: says; all that is said back or asked must stand below it."""
    said = machine.data_to_send()
    asked: list[str] = []
    for line in dedent(script).strip("\n").splitlines():
        if not line:
            continue
        who, _, words = line.partition(":")
        words = words.removeprefix(" ").replace("␠", " ")
        if who == "C":
            assert not said, f"unsaid in the script: {said!r}"
            assert not asked, f"unasked in the script: {asked!r}"
            machine.receive_data(words.encode() + b"\r\n")
            while not isinstance(event := machine.next_event(), Status):
                asked.append(type(event).__name__)
                answer(machine, event)
            said = machine.data_to_send()
        elif who == "S":
            got, _, said = said.partition(b"\r\n")
            assert got.decode() == words
        elif who == "E":
            assert asked.pop(0) == words
        elif who == "X":
            assert machine.state.value == "closed"
        else:
            raise AssertionError(line)
    assert not said, f"unsaid in the script: {said!r}"
    assert not asked, f"unasked in the script: {asked!r}"
