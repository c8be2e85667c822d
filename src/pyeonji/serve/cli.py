"""The command `pyeonji`: everything an operator or a user of mail types."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from pyeonji import __version__
from pyeonji.base.errors import PermanentError, TemporaryError
from pyeonji.mua.commandset import Command, CommandSet
from pyeonji.serve.commands.context import Context

DEFAULT_FILES: Final = ("pyeonji.toml", "/etc/pyeonji/pyeonji.toml")

HERE: Final = "pyeonji.serve.commands"

COMMANDS: Final[dict[str, Command]] = {
    "domain": Command(f"{HERE}.publishing:app"),
    "account": Command(f"{HERE}.holds:app"),
    "alias": Command(f"{HERE}.aliases:app"),
    "dkim": Command(f"{HERE}.dkim:app"),
    "queue": Command(f"{HERE}.queue:app"),
    "certificate": Command(f"{HERE}.certificate:app"),
    "reports": Command(f"{HERE}.reports:app"),
    "suppression": Command(f"{HERE}.suppression:app"),
    "mail": Command(f"{HERE}.mail:app"),
    "serve": Command(f"{HERE}.serving:serve", "pyeonji --config pyeonji.toml serve"),
    "dev": Command(f"{HERE}.dev:dev", "pyeonji dev"),
    "trace": Command(f"{HERE}.trace:trace", "pyeonji trace 01JX5K8Q20001"),
    "doctor": Command(f"{HERE}.doctor:doctor", "pyeonji doctor example.org"),
    "check": Command(f"{HERE}.check:check", "pyeonji --config pyeonji.toml check"),
    "verify": Command(f"{HERE}.check:verify", "pyeonji verify"),
    "backup": Command(f"{HERE}.backup:backup", "pyeonji backup /srv/backup/pyeonji"),
    "import": Command(
        f"{HERE}.moving:import_", "pyeonji import kim@example.org /home/kim/Maildir"
    ),
    "export": Command(
        f"{HERE}.moving:export", "pyeonji export kim@example.org /srv/kim"
    ),
    "repair": Command(f"{HERE}.check:repair", "pyeonji repair"),
}
"""In the order of --help."""


class Commands(CommandSet):
    """Of `pyeonji`."""

    known = COMMANDS


app = typer.Typer(
    cls=Commands,
    name="pyeonji",
    help="편지: a complete Internet e-mail system.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"pyeonji {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PYEONJI_CONFIG",
            help="The configuration file (else ./pyeonji.toml, "
            "/etc/pyeonji/pyeonji.toml).",
        ),
    ] = None,
    *,
    version: Annotated[  # noqa: ARG001 - its callback has said it
        bool,
        typer.Option(
            "--version", help="Say which.", callback=_say_version, is_eager=True
        ),
    ] = False,
) -> None:
    chosen = config or next(
        (Path(name) for name in DEFAULT_FILES if Path(name).exists()),
        Path(DEFAULT_FILES[0]),
    )
    context.obj = Context(chosen, named=config is not None)


def main() -> None:
    """Run the command; errors are one line, and exit codes mean something.

    0 done, 1 refused for good, 2 wrong usage, 75 try again later.
    """
    try:
        app()
    except PermanentError as error:
        print(f"pyeonji: {str(error) or type(error).__name__}", file=sys.stderr)
        sys.exit(1)
    except TemporaryError as error:
        print(
            f"pyeonji: {str(error) or type(error).__name__} (try later)",
            file=sys.stderr,
        )
        sys.exit(os.EX_TEMPFAIL)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
