#!/usr/bin/env python3
"""Do dead, slow and greylisting domains slow down the living ones?

    python benchmarks/fake_internet.py [--each 100] [--pyeonji .venv/bin/pyeonji]

Three queues of the same letters for 140 living domains: nothing else in them; with
letters for 20 slow and 20 greylisting domains between; and with letters for 20 dead
ones (half of them refuse, half say nothing) as well. The three take turns, forwards
and backwards, so that what else the machine does meets all of them. Told are, of
each, letters a second to the living domains from the first one's arrival to the last
one's, CPU seconds that the server took till then (its start is not counted), and the
most memory; at the end the medians and their ratios.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from tests.roads.fake_internet import (  # noqa: E402
    LIVING,
    TROUBLED,
    Internet,
    fill,
)

LIMIT_S = 120.0
DEAD = {"refusing", "silent"}
MIXES = {
    "living": {},
    "slow, grey too": {k: n for k, n in TROUBLED.items() if k not in DEAD},
    "dead too": TROUBLED,
}


@dataclass(frozen=True)
class Taken:
    """What one run came to."""

    rate: float  # letters a second to living domains
    cpu_s: float
    memory_mib: float


def processes(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def memory_mib(pid: int) -> float:
    """Private memory of a process and its children."""
    total = 0
    for one in processes(pid):
        for line in Path(f"/proc/{one}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1])
    return total / 1024


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children, all threads."""
    return sum(
        int((thread / "schedstat").read_text().split()[0]) / 1e9
        for one in processes(pid)
        for thread in Path(f"/proc/{one}/task").iterdir()
    )


def run(program: str, each: int, troubled: dict[str, int]) -> Taken:
    """One queue, from the start of the server to the last living domain's letter."""
    folder = Path(tempfile.mkdtemp(prefix="fake-internet-"))
    with Internet(living=LIVING, **troubled) as internet:
        fill(folder / "data", internet.domains, each)
        config = folder / "pyeonji.toml"
        config.write_text(
            f'hostname = "mx.example.test"\ndata = "{folder / "data"}"\n'
            '[log]\nlevel = "warning"\n'
            '[[listener]]\nprotocol = "smtp"\naddress = "127.0.0.1:0"\n'
            + internet.settings("1m", "5m", "15m")
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
            started = cpu_s(process.pid)
            began = time.monotonic()
            most, wanted = 0.0, LIVING * each
            while internet.arrived["living"] < wanted:
                if time.monotonic() - began > LIMIT_S:
                    sys.exit(f"only {internet.arrived} came")
                time.sleep(0.05)
                most = max(most, memory_mib(process.pid))
            spent = cpu_s(process.pid) - started
            process.stdout.close()
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(folder)
        took = internet.last_at["living"] - internet.first_at["living"]
    return Taken(rate=wanted / took, cpu_s=spent, memory_mib=most)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=100, help="letters for a domain")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument(
        "--pyeonji", default=str(Path(sys.executable).parent / "pyeonji")
    )
    asked = parser.parse_args()
    taken: dict[str, list[Taken]] = {name: [] for name in MIXES}
    for number in range(asked.rounds):
        for name in sorted(MIXES, key=list(MIXES).index, reverse=number % 2 == 1):
            one = run(asked.pyeonji, asked.each, MIXES[name])
            taken[name].append(one)
            print(f"{number + 1} {name:14} {said(one)}", flush=True)
    medians = {
        name: Taken(
            *(median(column) for column in zip(*map(astuple, all_), strict=True))
        )
        for name, all_ in taken.items()
    }
    print()
    for name, one in medians.items():
        ratios = ", ".join(
            f"{one.rate / other.rate:.2f} of {beside}"
            for beside, other in medians.items()
            if beside != name
        )
        print(f"  {name:14} {said(one)}; {ratios}")


def said(one: Taken) -> str:
    """In words."""
    return f"{one.rate:6,.0f}/s, {one.cpu_s:.2f} s of CPU, {one.memory_mib:.0f} MiB"


if __name__ == "__main__":
    main()
