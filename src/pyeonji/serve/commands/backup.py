"""`pyeonji backup`: a copy of all that is kept, beside the running server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.errors import PermanentError
from pyeonji.serve.commands.check import show_report
from pyeonji.storage.embedded.backup import back_up
from pyeonji.storage.embedded.verify import verify

if TYPE_CHECKING:
    from pyeonji.serve.commands.context import Context


class NoPlaceForBackup(PermanentError):
    """The folder can't hold a backup."""


def backup(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Where to; may hold an earlier backup.")
    ],
    *,
    check: Annotated[
        bool, typer.Option("--verify", help="Then look through the copy (see verify).")
    ] = False,
) -> None:
    """Copy all that is kept to a folder; the server may run.

    A second backup to the same folder writes only what is new. To restore:
    copy the folder to where `data` points, and start the server.
    """
    kept: Context = context.obj
    data = kept.data().resolve()
    target = folder.resolve()
    if target.is_relative_to(data) or data.is_relative_to(target):
        raise NoPlaceForBackup(f"{folder} and the data folder {data} lie in each other")
    copied = back_up(data, target)
    print(
        f"{copied.databases} databases and {copied.files} files copied, "
        f"{copied.octets} octets"
    )
    if check:
        show_report(verify(target), json=False)
