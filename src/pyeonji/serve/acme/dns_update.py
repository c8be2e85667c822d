"""Answers to DNS challenges, put into a zone by dynamic updates. Blocks.

An update (RFC 2136) goes to one server, signed with a key that it knows
(RFC 8945); it must sign its answer, too. Then all servers of the zone are
asked until they show the record, for the authority may ask any of them.
"""

from __future__ import annotations

import re
import socket
import time
from typing import TYPE_CHECKING, Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver
import dns.tsigkeyring
import dns.update

from pyeonji.base.errors import TemporaryError
from pyeonji.net.dns import nameserver

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pyeonji.serve.settings import DnsUpdateSettings

ASK_S: Final = 10.0
"""Of one question or update."""

SHOWN_S: Final = 90.0
"""How long a zone's servers have to learn of a record."""

PAUSE_S: Final = 1.0
TTL_S: Final = 60
DNS_PORT: Final = 53
MAX_SERVERS: Final = 20
MAX_ALIASES: Final = 8
MAX_KEY_FILE: Final = 64 * 1024

ALGORITHMS: Final = ("hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224")
"""Those that RFC 8945 §6 wants or allows, but for SHA-1 and MD5."""

_NAME: Final = re.compile(r'(?:\bkey\s+|\bid:\s*)"?([\w.-]+)"?')
_ALGORITHM: Final = re.compile(r'\balgorithm:?\s+"?([\w-]+)"?')
_SECRET: Final = re.compile(r'\bsecret:?\s+"?([A-Za-z0-9+/=]+)"?')


class NotUpdated(TemporaryError):
    """A zone was not changed; the message says why."""


class ZoneEditor:
    """Puts records into zones of one server, and takes them out again."""

    def __init__(self, settings: DnsUpdateSettings, resolvers: Sequence[str]) -> None:
        """Nothing is asked yet.

        Args:
            settings: whom to tell, and with which key.
            resolvers: "ADDRESS:PORT" of who is asked about aliases and the
                zone's servers; none: the system's.

        Raises:
            NotUpdated: the key can't be read, or the server has no address.
        """
        self._settings = settings
        name, algorithm, secret = read_key(settings.key_file)
        try:
            self._keyring = dns.tsigkeyring.from_text({name: (algorithm, secret)})
        except (ValueError, dns.exception.DNSException) as error:
            raise NotUpdated(f"{settings.key_file}: {error}") from error
        self._key_name = name
        host, port = settings.server
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotUpdated(f"{host}: {error.strerror or error}") from error
        self._address, self._port = str(found[0][4][0]), port
        self._resolver = _resolver(resolvers)

    def add(self, name: str, text: str) -> tuple[str, str]:
        """Add a TXT record; gives the zone and the name it got.

        A name that is an alias (CNAME) stands for where it leads: so a host
        can have its challenges in another zone (RFC 8555 §8.4).

        Raises:
            NotUpdated: refused, or not reached.
        """
        there = self._followed(dns.name.from_text(name))
        zone = self._zone(there)
        update = self._update(zone)
        update.add(there, TTL_S, "TXT", f'"{text}"')
        self._send(update, there)
        return zone.to_text(), there.to_text()

    def remove(self, zone: str, name: str, text: str) -> None:
        """Take a record away that `add` made. Raises NotUpdated."""
        update = self._update(dns.name.from_text(zone))
        there = dns.name.from_text(name)
        update.delete(there, "TXT", f'"{text}"')
        self._send(update, there)

    def wait_until_shown(self, zone: str, records: Sequence[tuple[str, str]]) -> None:
        """Return when all servers of a zone show these (name, text).

        A server that can't be reached is not waited for.

        Raises:
            NotUpdated: one still doesn't after a minute and a half.
        """
        deadline = time.monotonic() + SHOWN_S
        for address, port in self._servers(dns.name.from_text(zone)):
            for name, text in records:
                while not _shows(address, port, name, text):
                    if time.monotonic() > deadline:
                        raise NotUpdated(f"{address} does not show {name}")
                    time.sleep(PAUSE_S)

    # -- asking

    def _followed(self, name: dns.name.Name) -> dns.name.Name:
        for _ in range(MAX_ALIASES):
            try:
                found = self._resolver.resolve(
                    name, "CNAME", raise_on_no_answer=False, lifetime=ASK_S
                )
            except dns.exception.DNSException:
                return name
            if found.rrset is None:
                return name
            name = found.rrset[0].target
        raise NotUpdated(f"{name} is an alias of an alias of an alias …")

    def _zone(self, name: dns.name.Name) -> dns.name.Name:
        """The zone of the server that a name is in."""
        if self._settings.zone:
            return dns.name.from_text(self._settings.zone)
        above = name
        while len(above) > 1:
            above = above.parent()
            answer = self._ask(above, "SOA")
            # a part of a zone has its SOA in the authority section instead
            if any(
                each.rdtype == dns.rdatatype.SOA and each.name == above
                for each in answer.answer
            ):
                return above
        raise NotUpdated(f"{self._settings.server[0]} has no zone with {name}")

    def _ask(self, name: dns.name.Name, kind: str) -> dns.message.Message:
        question = dns.message.make_query(name, kind, flags=0)
        try:
            return dns.query.tcp(question, self._address, ASK_S, self._port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise NotUpdated(self._why(error)) from error

    def _update(self, zone: dns.name.Name) -> dns.update.UpdateMessage:
        update = dns.update.UpdateMessage(zone)
        update.use_tsig(self._keyring, self._key_name)
        return update

    def _send(self, update: dns.update.UpdateMessage, name: dns.name.Name) -> None:
        try:
            # an answer that the key has not signed is refused (RFC 8945 §5.3)
            answer = dns.query.tcp(update, self._address, ASK_S, self._port)
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise NotUpdated(self._why(error)) from error
        code = answer.rcode()
        if code != dns.rcode.NOERROR:  # RFC 2136 §2.2
            said = dns.rcode.to_text(code)
            raise NotUpdated(f"{self._settings.server[0]} refuses {name}: {said}")

    def _why(self, error: Exception) -> str:
        return f"{self._settings.server[0]}: {str(error) or type(error).__name__}"

    def _servers(self, zone: dns.name.Name) -> list[tuple[str, int]]:
        """The one that is updated, and those that the world asks."""
        found = [(self._address, self._port)]
        try:
            named = self._ask(zone, "NS").get_rrset(
                dns.message.ANSWER, zone, dns.rdataclass.IN, dns.rdatatype.NS
            )
        except NotUpdated:
            return found
        for each in list(named or ())[:MAX_SERVERS]:
            for kind in ("A", "AAAA"):
                try:
                    there = self._resolver.resolve(each.target, kind, lifetime=ASK_S)
                except dns.exception.DNSException:
                    continue
                found += [(one.address, DNS_PORT) for one in there]
        return list(dict.fromkeys(found))


def read_key(file: Path) -> tuple[str, str, str]:
    """Name, algorithm and secret of a key.

    Args:
        file: as `tsig-keygen` (BIND) or `keymgr -t` (Knot) writes it.

    Raises:
        NotUpdated: it can't be read, or has no such key.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MAX_KEY_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise NotUpdated(f"{file}: {error}") from error
    # comments, of both
    text = re.sub(r"(?m)(?://|#).*$", "", text)
    name, secret = _NAME.search(text), _SECRET.search(text)
    algorithm = _ALGORITHM.search(text)
    if name is None or secret is None:
        raise NotUpdated(f"{file}: has no key with a name and a secret")
    kind = algorithm[1].lower() if algorithm is not None else ALGORITHMS[0]
    if kind not in ALGORITHMS:
        raise NotUpdated(f"{file}: {kind} is none of {', '.join(ALGORITHMS)}")
    return name[1], kind, secret[1]


def _resolver(servers: Sequence[str]) -> dns.resolver.Resolver:
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration as error:
        raise NotUpdated(str(error)) from error
    if servers:
        resolver.nameservers = [nameserver(text) for text in servers]
    return resolver


def _shows(address: str, port: int, name: str, text: str) -> bool:
    """Whether a server shows a record; one that does not answer is left alone."""
    question = dns.message.make_query(name, "TXT", flags=0)
    try:
        answer = dns.query.tcp(question, address, ASK_S, port)
    except (dns.exception.DNSException, OSError, EOFError):
        return True
    return any(
        b"".join(record.strings) == text.encode()
        for each in answer.answer
        if each.rdtype == dns.rdatatype.TXT
        for record in each
    )
