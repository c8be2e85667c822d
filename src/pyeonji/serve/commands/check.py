"""`pyeonji check` and `verify`: is the configuration right, does what is kept fit?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.serve.commands.context import print_json
from pyeonji.serve.named_files import check_files
from pyeonji.serve.supervisor import lock_data
from pyeonji.storage.embedded.verify import Report
from pyeonji.storage.embedded.verify import repair as repair_data
from pyeonji.storage.embedded.verify import verify as verify_data

if TYPE_CHECKING:
    from pyeonji.serve.commands.context import Context


def check(context: typer.Context) -> None:
    """Read the configuration and the files it names; exit code 1 on a mistake.

    Changes nothing; the running server takes the file over on SIGHUP.
    """
    kept: Context = context.obj
    configuration = kept.configuration
    if os.getuid() == 0 and configuration.user:
        kept.data()  # what that user can't read, the server can't
    check_files(configuration)
    print(f"{configuration.file}: all is well")


def verify(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check checksums, counters, uids and files; exit code 1 on any problem.

    May run beside the server; what is being written meanwhile is no problem.
    """
    kept: Context = context.obj
    show_report(verify_data(kept.data()), json=json)


def repair(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Mend counters and lost files; the server must be down.

    Uids stay as they are. Shows what `verify` finds afterwards.
    """
    kept: Context = context.obj
    data = kept.data()
    lock = lock_data(data)
    try:
        show_report(repair_data(data), json=json)
    finally:
        os.close(lock)


def show_report(report: Report, *, json: bool) -> None:
    """What was found; exit code 1 on any problem."""
    if json:
        print_json(report)
    else:
        for problem in report.leftovers:
            print(
                f"{problem.where}: {problem.what} (a crash left it; repair removes it)"
            )
        for problem in report.problems:
            print(f"{problem.where}: {problem.what}")
        print(
            f"{report.accounts} accounts, {report.messages} messages, "
            f"{report.letters} letters in the queue: "
            + (f"{len(report.problems)} problems" if report.problems else "all is well")
        )
    if report.problems:
        raise typer.Exit(1)
