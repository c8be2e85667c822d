"""login, logout: the secret in the keyring."""

from __future__ import annotations

import getpass
import sys

import keyring
import keyring.errors

from pyeonji.mua.agent.errors import NotConfigured
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.output import reported, say


def _hosts(access: o.Access) -> list[str]:
    profile = access.profile
    found = {
        profile.server(protocol).host
        for protocol in ("smtp", "imap", "pop3")
        if getattr(profile, protocol)
    }
    if not found or not profile.login:
        raise NotConfigured("say --profile, or --user and a server")
    return sorted(found)


def login(
    profile: o.ProfileName = "",
    smtp: o.Smtp = "",
    imap: o.Imap = "",
    user: o.User = "",
    password_stdin: o.PasswordStdin = False,
) -> None:
    """Keep the password in the system's keyring, for all servers of a profile.

    Example: pyeonji mail login --profile home
    """
    with reported():
        access = o.access(profile=profile, smtp=smtp, imap=imap, user=user)
        hosts, name = _hosts(access), access.profile.login
        secret = (
            sys.stdin.readline().rstrip("\r\n")
            if password_stdin
            else getpass.getpass(f"{name}: ")
        )
        try:
            for host in hosts:
                keyring.set_password(o.KEYRING_SERVICE, f"{name}@{host}", secret)
        except keyring.errors.KeyringError as error:
            raise NotConfigured(f"no keyring can be used here: {error}") from error
        say(f"kept for {name} on {', '.join(hosts)}")


def logout(
    profile: o.ProfileName = "",
    smtp: o.Smtp = "",
    imap: o.Imap = "",
    user: o.User = "",
) -> None:
    """Forget the password again.

    Example: pyeonji mail logout --profile home
    """
    with reported():
        access = o.access(profile=profile, smtp=smtp, imap=imap, user=user)
        for host in _hosts(access):
            try:
                keyring.delete_password(
                    o.KEYRING_SERVICE, f"{access.profile.login}@{host}"
                )
            except keyring.errors.KeyringError:
                say(f"nothing was kept for {host}")
