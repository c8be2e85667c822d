"""Who sends our reports, and how: wired for one worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.mta.daily import Reporting
from pyeonji.mta.receive.reporting import DmarcReporter
from pyeonji.mta.relay.reporting import TlsReporter
from pyeonji.net.dns import a_labels
from pyeonji.net.https import WebAnswer, request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.base.clock import Clock
    from pyeonji.net.dns import Resolver
    from pyeonji.serve.configuration import Configuration
    from pyeonji.storage.directory import Directory
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.queue import NewLetter

MAX_ANSWER_OCTETS: Final = 64 * 1024
"""Of a web server that takes a report."""


async def identity(configuration: Configuration, directory: Directory) -> Reporting:
    """Our domain that the host's name is in, for its keys sign; else the host."""
    host = configuration.hostname
    ours = [a_labels(domain.name) for domain in await directory.domains()]
    above = [name for name in ours if host == name or host.endswith(f".{name}")]
    submitter = max(above, key=len, default=host)
    return Reporting(
        submitter=submitter, contact=f"postmaster@{submitter}", organization=submitter
    )


def dmarc_reporter(
    configuration: Configuration,
    store: Store,
    clock: Clock,
    resolver: Resolver,
    *,
    send: Callable[[NewLetter], Awaitable[None]],
) -> DmarcReporter:
    """What sends DMARC reports (RFC 7489 §7.2)."""

    async def is_local(domain: str) -> bool:
        return await store.directory.domain(domain) is not None

    return DmarcReporter(
        store=store.reports,
        ask=resolver.ask,
        clock=clock,
        send=send,
        identity=lambda: identity(configuration, store.directory),
        is_local=is_local,
    )


def tls_reporter(
    configuration: Configuration,
    store: Store,
    clock: Clock,
    resolver: Resolver,
    *,
    send: Callable[[NewLetter], Awaitable[None]],
) -> TlsReporter:
    """What sends TLS reports (RFC 8460)."""

    async def post(url: str, octets: bytes, media_type: str) -> WebAnswer:
        return await request(
            "POST",
            url,
            ask=resolver.ask,
            limit_octets=MAX_ANSWER_OCTETS,
            content=octets,
            headers={"Content-Type": media_type},
            private=configuration.relay.private_addresses,
        )

    return TlsReporter(
        store=store.tls,
        ask=resolver.ask,
        clock=clock,
        post=post,
        send=send,
        identity=lambda: identity(configuration, store.directory),
    )
