"""Who we are and which servers we use: from a TOML file and the command line.

default = "home"

[profile.home]
name = "김철수"
address = "kim@example.test"
user = "kim@example.test"          # default: the address
smtp = "mail.example.test:465"
imap = "mail.example.test:993"     # or pop3
sent = "Sent"                      # default: the folder the server names
smtp_tls = "implicit"              # default: by the port
imap_tls = "implicit"
verify = true                      # false: take any certificate
auth = "password"                  # "token": the secret is an OAuth access token
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pyeonji.mua.agent.errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

Tls = Literal["none", "starttls", "implicit"]

ENVIRONMENT_VARIABLE: Final = "PYEONJI_MAIL_CONFIG"
TLS_MODES: Final[tuple[Tls, ...]] = ("none", "starttls", "implicit")
_IMPLICIT_PORTS: Final = frozenset({465, 993, 995})
_DEFAULT_PORTS: Final = {"smtp": 465, "imap": 993, "pop3": 995}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is and how it is spoken to."""

    host: str
    port: int
    tls: Tls
    verify: bool = True
    token: bool = False  # the secret is a bearer token


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of one mail user; "" is unknown."""

    name: str = ""
    address: str = ""
    user: str = ""
    smtp: str = ""
    imap: str = ""
    pop3: str = ""
    smtp_tls: str = ""
    imap_tls: str = ""
    pop3_tls: str = ""
    sent: str = ""
    charset: str = ""
    auth: str = ""
    verify: bool = True

    @property
    def login(self) -> str:
        """The name to log in by."""
        return self.user or self.address

    def server(self, protocol: Literal["smtp", "imap", "pop3"]) -> Server:
        """The server for a protocol.

        Raises:
            NotConfigured: none is known.
        """
        text: str = getattr(self, protocol)
        if not text:
            raise NotConfigured(
                f"no {protocol.upper()} server: say --{protocol} HOST:PORT or "
                f"set {protocol} in a profile of {configuration_file()}"
            )
        host, port = split_server(text, _DEFAULT_PORTS[protocol])
        asked: str = getattr(self, f"{protocol}_tls")
        by_port: Tls = "implicit" if port in _IMPLICIT_PORTS else "starttls"
        mode = next((mode for mode in TLS_MODES if mode == asked), by_port)
        return Server(
            host=host,
            port=port,
            tls=mode,
            verify=self.verify,
            token=self.auth == "token",
        )


def split_server(text: str, default_port: int) -> tuple[str, int]:
    """HOST:PORT, HOST, [IPV6]:PORT.

    Raises:
        NotConfigured: the port is no number.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    elif ":" in host and not host.startswith("["):
        host, port = text, str(default_port)  # an IPv6 address alone
    if not port.isdecimal() or not 0 < int(port) < 65536 or not host:
        raise NotConfigured(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def configuration_file() -> Path:
    """The file with the profiles."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "pyeonji" / "mail.toml"


def read_profile(name: str = "", file: Path | None = None) -> Profile:
    """Read a profile; without a name the default one, or an empty one.

    Raises:
        NotConfigured: the file is not TOML, or has no such profile; the
            message names file and key.
    """
    path = file or configuration_file()
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        table = {}
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path}: {error}") from error
    profiles = table.get("profile", {})
    wanted = name or table.get("default", "")
    if not wanted and len(profiles) == 1:
        wanted = next(iter(profiles))
    if not wanted:
        return Profile()
    if not isinstance(profiles, dict) or wanted not in profiles:
        raise NotConfigured(f"{path}: there is no [profile.{wanted}]")
    return _profile(path, f"profile.{wanted}", profiles[wanted])


def _profile(path: Path, where: str, table: Any) -> Profile:
    if not isinstance(table, dict):
        raise NotConfigured(f"{path}: {where} is not a table")
    for key, value in table.items():
        if key not in _KNOWN:
            raise NotConfigured(f"{path}: {where}.{key}: unknown key")
        if type(value) is not (bool if key == "verify" else str):
            raise NotConfigured(f"{path}: {where}.{key}: wrong kind of value")
        if key == "auth" and value not in ("password", "token"):
            raise NotConfigured(f"{path}: {where}.auth: one of password, token")
        if key.endswith("_tls") and value not in TLS_MODES:
            raise NotConfigured(f"{path}: {where}.{key}: one of {', '.join(TLS_MODES)}")
    return Profile(**table)


_KNOWN: Final = frozenset(field.name for field in fields(Profile))


def with_options(profile: Profile, options: Mapping[str, Any]) -> Profile:
    """A profile with what the command line says put over it."""
    given = {key: value for key, value in options.items() if value}
    return replace(profile, **given)
