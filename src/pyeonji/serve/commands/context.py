"""What all commands share: the configuration, the kept things, and printing."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration
    from pyeonji.storage.embedded import Store

T = TypeVar("T")


class Context:
    """The configuration file that was chosen; read when first needed."""

    def __init__(self, file: Path, *, named: bool = True) -> None:
        """Nothing is read yet; `named`: somebody said which file."""
        self.file = file
        self._named = named
        self._configuration: Configuration | None = None

    @property
    def configuration(self) -> Configuration:
        """The configuration. Raises ConfigurationError."""
        # not every command needs it, nor what is kept: each imports what it uses
        from pyeonji.serve.configuration import (  # noqa: PLC0415
            ConfigurationError,
            read,
        )

        if self._configuration is None:
            if not self._named and not self.file.exists():
                raise ConfigurationError(
                    "there is no pyeonji.toml here and no /etc/pyeonji/pyeonji.toml: "
                    "say --config FILE, or pyeonji dev to try without"
                )
            self._configuration = read(self.file)
        return self._configuration

    def data(self) -> Path:
        """The data folder, for one who from now on is the configured user."""
        from pyeonji.serve.privileges import become_user  # noqa: PLC0415

        become_user(self.configuration)
        return self.configuration.data

    def run(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Open what is kept, do something with it, close it."""
        from pyeonji.storage.embedded import open_store  # noqa: PLC0415

        data = self.data()

        async def whole() -> T:
            store = await open_store(data)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(whole())


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(_plain(value))))
    sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, none: str = ""
) -> None:
    """A table for people; wide on a pipe, so that nothing is cut.

    `none` is said instead where there are no rows.
    """
    rows = list(rows)
    if none and not rows:
        print(none)
        return
    from rich.console import Console  # noqa: PLC0415 - 0.15 s that few commands need
    from rich.table import Table  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else 200, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(printable(str(cell)) for cell in row))
    console.print(table)


def printable(text: str) -> str:
    """Text of strangers for a terminal: no control characters, no markup."""
    visible = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return visible.replace("[", r"\[")
