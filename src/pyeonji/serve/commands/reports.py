"""`pyeonji reports`: what others report about our domains."""

from __future__ import annotations

import secrets
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji import __version__
from pyeonji.base.errors import PermanentError
from pyeonji.mta.reports.arf import Complaint, compose_complaint
from pyeonji.mta.reports.letter import reports_in
from pyeonji.net.dns import a_labels
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.serve.report_reading import MAX_LETTER, keep_reports
from pyeonji.storage.errors import NoSuchDomain
from pyeonji.storage.tls import KEPT_DAYS

if TYPE_CHECKING:
    from pyeonji.storage.embedded import Store
    from pyeonji.storage.reports import KeptRow, Reporter
    from pyeonji.storage.tls import Counted, DomainTls

app = typer.Typer(
    help="Reports of others about our domains, and how TLS goes with them.",
    no_args_is_help=True,
)

DAY_S = 86400.0

Domain = Annotated[str, typer.Argument(help="A domain of ours.")]
Days = Annotated[int, typer.Option(min=1, max=400, help="How far back.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Letter = Annotated[str, typer.Argument(help='A file, or "-" for standard input.')]


class NoReport(PermanentError):
    """There is no report in it that can be read."""


def _octets(file: str) -> bytes:
    try:
        if file == "-":
            octets = sys.stdin.buffer.read(MAX_LETTER + 1)
        else:
            with Path(file).open("rb") as opened:
                octets = opened.read(MAX_LETTER + 1)
    except OSError as error:
        raise NoReport(f"{file}: {error.strerror}") from error
    if len(octets) > MAX_LETTER:
        raise NoReport(f"{file}: larger than {MAX_LETTER} octets")
    return octets


@app.command("read", epilog="Example: `pyeonji reports read report.eml`")
def read(context: typer.Context, file: Letter, *, json: Json = False) -> None:
    """Read a report: a letter that has one, or its .xml, .gz, .zip, .json.

    Reports in letters that the server delivers are read without this.
    """
    kept: Context = context.obj
    found = reports_in(_octets(file))
    if not found.reports:
        reasons = "; ".join(found.refused) or "no report in it"
        raise NoReport(f"{file}: {reasons}")

    async def work(store: Store) -> dict[str, int]:
        return await keep_reports(found.reports, store, time.time())

    counts = kept.run(work)
    if json:
        print_json({**counts, "refused": found.refused})
    else:
        print(", ".join(f"{name}: {count}" for name, count in counts.items()))


@app.command("dmarc", epilog="Example: `pyeonji reports dmarc example.org --days 7`")
def dmarc(
    context: typer.Context, domain: Domain, *, days: Days = 30, json: Json = False
) -> None:
    """Who sent mail in a domain's name, and whether it passed."""
    rows, reporters = _summary(context, "dmarc", domain, days)
    total = sum(row.count for row in rows)
    passed = sum(row.count for row in rows if _passed(row))
    if json:
        shown = {
            "domain": domain,
            "days": days,
            "letters": total,
            "passed": passed,
            "reporters": _told(reporters),
            "rows": [
                {
                    "source": row.source,
                    "header_from": row.name,
                    "disposition": row.outcome,
                    "dkim": row.dkim,
                    "spf": row.spf,
                    "count": row.count,
                }
                for row in rows
            ],
        }
        print_json(shown)
        return
    if not rows:
        print(f"no DMARC reports about {domain} in {days} days")
        return
    print(
        f"{passed} of {total} letters passed, "
        f"as {len(reporters)} receivers report of {days} days"
    )
    print_table(
        ("Letters", "Source", "From", "DKIM", "SPF", "Disposition"),
        (
            (row.count, row.source, row.name, row.dkim, row.spf, row.outcome)
            for row in rows
        ),
    )


@app.command("tls", epilog="Example: `pyeonji reports tls example.org`")
def tls(
    context: typer.Context, domain: Domain, *, days: Days = 30, json: Json = False
) -> None:
    """Whether others could deliver to a domain over TLS."""
    rows, reporters = _summary(context, "tls", domain, days)
    failed = [row for row in rows if row.outcome]
    total = sum(row.count for row in rows)
    failures = sum(row.count for row in failed)
    if json:
        shown = {
            "domain": domain,
            "days": days,
            "sessions": total,
            "failed": failures,
            "reporters": _told(reporters),
            "failures": [
                {
                    "result": row.outcome,
                    "mx": row.source,
                    "policy": row.name,
                    "count": row.count,
                }
                for row in failed
            ],
        }
        print_json(shown)
        return
    if not rows:
        print(f"no TLS reports about {domain} in {days} days")
        return
    print(
        f"{failures} of {total} sessions failed, "
        f"as {len(reporters)} senders report of {days} days"
    )
    if failed:
        print_table(
            ("Sessions", "Result", "MX", "Policy"),
            ((row.count, row.outcome, row.source, row.name) for row in failed),
        )


@app.command("outbound", epilog="Example: `pyeonji reports outbound example.net`")
def outbound(
    context: typer.Context,
    domain: Annotated[
        str, typer.Argument(help="Whose hosts; none: all domains.", show_default=False)
    ] = "",
    *,
    days: Annotated[int, typer.Option(min=1, max=KEPT_DAYS, help="How far back.")] = 7,
    limit: Annotated[
        int, typer.Option(min=1, help="Domains, those with most trouble first.")
    ] = 50,
    json: Json = False,
) -> None:
    """What TLS came to when we sent mail to others: seen by us, for us."""
    kept: Context = context.obj
    since = time.strftime("%Y-%m-%d", time.gmtime(time.time() - (days - 1) * DAY_S))
    if domain:
        name = a_labels(domain)

        async def look(store: Store) -> list[Counted]:
            return await store.tls.outbound_to(name, since)

        _print_outbound_to(name, days, kept.run(look), json=json)
        return

    async def work(store: Store) -> list[DomainTls]:
        return await store.tls.outbound(since, limit)

    found = kept.run(work)
    if json:
        print_json(
            {
                "days": days,
                "domains": [{**asdict(each), "failed": each.failed} for each in found],
            }
        )
        return
    if not found:
        print(f"no sessions with other servers in {days} days")
        return
    print_table(
        ("Domain", "Sessions", "Encrypted", "No TLS", "Failed", "Policy"),
        (
            (
                x.domain,
                x.sessions,
                x.encrypted,
                x.without,
                x.failed,
                " ".join(x.policies),
            )
            for x in found
        ),
    )


def _print_outbound_to(
    domain: str, days: int, found: list[Counted], *, json: bool
) -> None:
    if json:
        shown = {
            "domain": domain,
            "days": days,
            "results": [
                {
                    "result": each.result.failure or "encrypted",
                    "policy": each.result.policy.kind,
                    "mx": each.result.mx,
                    "address": each.result.address,
                    "reason": each.result.reason,
                    "sessions": each.sessions,
                }
                for each in found
            ],
        }
        print_json(shown)
        return
    if not found:
        print(f"no sessions with hosts of {domain} in {days} days")
        return
    print_table(
        ("Sessions", "Result", "Policy", "MX", "Address", "Reason"),
        (
            (
                each.sessions,
                each.result.failure or "encrypted",
                each.result.policy.kind,
                each.result.mx,
                each.result.address,
                each.result.reason,
            )
            for each in found
        ),
    )


@app.command("abuse", epilog="Example: `pyeonji reports abuse example.org`")
def abuse(
    context: typer.Context, domain: Domain, *, days: Days = 30, json: Json = False
) -> None:
    """Complaints about mail of a domain (ARF)."""
    rows, reporters = _summary(context, "abuse", domain, days)
    if json:
        shown = {
            "domain": domain,
            "days": days,
            "reporters": _told(reporters),
            "complaints": [
                {
                    "type": row.outcome,
                    "mail_from": row.name,
                    "source": row.source,
                    "count": row.count,
                }
                for row in rows
            ],
        }
        print_json(shown)
        return
    if not rows:
        print(f"no complaints about {domain} in {days} days")
        return
    print_table(
        ("Complaints", "Type", "Sender", "Source"),
        ((row.count, row.outcome, row.name, row.source) for row in rows),
    )


@app.command(
    "failures", epilog="Example: `pyeonji reports failures example.org --days 7`"
)
def failures(
    context: typer.Context, domain: Domain, *, days: Days = 30, json: Json = False
) -> None:
    """Single letters in a domain's name that failed, as others report (DMARC ruf)."""
    rows, reporters = _summary(context, "failure", domain, days)
    if json:
        shown = {
            "domain": domain,
            "days": days,
            "reporters": _told(reporters),
            "failures": [
                {
                    "failed": row.outcome.partition(" ")[0],
                    "delivery": row.outcome.partition(" ")[2],
                    "source": row.source,
                    "mail_from_domain": row.name,
                    "dkim": row.dkim,
                    "spf": row.spf,
                    "count": row.count,
                }
                for row in rows
            ],
        }
        print_json(shown)
        return
    if not rows:
        print(f"no failure reports about {domain} in {days} days")
        return
    print_table(
        ("Letters", "Source", "Envelope", "DKIM", "SPF", "Failed, delivery"),
        (
            (row.count, row.source, row.name, row.dkim, row.spf, row.outcome)
            for row in rows
        ),
    )


@app.command(
    "complain",
    epilog="Example: `pyeonji reports complain junk.eml --to abuse@example.net`",
)
def complain(
    context: typer.Context,
    file: Letter,
    *,
    to: Annotated[str, typer.Option(help="Who is responsible for its sender.")],
    kind: Annotated[
        str, typer.Option("--type", help="abuse, fraud, virus, not-spam, other.")
    ] = "abuse",
    source: Annotated[str, typer.Option(help="The address that it came from.")] = "",
) -> None:
    """Print an abuse report (ARF) about a letter, ready to be sent."""
    kept: Context = context.obj
    hostname = kept.configuration.hostname
    octets = compose_complaint(
        Complaint(
            reporting_mta=hostname,
            sender=f"postmaster@{hostname}",
            to=to,
            feedback_type=kind,
            letter=_octets(file),
            source_ip=source,
            reported_at=time.time(),
            user_agent=f"pyeonji/{__version__}",
            token=secrets.token_hex(12),
        )
    )
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def _summary(
    context: typer.Context, kind: str, name: str, days: int
) -> tuple[list[KeptRow], list[Reporter]]:
    kept: Context = context.obj

    async def work(store: Store) -> tuple[list[KeptRow], list[Reporter]]:
        domain = await store.directory.domain(name)
        if domain is None:
            raise NoSuchDomain(f"there is no domain {name} here")
        since = time.time() - days * DAY_S
        return (
            await store.reports.summary(kind, domain.name, since),
            await store.reports.reporters(kind, domain.name, since),
        )

    return kept.run(work)


def _passed(row: KeptRow) -> bool:
    """Either is enough for DMARC."""
    return "pass" in (row.dkim, row.spf)


def _told(reporters: list[Reporter]) -> list[dict[str, object]]:
    return [asdict(each) for each in reporters]
