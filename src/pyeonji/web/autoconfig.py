"""How a mail program is to reach us, in the words of Thunderbird and Outlook.

Pure. An address only chooses the domain: whether it exists is not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from pyeonji.mta.reports.tree import NotReadable, parse_xml

if TYPE_CHECKING:
    from collections.abc import Sequence

OUTLOOK: Final = (
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
)
OUTLOOK_ENVELOPE: Final = (
    "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
)
_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_INCOMING: Final = ("imap", "pop3")
_SOCKETS: Final = {"implicit": "SSL", "starttls": "STARTTLS"}
_OUTLOOK_TYPES: Final = {"imap": "IMAP", "pop3": "POP3", "submission": "SMTP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A service that programs use, with TLS."""

    protocol: str  # "imap", "pop3", "submission"
    tls: str  # "implicit", "starttls"
    port: int


def in_order(doors: Sequence[Door]) -> list[Door]:
    """Those to try first stand first: IMAP, then POP3; implicit TLS first."""
    protocols = ("imap", "pop3", "submission")
    return sorted(
        doors, key=lambda x: (protocols.index(x.protocol), x.tls != "implicit")
    )


def thunderbird(hostname: str, domain: str, doors: Sequence[Door]) -> str:
    """config-v1.1.xml; %EMAILADDRESS% is filled in by the program."""
    lines = [
        '<clientConfig version="1.1">',
        f'  <emailProvider id="{_attribute(domain)}">',
        f"    <domain>{escape(domain)}</domain>",
        f"    <displayName>{escape(domain)}</displayName>",
        f"    <displayShortName>{escape(domain)}</displayShortName>",
    ]
    for door in in_order(doors):
        incoming = door.protocol in _INCOMING
        tag = "incomingServer" if incoming else "outgoingServer"
        kind = door.protocol if incoming else "smtp"
        lines += [
            f'    <{tag} type="{kind}">',
            f"      <hostname>{escape(hostname)}</hostname>",
            f"      <port>{door.port}</port>",
            f"      <socketType>{_SOCKETS[door.tls]}</socketType>",
            "      <authentication>password-cleartext</authentication>",
            "      <username>%EMAILADDRESS%</username>",
            f"    </{tag}>",
        ]
    lines += ["  </emailProvider>", "</clientConfig>"]
    return _HEAD + "\n".join(lines) + "\n"


def outlook(hostname: str, address: str, doors: Sequence[Door]) -> str:
    """The answer to an Autodiscover request (POX); one door of each protocol."""
    lines = [
        f'<Autodiscover xmlns="{OUTLOOK_ENVELOPE}">',
        f'  <Response xmlns="{OUTLOOK}">',
        "    <Account>",
        "      <AccountType>email</AccountType>",
        "      <Action>settings</Action>",
    ]
    told: set[str] = set()
    for door in in_order(doors):
        if door.protocol in told:
            continue
        told.add(door.protocol)
        encryption = "SSL" if door.tls == "implicit" else "TLS"
        lines += [
            "      <Protocol>",
            f"        <Type>{_OUTLOOK_TYPES[door.protocol]}</Type>",
            f"        <Server>{escape(hostname)}</Server>",
            f"        <Port>{door.port}</Port>",
            "        <DomainRequired>off</DomainRequired>",
            f"        <LoginName>{escape(address)}</LoginName>",
            "        <SPA>off</SPA>",
            f"        <SSL>{'on' if encryption == 'SSL' else 'off'}</SSL>",
            f"        <Encryption>{encryption}</Encryption>",
            "        <AuthRequired>on</AuthRequired>",
            "      </Protocol>",
        ]
    lines += ["    </Account>", "  </Response>", "</Autodiscover>"]
    return _HEAD + "\n".join(lines) + "\n"


def asked_address(body: bytes) -> str:
    """The address in an Autodiscover request; "" where there is none."""
    try:
        root = parse_xml(body)
    except NotReadable:
        return ""
    return root.value("Request", "EMailAddress")


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;"})
