"""`pyeonji serve`: run the server in the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from pyeonji.serve import logs
from pyeonji.serve.supervisor import Supervisor

if TYPE_CHECKING:
    from pyeonji.serve.commands.context import Context


def serve(context: typer.Context) -> None:
    """Run the server; prints `ready` when every listener accepts.

    SIGTERM finishes what is under way and ends; SIGHUP reads the configuration
    and the certificate again.
    """
    # all stations and protocols: half a second that no other command needs
    from pyeonji.serve.worker import run_worker  # noqa: PLC0415

    kept: Context = context.obj
    configuration = kept.configuration
    logs.configure(configuration.log)

    def say_ready(_: object) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    supervisor = Supervisor(configuration, run_worker, on_ready=say_ready)
    raise typer.Exit(supervisor.run())
