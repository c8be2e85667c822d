"""Becoming the configured user: the server once its ports are bound, and commands.

What root does in the data folder would belong to root, and the server could not
write it. So commands become the user, too, before they open what is kept.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import structlog

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration

log = structlog.get_logger("pyeonji.serve")


class CannotBecome(PermanentError):
    """The configured user is not there, or we may not become it."""


def drop_privileges(configuration: Configuration) -> None:
    """Become the configured user; what root left in the data folder becomes its.

    Raises:
        CannotBecome: no such user, or not allowed.
    """
    if not configuration.user:
        if os.getuid() == 0:
            log.warning("privileges.root", hint='set user = "…" at the top')
        return
    entry = _user(configuration)
    if os.getuid() == entry.pw_uid:
        return
    try:
        give_away(configuration.data, entry.pw_uid, entry.pw_gid)
    except OSError as error:
        raise CannotBecome(f"user {configuration.user}: {error}") from error
    _become(configuration, entry)


def become_user(configuration: Configuration) -> None:
    """What a command does before it opens what is kept; nothing unless root.

    Raises:
        CannotBecome: no such user, or not allowed.
    """
    if os.getuid() != 0 or not configuration.user:
        return
    entry = _user(configuration)
    data = configuration.data
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if data.stat().st_uid != entry.pw_uid:
            give_away(data, entry.pw_uid, entry.pw_gid)
    except OSError as error:
        raise CannotBecome(f"data folder {data}: {error.strerror}") from error
    _become(configuration, entry)


def give_away(data: Path, uid: int, gid: int) -> None:
    """Make all below a folder belong to a user.

    The folder is that user's, who may have put anything there and may change it
    meanwhile: links are never followed, and names are those of open folders.

    Raises:
        OSError: not allowed, or the folder can't be read.
    """
    for _, folders, names, descriptor in os.fwalk(data, follow_symlinks=False):
        for name in (*folders, *names):
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if (found.st_uid, found.st_gid) != (uid, gid):
                    os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue
    os.chown(data, uid, gid)


def _user(configuration: Configuration) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(str(configuration.user))
    except KeyError:
        raise CannotBecome(
            f"{configuration.file}: user: there is no {configuration.user!r}"
        ) from None


def _become(configuration: Configuration, entry: pwd.struct_passwd) -> None:
    try:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except OSError as error:
        raise CannotBecome(
            f"user: can't become {configuration.user}: {error}"
        ) from error
