"""`pyeonji doctor`: what is wrong with the set-up, and what to do."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.base.clock import SystemClock
from pyeonji.net.dns import Resolver
from pyeonji.serve.commands.context import Context, print_json
from pyeonji.serve.doctor.checks import check_host
from pyeonji.serve.doctor.findings import Severity, exit_code, warning
from pyeonji.serve.doctor.gather import Gatherer
from pyeonji.serve.doctor.words import told
from pyeonji.serve.doctor.zone_checks import check_domain
from pyeonji.serve.publishing import published_keys
from pyeonji.storage.errors import NoSuchDomain

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pyeonji.serve.doctor.findings import Finding
    from pyeonji.storage.embedded import Store

LOOK_S: Final = 60.0
"""For this host, and for each domain; a question to DNS takes 15 s at most."""

AT_ONCE: Final = 8
"""Domains that are looked at together."""

MARKS = {
    Severity.WELL: ("ok", "좋음"),
    Severity.NOTE: ("note", "참고"),
    Severity.WARNING: ("warning", "주의"),
    Severity.PROBLEM: ("PROBLEM", "문제"),
}


def doctor(
    context: typer.Context,
    domains: Annotated[
        list[str] | None, typer.Argument(help="Domains of ours; none: all.")
    ] = None,
    lang: Annotated[
        str, typer.Option(help='"en" or "ko"; else as the locale says.')
    ] = "",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also show what is well.")
    ] = False,
) -> None:
    """Look at DNS, reverse DNS, ports, certificate, blocklists, clock, disk, queue.

    Says in plain words what to do. Exit code 0: all is well, 1: there are
    warnings, 2: there are problems.
    """
    kept: Context = context.obj

    async def work(store: Store) -> list[Finding]:
        known = [each.name for each in await store.directory.domains()]
        for name in domains or ():
            if await store.directory.domain(name) is None:
                raise NoSuchDomain(f"there is no domain {name} here")
        wanted = domains or known
        configuration = kept.configuration
        gatherer = Gatherer(
            configuration,
            store,
            Resolver(
                configuration.dns_servers, validating=configuration.dns_validating
            ),
            SystemClock(),
        )
        turn = asyncio.Semaphore(AT_ONCE)

        async def host() -> list[Finding]:
            return check_host(await gatherer.host(known))

        async def domain(name: str) -> list[Finding]:
            keys = await published_keys(store.directory, name)
            return check_domain(await gatherer.domain(name, keys))

        async def limited(name: str, look: Awaitable[list[Finding]]) -> list[Finding]:
            async with turn:
                try:
                    async with asyncio.timeout(LOOK_S):
                        return await look
                except TimeoutError:
                    return [warning("slow", name, seconds=f"{LOOK_S:.0f}")]

        looks = [limited(configuration.hostname, host())]
        looks += [limited(name, domain(name)) for name in wanted]
        return [each for some in await asyncio.gather(*looks) for each in some]

    found = kept.run(work)
    found.sort(key=lambda each: -each.severity)
    if json:
        print_json([_as_json(each) for each in found])
    else:
        _print(found, korean=_korean(lang), everything=everything)
    raise typer.Exit(exit_code(found))


def _korean(lang: str) -> bool:
    """What was asked for, else the locale (LC_ALL, LC_MESSAGES, LANG)."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    said = lang or next((os.environ[x] for x in names if os.environ.get(x)), "")
    return said.lower().startswith("ko")


def _as_json(finding: Finding) -> dict[str, object]:
    said = {}
    for language, korean in (("en", False), ("ko", True)):
        what, to_do = told(finding, korean=korean)
        said[language] = {"what": what, "to_do": to_do}
    return {
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "subject": finding.subject,
        "values": finding.values,
        **said,
    }


def _print(found: list[Finding], *, korean: bool, everything: bool) -> None:
    for finding in found:
        if finding.severity is Severity.WELL and not everything:
            continue
        what, to_do = told(finding, korean=korean)
        print(_clean(f"{MARKS[finding.severity][korean]}: {what}"))
        if to_do:
            print(_clean(f"  → {to_do}"))
    good = sum(each.severity is Severity.WELL for each in found)
    total = f"{len(found)}가지 가운데 {good}가지가 좋습니다" if korean else ""
    print(total or f"{good} of {len(found)} are well")
    sys.stdout.flush()


def _clean(text: str) -> str:
    """DNS answers are text of strangers: no control characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
