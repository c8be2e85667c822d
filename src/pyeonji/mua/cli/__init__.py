"""The command `pyeonji mail`: `app` is a typer application, mounted by serve.

How commands end stands in `exits`; what they share in `options`.
"""

from __future__ import annotations

from typing import Final

import typer

from pyeonji.mua.cli import exits
from pyeonji.mua.commandset import Command, CommandSet

_PANELS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Writing": {"sending": ("send",), "answering": ("reply", "forward", "redirect")},
    "Reading": {
        "reading": ("list_", "read", "save"),
        "inspecting": ("inspect",),
        "filing": ("search", "folders", "watch"),
    },
    "Filing": {"filing": ("move", "delete", "flag")},
    "Account": {"login": ("login", "logout")},
}
"""Heading of --help, module, functions."""

COMMANDS: Final = {
    name.rstrip("_"): Command(f"{__name__}.{module}:{name}", panel=panel)
    for panel, modules in _PANELS.items()
    for module, names in modules.items()
    for name in names
}
"""Serve adds one."""


class _Commands(CommandSet):
    known = COMMANDS


app = typer.Typer(
    cls=_Commands,
    name="mail",
    help="Write, send, read and file letters on any server.",
    epilog=exits.__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _mail() -> None:
    """Every command says its own options."""


__all__ = ["COMMANDS", "app"]
