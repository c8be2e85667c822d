"""The command `pyeonji mail`: `app` is a typer application, mounted by serve.

How commands end stands in `exits`; what they share in `options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import typer

from pyeonji.mua.cli import exits
from pyeonji.mua.cli.answering import forward, redirect, reply
from pyeonji.mua.cli.filing import delete, flag, folders, move, search, watch
from pyeonji.mua.cli.inspecting import inspect
from pyeonji.mua.cli.login import login, logout
from pyeonji.mua.cli.reading import list_, read, save
from pyeonji.mua.cli.sending import send

app = typer.Typer(
    name="mail",
    help="Write, send, read and file letters on any server.",
    epilog=exits.__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_PANELS: Final[dict[str, tuple[Callable[..., None], ...]]] = {
    "Writing": (send, reply, forward, redirect),
    "Reading": (list_, read, save, inspect, search, folders, watch),
    "Filing": (move, delete, flag),
    "Account": (login, logout),
}
for _panel, _commands in _PANELS.items():
    for _command in _commands:
        _name = _command.__name__.rstrip("_")
        app.command(_name, rich_help_panel=_panel)(_command)

__all__ = ["app"]
