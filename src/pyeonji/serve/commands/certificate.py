"""`pyeonji certificate`: what this server shows, and getting a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import SystemClock, utc
from pyeonji.base.errors import PermanentError
from pyeonji.net.dns import Resolver
from pyeonji.serve.acme.folder import AcmeFolder
from pyeonji.serve.acme.keeper import names_now
from pyeonji.serve.acme.plan import renew_at, why_now
from pyeonji.serve.certificates import CertificateRefused, described, named_files
from pyeonji.serve.commands.context import Context, print_json

if TYPE_CHECKING:
    from pyeonji.storage.embedded import Store

app = typer.Typer(
    help="The certificate that listeners show.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class NoAuthority(PermanentError):
    """The configuration says nothing of ACME."""


@app.command("list", epilog="Example: `pyeonji certificate list --json`")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """Show the certificate: its file, names, issuer, and until when."""
    kept: Context = context.obj
    configuration = kept.configuration
    file, _ = named_files(configuration)
    try:
        found = described(file)
    except (OSError, ValueError) as error:
        raise CertificateRefused(f"{file}: {error}") from error
    renewed = configuration.acme is not None and file.parent.name == "acme"
    due = renew_at(found.not_before, found.not_after) if renewed else None
    if json:
        shown = {
            "file": str(file),
            "names": found.names,
            "issuer": found.issuer,
            "not_before": utc(found.not_before).isoformat(),
            "not_after": utc(found.not_after).isoformat(),
            "renewed_from": utc(due).isoformat() if due is not None else None,
        }
        print_json([shown])
        return
    print(f"{file}")
    print(f"  names   {', '.join(found.names)}")
    print(f"  issuer  {found.issuer}")
    print(f"  valid   {utc(found.not_before):%Y-%m-%d} to {utc(found.not_after):%F}")
    if due is not None:
        print(f"  renewed from {utc(due):%Y-%m-%d} on")


@app.command("renew", epilog="Example: `pyeonji certificate renew --force`")
def renew(
    context: typer.Context,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Also where it is not due.")
    ] = False,
    new_key: Annotated[
        bool,
        typer.Option("--new-key", help="With a new key: TLSA records change."),
    ] = False,
) -> None:
    """Get a certificate from the authority of `[acme]` now, if one is due.

    The running server answers the challenges, and shows the new certificate
    within seconds; connections go on.
    """
    from pyeonji.serve.acme.issue import issue  # noqa: PLC0415 - slow to import

    kept: Context = context.obj
    configuration = kept.configuration
    settings = configuration.acme
    if settings is None:
        raise NoAuthority(f"{configuration.file}: there is no [acme]")

    async def work(store: Store) -> list[str]:
        resolver = Resolver(
            configuration.dns_servers, validating=configuration.dns_validating
        )
        return await names_now(configuration, store.directory, resolver)

    names = kept.run(work)
    folder = AcmeFolder(configuration.data)
    present = folder.present()
    why = why_now(
        present.names if present else (),
        names,
        not_before=present.not_before if present else 0.0,
        not_after=present.not_after if present else 0.0,
        now=SystemClock().time(),
    )
    if not (why or force or new_key):
        print("nothing is due")
        return
    issue(
        settings,
        names,
        folder,
        new_key=new_key,
        resolvers=configuration.dns_servers,
    )
    print(f"certificate for {', '.join(names)}")
