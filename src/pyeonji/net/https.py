"""One request to a web server named by strangers: short, checked, and nowhere inside.

The name is resolved by our own resolver, and the address that was looked at is
the one that is called. Certificates are verified, redirects are not followed,
what comes back is limited.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpx

from pyeonji.base.dns import DnsAnswer
from pyeonji.base.errors import TemporaryError
from pyeonji.net.tls import client_context

Ask = Callable[[str, str], Awaitable[DnsAnswer]]
"""As `net.dns.Resolver.ask`."""

TIMEOUT_S: Final = 60.0
MAX_ADDRESSES: Final = 4
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.ip_network("64:ff9b:1::/48")  # a network's own
_NO_PLACES: Final = ipaddress.ip_network("::/96")  # "::127.0.0.1" and its like


class RequestFailed(TemporaryError):
    """No answer that can be used.

    `untrusted`: because of the server's certificate.
    """

    def __init__(self, text: str, *, untrusted: bool = False) -> None:
        super().__init__(text)
        self.untrusted = untrusted


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """What a server said."""

    status: int
    media_type: str  # without parameters, lower case
    octets: bytes


async def request(
    method: str,
    url: str,
    *,
    ask: Ask,
    limit_octets: int,
    content: bytes = b"",
    headers: Mapping[str, str] | None = None,
    private: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> WebAnswer:
    """Ask a web server.

    Args:
        method: "GET", "POST".
        url: https:// only, without user and password.
        ask: resolves names.
        limit_octets: of the answer's content.
        content: what is sent.
        headers: besides the usual ones.
        private: addresses that are not public are called, too.
        timeout_s: for all of it.

    Raises:
        RequestFailed: no address, no connection, a bad certificate, too much or
            too late.
    """
    try:
        wanted = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, UnicodeError) as error:
        raise RequestFailed(f"no URL: {error}") from error
    if wanted.scheme != "https" or wanted.userinfo or not wanted.host:
        raise RequestFailed("not a plain https:// URL")
    failure = RequestFailed(f"{wanted.host} has no public address")
    try:
        async with asyncio.timeout(timeout_s):
            for address in await _addresses(wanted.host, ask, private=private):
                try:
                    return await _one(
                        method, wanted, address, content, headers or {}, limit_octets
                    )
                except RequestFailed as error:
                    failure = error
    except TimeoutError as error:
        raise RequestFailed(f"no answer in {timeout_s:g} s") from error
    raise failure


async def _addresses(host: str, ask: Ask, *, private: bool) -> list[str]:
    """Where to call; of a name the ones that everybody may call."""
    try:
        found = [str(ipaddress.ip_address(host.strip("[]")))]
    except ValueError:
        four, six = await ask(host, "A"), await ask(host, "AAAA")
        found = [*four.records, *six.records]
    return [one for one in found if private or is_public(one)][:MAX_ADDRESSES]


def is_public(address: str) -> bool:
    """Whether an address belongs to the Internet, and not to us or our neighbours."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip in _NO_PLACES or ip in _LOCAL_NAT64:
            return False
        elif ip.sixtofour is not None:
            ip = ip.sixtofour
    return ip.is_global and not ip.is_multicast


async def _one(
    method: str,
    url: httpx.URL,
    address: str,
    content: bytes,
    headers: Mapping[str, str],
    limit_octets: int,
) -> WebAnswer:
    """Call one address. Raises RequestFailed."""
    context = await asyncio.to_thread(client_context, verify=True)
    there = httpx.AsyncClient(
        verify=context, follow_redirects=False, trust_env=False, timeout=TIMEOUT_S
    )
    try:
        async with (
            there as client,
            client.stream(
                method,
                url.copy_with(host=address),
                content=content,
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "Accept-Encoding": "identity",  # nothing that could grow
                    **headers,
                },
                extensions={"sni_hostname": url.raw_host.decode("ascii")},
            ) as answer,
        ):
            octets = b""
            async for piece in answer.aiter_raw():
                octets += piece
                if len(octets) > limit_octets:
                    raise RequestFailed(f"more than {limit_octets} octets")
            media_type = answer.headers.get("content-type", "")
            return WebAnswer(
                status=answer.status_code,
                media_type=media_type.partition(";")[0].strip().lower(),
                octets=octets,
            )
    except (httpx.HTTPError, OSError, UnicodeError) as error:
        verification = _verification(error)
        if verification is not None:
            raise RequestFailed(
                f"the certificate of {url.host} is not good:"
                f" {verification.verify_message}",
                untrusted=True,
            ) from error
        raise RequestFailed(str(error) or type(error).__name__) from error


def _verification(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """The certificate's part in a failure, however deep it is wrapped."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
