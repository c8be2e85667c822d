"""The command `pyeonji`: everything an operator or a user of mail types."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from pyeonji import __version__
from pyeonji.base.errors import PermanentError, TemporaryError
from pyeonji.mua.cli import app as mail
from pyeonji.serve.commands import (
    accounts,
    aliases,
    certificate,
    check,
    dev,
    dkim,
    doctor,
    domains,
    letters,
    publishing,
    queue,
    reports,
    serving,
    suppression,
    trace,
)
from pyeonji.serve.commands.context import Context

DEFAULT_FILES: Final = ("pyeonji.toml", "/etc/pyeonji/pyeonji.toml")

app = typer.Typer(
    name="pyeonji",
    help="편지: a complete Internet e-mail system.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
domains.app.command("dns", epilog="Example: `pyeonji domain dns example.org`")(
    publishing.dns
)
app.add_typer(domains.app, name="domain")
app.add_typer(accounts.app, name="account")
app.add_typer(aliases.app, name="alias")
app.add_typer(dkim.app, name="dkim")
app.add_typer(queue.app, name="queue")
app.add_typer(certificate.app, name="certificate")
app.add_typer(reports.app, name="reports")
app.add_typer(suppression.app, name="suppression")
mail.command("verify", rich_help_panel="Reading")(letters.verify)
app.add_typer(mail, name="mail")
app.command(epilog="Example: `pyeonji --config pyeonji.toml serve`")(serving.serve)
app.command(epilog="Example: `pyeonji dev`")(dev.dev)
app.command(epilog="Example: `pyeonji trace 01JX5K8Q20001`")(trace.trace)
app.command(epilog="Example: `pyeonji doctor example.org`")(doctor.doctor)
app.command(epilog="Example: `pyeonji --config pyeonji.toml check`")(check.check)
app.command(epilog="Example: `pyeonji verify`")(check.verify)
app.command(epilog="Example: `pyeonji repair`")(check.repair)


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
    version: Annotated[bool, typer.Option("--version", help="Say which.")] = False,
) -> None:
    if version:
        print(f"pyeonji {__version__}")
        raise typer.Exit
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
