"""What commands print, and how they end."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pyeonji.base.errors import PyeonjiError
from pyeonji.mua.agent.errors import LoginRefused
from pyeonji.mua.agent.show import safe, safe_line
from pyeonji.mua.cli.exits import Exit, exit_of
from pyeonji.net.errors import TlsFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

SHOW_PROGRESS_FROM = 256 * 1024  # octets; less is over before a bar is drawn


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    document = msgspec.json.format(msgspec.json.encode(value), indent=2)
    write_octets(document + b"\n")


def print_text(text: str) -> None:
    """Text on standard output; what could steer a terminal is escaped."""
    write_octets((safe(text).rstrip("\n") + "\n").encode("utf-8", "replace"))


def write_octets(octets: bytes) -> None:
    """Octets on standard output, exactly."""
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


def say(text: str) -> None:
    """A remark on standard error."""
    print(safe_line(text), file=sys.stderr)


def leave(code: Exit, text: str = "") -> NoReturn:
    """End the command."""
    if text:
        say(f"pyeonji mail: {text}")
    raise typer.Exit(code)


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors into a line on standard error and an exit code."""
    try:
        yield
    except PyeonjiError as error:
        leave(exit_of(error), _told(error))
    except BrokenPipeError:
        leave(Exit.CANNOT_WRITE)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _told(error: PyeonjiError) -> str:
    """An error in words that say what to do, where that is not plain."""
    text = str(error) or type(error).__name__
    if isinstance(error, LoginRefused):
        return f"not logged in: {text}"
    if isinstance(error, TlsFailed) and "certificate" in text:
        return f"{text} (--insecure takes any)"
    return text


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do what needs the network, errors reported."""
    with reported():
        return asyncio.run(work)


@contextmanager
def progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar for a long transfer, only on a terminal; call with octets done."""
    if not sys.stderr.isatty() or (total is not None and total < SHOW_PROGRESS_FROM):
        yield lambda _done: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)
