"""CPU that the SMTP server machine needs for one letter, without any I/O.

Run: python benchmarks/smtp_machine.py [letters]
"""

from __future__ import annotations

import sys
import time

from pyeonji.protocol.machine import NEED_DATA
from pyeonji.protocol.smtp.options import Options
from pyeonji.protocol.smtp.server import ServerMachine

LETTER = b"Subject: hello\r\n\r\n" + (b"x" * 70 + b"\r\n") * 70


def run(letters: int, packets: list[bytes]) -> float:
    """Microseconds of CPU a letter."""
    machine = ServerMachine(Options(hostname="mx.example.test"))
    machine.greet()
    machine.receive_data(b"EHLO client.example.test\r\n")
    machine.next_event()
    machine.accept()
    machine.next_event()
    machine.data_to_send()
    started = time.process_time()
    for _ in range(letters):
        for packet in packets:
            machine.receive_data(packet)
            while machine.next_event() is not NEED_DATA:
                machine.accept()
            machine.data_to_send()
    return (time.process_time() - started) / letters * 1e6


def main() -> None:
    letters = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    mail = b"MAIL FROM:<kim@example.test> SIZE=5058\r\n"
    rcpt = b"RCPT TO:<lee@example.test>\r\n"
    data = b"DATA\r\n"
    end = LETTER + b".\r\n"
    stuffed = LETTER + b"..a\r\n" * 10 + b".\r\n"
    for name, packets in {
        "a packet a command": [mail, rcpt, data, end],
        "pipelined": [mail + rcpt + data, end],
        "pipelined, with dots": [mail + rcpt + data, stuffed],
        "BDAT": [mail + rcpt + b"BDAT %d LAST\r\n" % len(LETTER) + LETTER],
    }.items():
        print(f"{name:22} {run(letters, packets):6.1f} us a letter")


if __name__ == "__main__":
    main()
