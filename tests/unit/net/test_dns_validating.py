"""The AD bit: believed of resolvers that the operator calls validating, else not."""

from __future__ import annotations

import asyncio
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import pytest

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.net.dns import Resolver


class Answering(asyncio.DatagramProtocol):
    """Says that everything is 192.0.2.1, but for names with "no"; all with AD."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        answer = dns.message.make_response(asked)
        answer.flags |= dns.flags.AD | dns.flags.RA
        name = asked.question[0].name
        if b"no" not in name.labels:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "192.0.2.1"))
        self.transport.sendto(answer.to_wire(), addr)


async def ask(name: str, *, validating: bool) -> DnsAnswer:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        Answering, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    try:
        resolver = Resolver([f"127.0.0.1:{port}"], validating=validating)
        return await resolver.ask(name, "A")
    finally:
        transport.close()


@pytest.mark.parametrize("validating", [True, False])
def test_the_ad_bit(*, validating: bool) -> None:
    """RFC 7672 §2.1.1."""
    found = asyncio.run(ask("a.test", validating=validating))
    assert (found.status, found.authentic) == (DnsStatus.FOUND, validating)
    assert found.canonical_name == "a.test"
    none = asyncio.run(ask("no.a.test", validating=validating))
    assert (none.status, none.authentic) == (DnsStatus.NO_DATA, validating)


def test_the_systems_resolver_is_never_believed() -> None:
    assert not Resolver(validating=True).validating
