"""What is said over HTTP: by host name and path; nothing of domains of others."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import httpx
import pytest

from pyeonji.web.app import MAX_BODY, Options, Site
from pyeonji.web.autoconfig import OUTLOOK, Door, asked_address, outlook, thunderbird

POLICY = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.test\r\nmax_age: 60\r\n"

DOORS = (
    Door(protocol="pop3", tls="implicit", port=995),
    Door(protocol="submission", tls="starttls", port=587),
    Door(protocol="submission", tls="implicit", port=465),
    Door(protocol="imap", tls="implicit", port=993),
)


async def is_ours(domain: str) -> bool:
    return domain in ("example.test", "xn--9b6b95p.example")


async def yes() -> bool:
    return True


OPTIONS = Options(
    hostname="mail.example.test",
    doors=DOORS,
    sts_policy=POLICY,
    is_ours=is_ours,
    challenge={"tok-en": "tok-en.thumb"}.get,
    is_well=yes,
)


def asked(
    method: str, url: str, *, options: Options = OPTIONS, **more: Any
) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app=Site(options).app())
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.request(method, url, **more)

    return asyncio.run(run())


def test_the_policy_of_a_domain() -> None:
    """RFC 8461 §3.3: text/plain, from the host mta-sts.<domain>."""
    said = asked("GET", "https://mta-sts.example.test/.well-known/mta-sts.txt")
    assert said.status_code == 200
    assert said.headers["content-type"].startswith("text/plain")
    assert said.text == POLICY


@pytest.mark.parametrize(
    "url",
    [
        "https://mta-sts.other.test/.well-known/mta-sts.txt",
        "https://example.test/.well-known/mta-sts.txt",
        "https://mta-sts/.well-known/mta-sts.txt",
        "https://mta-sts.example.test/mta-sts.txt",
    ],
)
def test_no_policy_elsewhere(url: str) -> None:
    assert asked("GET", url).status_code == 404


def test_no_policy_where_none_is_set() -> None:
    said = asked(
        "GET",
        "https://mta-sts.example.test/.well-known/mta-sts.txt",
        options=replace(OPTIONS, sts_policy=""),
    )
    assert said.status_code == 404


def test_a_challenge() -> None:
    """RFC 8555 §8.3: the key authorization for the token, by any host name."""
    at = "http://anything.test/.well-known/acme-challenge/"
    said = asked("GET", at + "tok-en")
    assert (said.status_code, said.text) == (200, "tok-en.thumb")
    assert asked("GET", at + "other").status_code == 404


@pytest.mark.parametrize("token", ["..%2f..%2fsecret.key", "..", "a.b", "x" * 200])
def test_tokens_are_no_paths(token: str) -> None:
    seen: list[str] = []

    def challenge(text: str) -> str:
        seen.append(text)
        return "secret"

    options = replace(OPTIONS, challenge=challenge)
    at = f"http://a.test/.well-known/acme-challenge/{token}"
    assert asked("GET", at, options=options).status_code == 404
    assert seen == []


@pytest.mark.parametrize(
    "url",
    [
        "https://autoconfig.example.test/mail/config-v1.1.xml?emailaddress=k@example.test",
        "https://autoconfig.example.test/mail/config-v1.1.xml",
        "https://example.test/.well-known/autoconfig/mail/config-v1.1.xml",
        "https://any.test/mail/config-v1.1.xml?emailaddress=k@example.test",
    ],
)
def test_thunderbird_sets_itself_up(url: str) -> None:
    said = asked("GET", url)
    assert said.status_code == 200
    provider = ET.fromstring(said.text).find("emailProvider")
    assert provider is not None
    assert provider.findtext("domain") == "example.test"
    servers = [
        (x.tag, x.get("type"), x.findtext("port"), x.findtext("socketType"))
        for x in provider
        if x.tag.endswith("Server")
    ]
    assert servers == [
        ("incomingServer", "imap", "993", "SSL"),
        ("incomingServer", "pop3", "995", "SSL"),
        ("outgoingServer", "smtp", "465", "SSL"),
        ("outgoingServer", "smtp", "587", "STARTTLS"),
    ]


def test_thunderbird_of_others() -> None:
    at = "https://autoconfig.other.test/mail/config-v1.1.xml?emailaddress=k@other.test"
    assert asked("GET", at).status_code == 404


REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
<Request><EMailAddress>{address}</EMailAddress>
<AcceptableResponseSchema>{schema}</AcceptableResponseSchema></Request></Autodiscover>"""


@pytest.mark.parametrize(
    "path", ["autodiscover/autodiscover", "Autodiscover/Autodiscover"]
)
def test_outlook_sets_itself_up(path: str) -> None:
    body = REQUEST.format(address="kim&amp;lee@example.test", schema=OUTLOOK)
    said = asked("POST", f"https://autodiscover.example.test/{path}.xml", content=body)
    assert said.status_code == 200
    names = {"o": OUTLOOK}
    found = [
        (
            each.findtext("o:Type", None, names),
            each.findtext("o:Port", None, names),
            each.findtext("o:LoginName", None, names),
        )
        for each in ET.fromstring(said.text).iterfind(".//o:Protocol", names)
    ]
    assert found == [
        ("IMAP", "993", "kim&lee@example.test"),
        ("POP3", "995", "kim&lee@example.test"),
        ("SMTP", "465", "kim&lee@example.test"),
    ]


def test_outlook_of_others_and_of_nonsense() -> None:
    at = "https://autodiscover.example.test/autodiscover/autodiscover.xml"
    body = REQUEST.format(address="kim@other.test", schema=OUTLOOK)
    assert asked("POST", at, content=body).status_code == 404
    assert asked("POST", at, content=b"<a").status_code == 404
    assert asked("POST", at, content=b" " * (MAX_BODY + 1)).status_code == 413
    assert asked("GET", at).status_code == 405
    bomb = '<!DOCTYPE a [<!ENTITY x "kim@example.test">]>' + REQUEST.partition("\n")[2]
    assert asked("POST", at, content=bomb.format(address="&x;", schema="")).is_error


def test_health() -> None:
    async def no() -> bool:
        return False

    assert asked("GET", "http://x.test/healthz").status_code == 200
    ill = replace(OPTIONS, is_well=no)
    assert asked("GET", "http://x.test/healthz", options=ill).status_code == 503


def test_names_are_escaped() -> None:
    """What a stranger asks with comes back as text, never as markup."""
    text = '"><x>&'
    assert ET.fromstring(thunderbird("h", text, DOORS)).find(".//x") is None
    assert ET.fromstring(outlook("h", text, DOORS)).find(".//x") is None
    assert asked_address(b"\xff\xfe") == ""
