"""`pyeonji account`: people with mailboxes."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pyeonji.base.errors import PermanentError
from pyeonji.serve.commands.addresses import whole_address
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.serve.values import ValueRefused, octets
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.errors import NoSuchAccount

if TYPE_CHECKING:
    from pyeonji.storage.directory import Account, Credentials
    from pyeonji.storage.embedded import Store

app = typer.Typer(help="Accounts: people with mailboxes.", no_args_is_help=True)

certificate_app = typer.Typer(
    help="TLS client certificates that an account may log in with.",
    no_args_is_help=True,
)
app.add_typer(certificate_app, name="certificate")

Address = Annotated[str, typer.Argument(help="An address, e.g. kim@example.org.")]
FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password's line from stdin."),
]
Quota = Annotated[
    str | None, typer.Option(help='Most octets it may keep, e.g. "5 GB"; "none".')
]
QuotaMessages = Annotated[
    str | None,
    typer.Option("--quota-messages", help='Most messages it may keep; "none".'),
]
QuotaMailboxes = Annotated[
    str | None,
    typer.Option("--quota-mailboxes", help='Most mailboxes it may make; "none".'),
]
Turn = Annotated[
    list[str] | None,
    typer.Option("--turn-domain", help="A domain it may ETRN and TURN (repeatable)."),
]


class PasswordRefused(PermanentError):
    """No password, or two that differ."""


def ask_password(*, from_stdin: bool) -> str:
    """One line of standard input, or asked twice on the terminal."""
    if from_stdin or not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True)
        if typer.prompt("Once more", hide_input=True) != password:
            raise PasswordRefused("the two passwords differ")
    if not password:
        raise PasswordRefused(
            "no password was given (its line comes from standard input)"
        )
    return password


def credentials_for(context: Context, store: Store, password: str) -> Credentials:
    """What is kept of a password under this configuration."""
    sealer = store.sealer if context.configuration.legacy_auth else None
    try:
        return make_credentials(password, sealer=sealer)
    except ValueError as error:
        raise PasswordRefused(str(error)) from error


def quota_octets(text: str | None) -> int | None:
    """The quota as written on the command line."""
    if text is None or text == "none":
        return None
    try:
        return octets(text)
    except ValueRefused as refused:
        raise typer.BadParameter(str(refused), param_hint="--quota") from None


def quota_number(text: str | None, option: str) -> int | None:
    """A number of things as written on the command line."""
    if text is None or text == "none":
        return None
    if not text.isascii() or not text.isdecimal():
        raise typer.BadParameter("a number, or none", param_hint=option)
    return int(text)


@app.command(
    "add",
    epilog="Example: `echo secret | pyeonji account add kim@example.org "
    "--password-stdin`",
)
def add(
    context: typer.Context,
    address: Address,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    quota: Quota = None,
    quota_messages: QuotaMessages = None,
    quota_mailboxes: QuotaMailboxes = None,
    turn_domain: Turn = None,
    *,
    administrator: Annotated[
        bool, typer.Option("--administrator", help="May see and change everything.")
    ] = False,
    password_stdin: FromStdin = False,
) -> None:
    """Make an account; the first one of a domain reads its postmaster's mail."""
    kept: Context = context.obj
    address = whole_address(address)
    password = ask_password(from_stdin=password_stdin)

    async def work(store: Store) -> None:
        account = await store.directory.add_account(
            address,
            credentials_for(kept, store, password),
            name=name,
            quota_octets=quota_octets(quota),
            quota_messages=quota_number(quota_messages, "--quota-messages"),
            quota_mailboxes=quota_number(quota_mailboxes, "--quota-mailboxes"),
            administrator=administrator,
            turn_domains=tuple(turn_domain or ()),
        )
        await store.mail.account(account.id)  # makes its folder and mailboxes

    kept.run(work)
    print(f"account {address} added")


@app.command("list", epilog="Example: `pyeonji account list --json`")
def list_(
    context: typer.Context,
    domain: Annotated[str | None, typer.Option(help="Only of this domain.")] = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all accounts with what they hold."""

    async def work(store: Store) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for account in await store.directory.accounts(domain):
            usage = await (await store.mail.account(account.id)).usage()
            rows.append(
                {
                    "address": account.address,
                    "id": account.id,
                    "name": account.name,
                    "enabled": account.enabled,
                    "administrator": account.administrator,
                    "quota_octets": account.quota_octets,
                    "quota_messages": account.quota_messages,
                    "quota_mailboxes": account.quota_mailboxes,
                    "turn_domains": list(account.turn_domains),
                    "messages": usage.messages,
                    "octets": usage.octets,
                    "mailboxes": usage.mailboxes,
                }
            )
        return rows

    kept: Context = context.obj
    rows = kept.run(work)
    if json:
        print_json(rows)
        return
    print_table(
        ("Address", "Name", "Messages", "Octets", "Quota", "State"),
        (
            (
                row["address"],
                row["name"] or "-",
                row["messages"],
                row["octets"],
                row["quota_octets"] or "-",
                "on" if row["enabled"] else "disabled",
            )
            for row in rows
        ),
        none="there are no accounts",
    )


async def _one(store: Store, address: str) -> Account:
    account = await store.directory.account_at(address)
    if account is None:
        raise NoSuchAccount(f"there is no account {address}")
    return account


@app.command("password", epilog="Example: `pyeonji account password kim@example.org`")
def password(
    context: typer.Context, address: Address, *, password_stdin: FromStdin = False
) -> None:
    """Set a new password."""
    kept: Context = context.obj
    given = ask_password(from_stdin=password_stdin)

    async def work(store: Store) -> None:
        account = await _one(store, address)
        await store.directory.set_credentials(
            account.id, credentials_for(kept, store, given)
        )

    kept.run(work)
    print(f"password of {address} changed")


@app.command("set", epilog="Example: `pyeonji account set kim@example.org --quota 5GB`")
def set_(
    context: typer.Context,
    address: Address,
    name: Annotated[str | None, typer.Option(help="Display name.")] = None,
    quota: Quota = None,
    quota_messages: QuotaMessages = None,
    quota_mailboxes: QuotaMailboxes = None,
    turn_domain: Turn = None,
    *,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="May it log in?")
    ] = None,
    administrator: Annotated[
        bool | None, typer.Option("--administrator/--no-administrator")
    ] = None,
) -> None:
    """Change an account."""

    async def work(store: Store) -> None:
        account = await _one(store, address)
        if name is not None:
            account = replace(account, name=name)
        if quota is not None:
            account = replace(account, quota_octets=quota_octets(quota))
        if quota_messages is not None:
            number = quota_number(quota_messages, "--quota-messages")
            account = replace(account, quota_messages=number)
        if quota_mailboxes is not None:
            number = quota_number(quota_mailboxes, "--quota-mailboxes")
            account = replace(account, quota_mailboxes=number)
        if turn_domain is not None:
            account = replace(account, turn_domains=tuple(turn_domain))
        if enabled is not None:
            account = replace(account, enabled=enabled)
        if administrator is not None:
            account = replace(account, administrator=administrator)
        await store.directory.update_account(account)

    kept: Context = context.obj
    kept.run(work)
    print(f"account {address} changed")


@app.command("remove", epilog="Example: `pyeonji account remove kim@example.org --yes`")
def remove(
    context: typer.Context,
    address: Address,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    keep_mail: Annotated[
        bool, typer.Option("--keep-mail", help="Leave its folder where it is.")
    ] = False,
) -> None:
    """Remove an account and, unless told otherwise, all its mail."""
    kept: Context = context.obj
    if not yes and not keep_mail:
        kept.run(lambda store: _one(store, address))  # before anything is asked
        typer.confirm(f"Erase {address} and all its mail?", abort=True)

    async def work(store: Store) -> None:
        account = await _one(store, address)
        await store.directory.remove_account(account.id)
        if not keep_mail:
            await store.mail.erase(account.id)

    kept.run(work)
    print(f"account {address} removed")


Certificate = Annotated[
    str,
    typer.Argument(
        help="A PEM file, or the SHA-256 fingerprint in hexadecimal digits."
    ),
]


def fingerprint_of(given: str) -> str:
    """The fingerprint that a file or an argument means."""
    digits = given.replace(":", "").lower()
    if len(digits) == 64 and all(digit in "0123456789abcdef" for digit in digits):
        return digits
    try:
        shown = x509.load_pem_x509_certificate(Path(given).read_bytes())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="CERTIFICATE") from None
    return shown.fingerprint(hashes.SHA256()).hex()


@certificate_app.command(
    "add", epilog="Example: `pyeonji account certificate add kim@example.org kim.pem`"
)
def certificate_add(
    context: typer.Context, address: Address, certificate: Certificate
) -> None:
    """Let the holder of a certificate log in as this account (EXTERNAL)."""
    fingerprint = fingerprint_of(certificate)

    async def work(store: Store) -> None:
        account = await _one(store, address)
        await store.directory.bind_certificate(account.id, fingerprint)

    kept: Context = context.obj
    kept.run(work)
    print(f"certificate {fingerprint} may log in as {address}")


@certificate_app.command("list")
def certificate_list(context: typer.Context, address: Address) -> None:
    """Show the fingerprints that an account is bound to."""

    async def work(store: Store) -> list[str]:
        return await store.directory.certificates((await _one(store, address)).id)

    kept: Context = context.obj
    for fingerprint in kept.run(work):
        print(fingerprint)


@certificate_app.command("remove")
def certificate_remove(
    context: typer.Context, address: Address, certificate: Certificate
) -> None:
    """Keep the holder of a certificate out again."""
    fingerprint = fingerprint_of(certificate)

    async def work(store: Store) -> bool:
        account = await _one(store, address)
        return await store.directory.unbind_certificate(account.id, fingerprint)

    kept: Context = context.obj
    if not kept.run(work):
        raise typer.BadParameter(f"{fingerprint} is not bound to {address}")
    print(f"certificate {fingerprint} removed")
