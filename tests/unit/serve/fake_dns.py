"""A small name server on loopback that answers from a dict."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Final, Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from types import TracebackType

HOST: Final = "127.0.0.1"

Zone = dict[tuple[str, str], list[str]]
"""(name, kind) -> records in presentation form; a missing name is NXDOMAIN."""


class FakeDns:
    """Answers over UDP in a thread of its own, inside `with`.

    Args:
        zone: what there is; may be changed at any time.
        failing: names that get SERVFAIL.
        authentic: whether answers have the AD bit.
    """

    def __init__(
        self, zone: Zone, *, failing: set[str] | None = None, authentic: bool = False
    ) -> None:
        self.zone = zone
        self.failing = failing or set()
        self.authentic = authentic
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def server(self) -> str:
        """For `[dns] servers`."""
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.sendto(b"", (HOST, self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            octets, peer = self._socket.recvfrom(4096)
            if not octets:
                return
            answer = self._answer(dns.message.from_wire(octets))
            self._socket.sendto(answer.to_wire(max_size=65535), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA | (dns.flags.AD if self.authentic else 0)
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer
        at = name
        for _ in range(8):
            alias = self.zone.get((at, "CNAME")) if kind != "CNAME" else None
            if alias is None:
                break
            answer.answer.append(
                dns.rrset.from_text(f"{at}.", 60, "IN", "CNAME", *alias)
            )
            at = alias[0].rstrip(".")
        records = self.zone.get((at, kind))
        if records:
            answer.answer.append(
                dns.rrset.from_text(f"{at}.", 60, "IN", kind, *records)
            )
        elif not any(known == at for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
