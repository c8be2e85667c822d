"""Hooks whose functions hang: a worker writes it down, `pyeonji doctor` reads it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.hooks.python import PythonHook

MAX_FILES: Final = 1000
MAX_OCTETS: Final = 64 * 1024

log = structlog.get_logger("pyeonji.serve")


class HangingHooks:
    """What one worker knows of its own."""

    def __init__(self, data: Path, worker: int, hooks: Sequence[PythonHook]) -> None:
        """None hangs; each hook is watched from now on."""
        self._file = data / "run" / f"hooks.{worker}.json"
        self._hooks = hooks
        self._file.unlink(missing_ok=True)
        for hook in hooks:
            hook.threads.changed = self.write

    def write(self) -> None:
        """Write down how many functions of each hook hang now."""
        hanging = {hook.options.module: hook.threads.hanging for hook in self._hooks}
        try:
            if not any(hanging.values()):
                self._file.unlink(missing_ok=True)
                return
            octets = json.dumps({"pid": os.getpid(), "hanging": hanging}).encode()
            new = self._file.with_suffix(".new")
            new.write_bytes(octets)
            new.replace(self._file)
        except OSError:
            log.exception("hook.not_written")


def hanging_seen(data: Path) -> dict[str, int]:
    """How many functions of each hook hang now, in all workers that run."""
    found: dict[str, int] = {}
    for file in sorted((data / "run").glob("hooks.*.json"))[:MAX_FILES]:
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            with file.open("rb") as opened:
                told = json.loads(opened.read(MAX_OCTETS))
            if not Path(f"/proc/{int(told['pid'])}").exists():
                continue  # it has died, and its threads with it
            for module, count in told["hanging"].items():
                found[str(module)] = found.get(str(module), 0) + int(count)
    return {module: count for module, count in found.items() if count}
