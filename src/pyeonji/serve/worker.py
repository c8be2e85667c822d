"""One worker process: an event loop with every listener and its own queue."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

import structlog
import uvloop

from pyeonji.base.errors import PyeonjiError
from pyeonji.serve import logs
from pyeonji.serve.assembly import Station
from pyeonji.serve.configuration import ConfigurationError, read

if TYPE_CHECKING:
    from pyeonji.serve.supervisor import WorkerStart

FINISH_S: Final = 20.0
"""How long connections and deliveries under way may take at the end."""

SWITCH_S: Final = 0.0005
"""How long the loop may keep the interpreter from a thread that wants it.

The threads do the disk's work; with CPython's 5 ms each of their short turns
would wait for as long as a whole batch of letters takes.
"""

MALLOC_MMAP_OCTETS: Final = 1 << 20
"""Larger blocks come from the system and go back to it when they are freed."""

MALLOC_ARENAS: Final = 2
"""More of them keep threads from waiting for each other, and memory from going."""

log = structlog.get_logger("pyeonji.serve")


def run_worker(start: WorkerStart) -> int:
    """Serve until told to stop; the exit code of the process."""
    logs.configure(start.configuration.log, worker=start.number)
    sys.setswitchinterval(SWITCH_S)
    tame_malloc()
    gc.freeze()  # what was imported stays: don't look at it again and again
    gc.set_threshold(20_000, 20, 50)
    try:
        uvloop.run(_serve(start))
    except PyeonjiError as error:
        log.critical("worker.cannot_start", reason=str(error))
        return 1
    return 0


def tame_malloc() -> None:
    """Have glibc give memory back.

    Checking a password takes 19 MiB for a moment; left alone, malloc would get
    used to such blocks and keep them. Other C libraries need no taming.
    """
    m_mmap_threshold, m_arena_max = -3, -8  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(m_mmap_threshold, MALLOC_MMAP_OCTETS)
    mallopt(m_arena_max, MALLOC_ARENAS)


async def _serve(start: WorkerStart) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    station = await Station.open(start)
    loop.add_signal_handler(signal.SIGHUP, reload, station, start)
    loop.add_reader(start.life, stop.set)  # end of file: the supervisor is gone
    try:
        for listener in station.listeners:
            await listener.start()
        await station.websites.start()
        station.certificates.start()
        os.write(start.ready, b"r")
        log.info("worker.ready", pid=os.getpid())
        await stop.wait()
        log.info("worker.stopping")
    finally:
        loop.remove_reader(start.life)
        await _finish(station)


def reload(station: Station, start: WorkerStart) -> None:
    """Read the configuration and the certificate again; keep the old on error."""
    try:
        configuration = read(start.configuration.file)
        station.reconfigure(configuration)
    except (ConfigurationError, OSError) as error:
        log.error("reload.refused", reason=str(error))  # noqa: TRY400 - no trace wanted
        return
    logs.configure(configuration.log, worker=start.number)
    log.info("reload.done")


async def _finish(station: Station) -> None:
    """Let what is under way come to its end, then close everything."""
    for listener in station.listeners:
        listener.stop_accepting()
    for listener in station.listeners:
        for connection in list(listener.connections):
            connection.shut_down()
    deadline = time.monotonic() + FINISH_S
    while any(x.connections for x in station.listeners):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    station.certificates.stop()
    await station.websites.stop()
    await station.close()
