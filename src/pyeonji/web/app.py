"""The ASGI application: a few small documents, chosen by host name and path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pyeonji.mta.publish import sts
from pyeonji.web.autoconfig import asked_address, outlook, thunderbird

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from pyeonji.web.autoconfig import Door

MAX_BODY: Final = 8 * 1024
"""Octets of a request that are read."""

CHALLENGE_PATH: Final = "/.well-known/acme-challenge/"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")

XML: Final = "application/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the documents say.

    Attributes:
        hostname: this host.
        doors: what programs may use.
        sts_policy: of every domain of ours; "" for none.
        is_ours: whether mail for a domain is kept here.
        challenge: the answer to an ACME token (RFC 8555 §8.3), or None.
        is_well: whether this worker can do its work.
    """

    hostname: str
    doors: tuple[Door, ...]
    sts_policy: str
    is_ours: Callable[[str], Awaitable[bool]]
    challenge: Callable[[str], str | None]
    is_well: Callable[[], Awaitable[bool]]


class Site:
    """Answers requests; the options may be exchanged while it runs."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def app(self) -> Starlette:
        """The application."""
        config = "/mail/config-v1.1.xml"
        routes = [
            Route("/healthz", self._health),
            Route(sts.PATH, self._sts),
            Route(CHALLENGE_PATH + "{token}", self._challenge),
            Route(config, self._thunderbird),
            Route(f"/.well-known/autoconfig{config}", self._thunderbird),
            # Outlook writes it either way
            Route("/autodiscover/autodiscover.xml", self._outlook, methods=["POST"]),
            Route("/Autodiscover/Autodiscover.xml", self._outlook, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _health(self, _: Request) -> Response:
        if await self.options.is_well():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("not well\n", 503)

    async def _sts(self, request: Request) -> Response:
        """RFC 8461 §3.3: of the domain behind "mta-sts.", nothing of others."""
        label, _, domain = _host(request).partition(".")
        policy = self.options.sts_policy
        if not policy or label != "mta-sts" or not await self._ours(domain):
            return _nothing()
        return PlainTextResponse(policy)

    async def _challenge(self, request: Request) -> Response:
        """RFC 8555 §8.3."""
        token = request.path_params["token"]
        answer = self.options.challenge(token) if _TOKEN.fullmatch(token) else None
        if answer is None:
            return _nothing()
        return Response(answer, media_type="application/octet-stream")

    async def _thunderbird(self, request: Request) -> Response:
        domain = _host(request).removeprefix("autoconfig.")
        if not await self._ours(domain):
            asked = request.query_params.get("emailaddress", "")
            domain = asked.rpartition("@")[2].lower()
            if not await self._ours(domain):
                return _nothing()
        options = self.options
        text = thunderbird(options.hostname, domain, options.doors)
        return Response(text, media_type=XML)

    async def _outlook(self, request: Request) -> Response:
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return PlainTextResponse("too long\n", 413)
        address = asked_address(body)
        if not await self._ours(address.rpartition("@")[2]):
            return _nothing()
        options = self.options
        text = outlook(options.hostname, address, options.doors)
        return Response(text, media_type=XML)

    async def _ours(self, domain: str) -> bool:
        return (
            bool(domain) and len(domain) <= 255 and await self.options.is_ours(domain)
        )


def _host(request: Request) -> str:
    """The name in Host, in lower case, without port and final dot."""
    host = request.headers.get("host", "").lower()
    return re.sub(r":\d*$", "", host).rstrip(".")


def _nothing() -> Response:
    return PlainTextResponse("not found\n", 404)


def names_for(domains: Sequence[str], *, sts_policy: bool) -> list[str]:
    """Host names under which the application answers for domains."""
    labels = ["autoconfig", "autodiscover", *(["mta-sts"] if sts_policy else [])]
    return [f"{label}.{domain}" for domain in domains for label in labels]
