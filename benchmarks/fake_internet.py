#!/usr/bin/env python3
"""Do dead, slow and greylisting domains slow down the living ones?

    python benchmarks/fake_internet.py [--each 100] [--pyeonji .venv/bin/pyeonji]

Two queues of the same letters for 140 living domains, one of them with letters for
60 troubled domains between. Told are letters a second to the living ones, and the
most memory.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.roads.fake_internet import (  # noqa: E402
    LIVING,
    TROUBLED,
    Internet,
    fill,
)

LIMIT_S = 120.0


def memory_mib(pid: int) -> float:
    """Private memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for one in [pid, *map(int, children)]:
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total / 1024


def run(program: str, each: int, troubled: dict[str, int]) -> tuple[float, float]:
    """Letters a second to the living domains, and the most memory in MiB."""
    folder = Path(tempfile.mkdtemp(prefix="fake-internet-"))
    with Internet(living=LIVING, **troubled) as internet:
        fill(folder / "data", internet.domains, each)
        config = folder / "pyeonji.toml"
        config.write_text(
            f'hostname = "mx.example.test"\ndata = "{folder / "data"}"\n'
            '[log]\nlevel = "warning"\n'
            '[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1:0"\n'
            + internet.settings("2s", "5s", "5m")
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "--config", config, "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                sys.exit((folder / "log").read_text())
            began = time.monotonic()
            most, wanted = 0.0, LIVING * each
            while internet.arrived["living"] < wanted:
                if time.monotonic() - began > LIMIT_S:
                    sys.exit(f"only {internet.arrived} came")
                time.sleep(0.05)
                most = max(most, memory_mib(process.pid))
            took = time.monotonic() - began
            process.stdout.close()
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)
    return wanted / took, most


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=100, help="letters for a domain")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--pyeonji", default=str(Path(sys.executable).parent / "pyeonji")
    )
    asked = parser.parse_args()
    for _ in range(asked.rounds):
        alone, memory_alone = run(asked.pyeonji, asked.each, {})
        among, memory_among = run(asked.pyeonji, asked.each, TROUBLED)
        print(
            f"living alone {alone:,.0f}/s, {memory_alone:.0f} MiB; "
            f"among troubled ones {among:,.0f}/s, {memory_among:.0f} MiB; "
            f"ratio {among / alone:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
