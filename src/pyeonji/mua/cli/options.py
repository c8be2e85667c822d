"""Options that several commands have, and what they come to."""

from __future__ import annotations

import functools
import getpass
import inspect
import secrets
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import keyring
import keyring.errors
import typer

from pyeonji.message.charset import decode_undeclared
from pyeonji.message.compose import BadValue
from pyeonji.mua.agent.errors import NotConfigured, NothingRead
from pyeonji.mua.agent.profiles import TLS_MODES, Profile, read_profile, with_options
from pyeonji.mua.cli.output import reported

KEYRING_SERVICE: Final = "pyeonji mail"
_ACCOUNT = "Account and servers"

ProfileName = Annotated[
    str,
    typer.Option("--profile", help="Profile of mail.toml.", rich_help_panel=_ACCOUNT),
]
Smtp = Annotated[
    str,
    typer.Option(
        "--smtp", metavar="HOST:PORT", help="Submit here.", rich_help_panel=_ACCOUNT
    ),
]
Imap = Annotated[
    str,
    typer.Option(
        "--imap", metavar="HOST:PORT", help="Read over IMAP.", rich_help_panel=_ACCOUNT
    ),
]
Pop3 = Annotated[
    str,
    typer.Option(
        "--pop3", metavar="HOST:PORT", help="Read over POP3.", rich_help_panel=_ACCOUNT
    ),
]
Tls = Annotated[
    str,
    typer.Option(
        "--tls",
        metavar="none|starttls|implicit",
        help="Default: implicit on 465, 993 and 995, else starttls.",
        rich_help_panel=_ACCOUNT,
    ),
]
User = Annotated[
    str, typer.Option("--user", help="Name to log in by.", rich_help_panel=_ACCOUNT)
]
PasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin",
        help="Read the password from the first line of standard input.",
        rich_help_panel=_ACCOUNT,
    ),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Take any TLS certificate (for servers under test).",
        rich_help_panel=_ACCOUNT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Folder = Annotated[str, typer.Option("--folder", "-f", help="Folder.")]


class Access:
    """A profile, and how its secret is to be had."""

    def __init__(self, profile: Profile, *, password_stdin: bool) -> None:
        self.profile = profile
        self._password_stdin = password_stdin
        self._given: str | None = None  # typed or piped: asked for once

    def check_inputs(self, *files: str) -> None:
        """See that the password and these files don't both want standard input.

        Raises:
            NotConfigured: they do.
        """
        if files.count("-") + self._password_stdin > 1:
            raise NotConfigured("standard input can be read only once")

    def password(self, protocol: Literal["smtp", "imap", "pop3"]) -> str:
        """The secret: standard input, the keyring, or a question.

        Raises:
            NotConfigured: none is to be had.
        """
        if self._given is None and self._password_stdin:
            self._given = sys.stdin.readline().rstrip("\r\n")
        if self._given is not None:
            return self._given
        login = self.profile.login
        host = self.profile.server(protocol).host
        try:
            kept = keyring.get_password(KEYRING_SERVICE, f"{login}@{host}")
        except keyring.errors.KeyringError:
            kept = None
        if kept is not None:
            return kept
        if not sys.stdin.isatty():
            raise NotConfigured(
                f"no password for {login} on {host}: --password-stdin, "
                "or keep it with `pyeonji mail login`"
            )
        self._given = getpass.getpass(f"{login} @ {host}: ")
        return self._given


def access(
    *,
    profile: str = "",
    smtp: str = "",
    imap: str = "",
    pop3: str = "",
    tls: str = "",
    user: str = "",
    password_stdin: bool = False,
    insecure: bool = False,
) -> Access:
    """Put the command line over the profile.

    Raises:
        NotConfigured: no such profile, or an unknown --tls.
    """
    if tls and tls not in TLS_MODES:
        raise NotConfigured(f"--tls is one of {', '.join(TLS_MODES)}")
    if imap and pop3:
        raise NotConfigured("--imap or --pop3, not both")
    options = {"smtp": smtp, "imap": imap, "pop3": pop3, "user": user}
    if tls:
        given = [name for name in ("smtp", "imap", "pop3") if options[name]]
        options |= {f"{name}_tls": tls for name in given or ("smtp", "imap", "pop3")}
    chosen = with_options(read_profile(profile), options)
    if insecure:
        chosen = replace(chosen, verify=False)
    if pop3:  # said on the command line, it wins over the profile's IMAP
        chosen = replace(chosen, imap="")
    return Access(chosen, password_stdin=password_stdin)


def reaching(
    *protocols: Literal["smtp", "imap", "pop3"],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command's options that say whose mail it is, and on which servers.

    The command's parameter `access` is not on the command line: it is what these
    options and the profile come to.
    """
    servers = {"smtp": Smtp, "imap": Imap, "pop3": Pop3}
    kinds: dict[str, tuple[Any, object]] = {
        "profile": (ProfileName, ""),
        **{protocol: (servers[protocol], "") for protocol in protocols},
        "tls": (Tls, ""),
        "user": (User, ""),
        "password_stdin": (PasswordStdin, False),
        "insecure": (Insecure, False),
    }
    options = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
        )
        for name, (kind, default) in kinds.items()
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**given: Any) -> None:
            said = {name: given.pop(name) for name in kinds}
            with reported():
                reached = access(**said)
            command(access=reached, **given)

        written = inspect.signature(command, eval_str=True)
        own = [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, one in written.parameters.items()
            if name != "access"
        ]
        signature = written.replace(parameters=[*own, *options])
        run.__annotations__ = {
            name: one.annotation for name, one in signature.parameters.items()
        }
        run.__signature__ = signature  # type: ignore[attr-defined]
        return run

    return decorate


def new_token() -> str:
    """Chance for a Message-ID and boundaries: 128 bits."""
    return secrets.token_hex(16)


def moment(text: str) -> datetime:
    """A date as RFC 3339 writes it; "" is now, in the zone of this machine.

    Raises:
        BadValue: something else, or without a zone.
    """
    if not text:
        return datetime.now(UTC).astimezone()
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadValue("--date", f"{text!r} is not an RFC 3339 date") from error
    if date.tzinfo is None:
        raise BadValue("--date", f"{text!r} needs a zone, such as +09:00")
    return date


def read_octets(path: str) -> bytes:
    """A file, or standard input for "-".

    Raises:
        NothingRead: it cannot be read.
    """
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NothingRead(f"{path}: {error.strerror or error}") from error


def read_text(path: str) -> str:
    """A text in any charset, from a file or standard input."""
    return decode_undeclared(read_octets(path)).removeprefix("\ufeff")
