"""`pyeonji mail verify`: what mail authentication says of a letter in a file.

It stands here and not with the other commands of `mail`: the checks belong to
the MTA, which the mail client does not know.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.base.networks import parsed
from pyeonji.mta.receive.checking import check_all
from pyeonji.mta.receive.inspect import header_end
from pyeonji.mta.trust.dmarc_author import author_of
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.mta.trust.verdicts import Client, Verdicts
from pyeonji.mua.cli import exits
from pyeonji.mua.cli.options import read_octets
from pyeonji.mua.cli.output import leave, print_json, print_text, reported
from pyeonji.net.dns import Resolver

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.serve.commands.context import Context

MAX_ALIASES: Final = 10
"""CNAMEs that are followed in a file of DNS data."""

NO_CLIENT: Final = "not asked: --ip says who brought the letter"


def verify(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    *,
    ip: Annotated[str, typer.Option(help="Who brought it; else SPF is left out.")] = "",
    helo: Annotated[str, typer.Option(help="What that client called itself.")] = "",
    mail_from: Annotated[
        str, typer.Option(metavar="PATH", help="The envelope's sender; none: <>.")
    ] = "",
    dns_json: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help='No network: {"name TYPE": ["record", …]}; null: no answer.',
        ),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check SPF, DKIM, ARC and DMARC of a letter.

    Example: pyeonji mail verify letter.eml --ip 192.0.2.7 --mail-from a@b.example
    """
    client = None
    if ip:
        if parsed(ip) is None:
            leave(exits.Exit.USAGE, f"--ip: {ip} is no address")
        path = mail_from.strip().removeprefix("<").removesuffix(">")
        client = Client(address=ip, helo=helo, mail_from=path)
    with reported():
        octets = _with_crlf(read_octets(file))
        zone = _zone(read_octets(dns_json)) if dns_json else None
    ask = zone.ask if zone is not None else _resolver(context.obj).ask
    verdicts = asyncio.run(checked(octets, client, ask))
    told = as_data(verdicts)
    if json:
        print_json(told)
    else:
        print_text("\n".join(_lines(told)))


async def checked(
    octets: bytes,
    client: Client | None,
    ask: Callable[[str, str], Awaitable[DnsAnswer]],
) -> Verdicts:
    """What all methods say of a whole letter."""
    end = header_end(octets)
    header = octets if end < 0 else octets[:end]
    letter = SignedLetter(header)
    letter.update(b"" if end < 0 else octets[end:])
    return await check_all(
        letter,
        author_of(header),
        client,
        options=replace(TrustOptions(), time_s=60.0),
        ask=ask,
        known=lambda *_: None,
        now=time.time(),
    )


def as_data(verdicts: Verdicts) -> dict[str, Any]:
    """As the contract of the command line has it (docs/operating/trust.md)."""
    spf, dmarc, arc = verdicts.spf, verdicts.dmarc, verdicts.arc
    told: dict[str, Any] = {
        "dkim": [
            {
                "domain": each.domain,
                "selector": each.selector,
                "algorithm": each.algorithm,
                "result": each.result.value,
                "reason": each.reason,
            }
            for each in verdicts.dkim
        ],
        "spf": {"result": "none", "reason": NO_CLIENT},
    }
    if spf is not None:
        told["spf"] = {
            "result": spf.result.value,
            "reason": spf.reason,
            "identity": spf.identity,
            "domain": spf.domain,
            "mechanism": spf.mechanism,
            "explanation": spf.explanation,
        }
    if dmarc is not None:
        told["dmarc"] = {
            "result": dmarc.result.value,
            "reason": dmarc.reason,
            "domain": dmarc.domain,
            "policy": dmarc.policy.value,
            "disposition": dmarc.disposition.value,
            "policy_domain": dmarc.policy_domain,
            "organizational_domain": dmarc.organizational,
            "spf_aligned": dmarc.spf_aligned,
            "dkim_aligned": dmarc.dkim_aligned,
        }
    if arc is not None:
        told["arc"] = {
            "result": arc.state.value,
            "reason": arc.reason,
            "sealers": [each.seal.domain for each in arc.sets],
        }
    return told


def _lines(told: dict[str, Any]) -> list[str]:
    lines = []
    for method in ("spf", "dkim", "arc", "dmarc"):
        entries = told[method] if method == "dkim" else [told[method]]
        for each in entries or [{"result": "none", "reason": "not signed"}]:
            domain = f"  {each['domain']}" if each.get("domain") else ""
            reason = f"  {each['reason']}" if each["reason"] else ""
            lines.append(f"{method:6}{each['result']:10}{domain}{reason}")
    return lines


def _with_crlf(octets: bytes) -> bytes:
    """A file that knows only LF is a letter as this machine writes lines."""
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")


def _resolver(context: Context) -> Resolver:
    """The configured servers where there is a configuration, else the system's."""
    if context.file.exists():
        return Resolver(context.configuration.dns_servers)
    return Resolver()


def _zone(octets: bytes) -> _Zone:
    try:
        data = msgspec.json.decode(octets, type=dict[str, list[str] | None])
    except msgspec.DecodeError as error:
        leave(exits.Exit.DATA, f"--dns-json: {error}")
    return _Zone(data)


class _Zone:
    """DNS from a file."""

    def __init__(self, data: dict[str, list[str] | None]) -> None:
        self._data: dict[tuple[str, str], list[str] | None] = {}
        for key, records in data.items():
            name, _, kind = key.strip().rpartition(" ")
            self._data[_canonical(name), kind.upper()] = records
        self._names = {name for name, _ in self._data}

    async def ask(self, name: str, kind: str) -> DnsAnswer:
        """See `net.dns.Resolver.ask`."""
        name = _canonical(name)
        for _ in range(MAX_ALIASES):
            if (name, kind) in self._data:
                records = self._data[name, kind]
                if records is None:
                    return DnsAnswer(status=DnsStatus.FAILED)
                status = DnsStatus.FOUND if records else DnsStatus.NO_DATA
                return DnsAnswer(status=status, records=tuple(records))
            alias = self._data.get((name, "CNAME"))
            if not alias:
                break
            name = _canonical(alias[0])
        below = any(each.endswith(f".{name}") for each in self._names)
        exists = name in self._names or below
        return DnsAnswer(status=DnsStatus.NO_DATA if exists else DnsStatus.NO_NAME)


def _canonical(name: str) -> str:
    return name.strip().rstrip(".").lower()
