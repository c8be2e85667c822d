"""`pyeonji domain`: the domains whose mail is kept here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.mta.publish.records import ascii_name
from pyeonji.mta.signing.keys import KEY_TYPES
from pyeonji.serve.commands.addresses import whole_address
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.serve.commands.dkim import new_keys
from pyeonji.storage.directory import Domain
from pyeonji.storage.errors import NoSuchAccount, NoSuchDomain

if TYPE_CHECKING:
    from pyeonji.base.ids import AccountId
    from pyeonji.storage.embedded import Store

app = typer.Typer(help="Domains whose mail is kept here.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A domain, e.g. example.org.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("add", epilog="Example: `pyeonji domain add example.org`")
def add(context: typer.Context, name: Name) -> None:
    """Keep mail for a domain, and make keys that sign for it.

    `pyeonji domain dns` then shows all there is to publish.
    """

    async def work(store: Store) -> None:
        ascii_name(name)  # raises where it can't be one
        await store.directory.add_domain(Domain(name=name))
        await new_keys(store, name, KEY_TYPES)

    kept: Context = context.obj
    kept.run(work)
    print(f"domain {name} added; what to put into DNS: pyeonji domain dns {name}")


@app.command("list", epilog="Example: `pyeonji domain list --json`")
def list_(context: typer.Context, *, json: Json = False) -> None:
    """Show all domains."""

    async def work(store: Store) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for domain in await store.directory.domains():
            administrator = (
                await store.directory.account(domain.administrator)
                if domain.administrator
                else None
            )
            accounts = await store.directory.accounts(domain.name)
            rows.append(
                {
                    "name": domain.name,
                    "administrator": administrator.address if administrator else None,
                    "catch_all": domain.catch_all,
                    "accounts": len(accounts),
                }
            )
        return rows

    kept: Context = context.obj
    rows = kept.run(work)
    if json:
        print_json(rows)
    else:
        print_table(
            ("Domain", "Accounts", "Postmaster", "Catch-all"),
            (
                (
                    r["name"],
                    r["accounts"],
                    r["administrator"] or "-",
                    r["catch_all"] or "-",
                )
                for r in rows
            ),
            none="there are no domains: pyeonji domain add example.org",
        )


@app.command(
    "set",
    epilog="Example: `pyeonji domain set example.org --catch-all kim@example.org`",
)
def set_(
    context: typer.Context,
    name: Name,
    administrator: Annotated[
        str | None, typer.Option(help="The account that reads postmaster's mail.")
    ] = None,
    catch_all: Annotated[
        str | None,
        typer.Option(help='Address for unknown local parts; "" for none.'),
    ] = None,
) -> None:
    """Change a domain."""

    async def work(store: Store) -> None:
        domain = await store.directory.domain(name)
        if domain is None:
            raise NoSuchDomain(f"there is no domain {name} here")
        account_id: AccountId | None = domain.administrator
        if administrator is not None:
            account = await store.directory.account_at(administrator)
            if account is None:
                raise NoSuchAccount(f"there is no account {administrator}")
            account_id = account.id
        catching = domain.catch_all
        if catch_all is not None:
            catching = whole_address(catch_all) if catch_all else None
        await store.directory.update_domain(
            replace(domain, administrator=account_id, catch_all=catching)
        )

    kept: Context = context.obj
    kept.run(work)
    print(f"domain {name} changed")


@app.command("remove", epilog="Example: `pyeonji domain remove example.org`")
def remove(context: typer.Context, name: Name) -> None:
    """Keep no mail for a domain any more; its accounts must be gone first."""

    async def work(store: Store) -> None:
        await store.directory.remove_domain(name)

    kept: Context = context.obj
    kept.run(work)
    print(f"domain {name} removed")
