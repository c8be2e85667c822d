"""Renewing in good time, and showing what is new, while the server runs."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.base.errors import PyeonjiError
from pyeonji.mta.publish.records import ascii_name
from pyeonji.serve.acme.folder import AcmeFolder
from pyeonji.serve.acme.plan import wanted_names, why_now
from pyeonji.serve.certificates import named_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pyeonji.base.clock import Clock
    from pyeonji.serve.configuration import Configuration
    from pyeonji.serve.publishing import Asker
    from pyeonji.storage.directory import Directory

LOOK_S: Final = 2.0
"""How often the certificate's file is looked at."""

CHECK_S: Final = 3600.0
"""How often it is asked whether a new certificate is wanted."""

RETRY_S: Final = 3600.0
MAX_RETRY_S: Final = 12 * 3600.0
"""After a refusal: authorities count, and lock out who asks too often."""

log = structlog.get_logger("pyeonji.serve")


class Keeper:
    """What one worker does about certificates."""

    def __init__(
        self,
        configuration: Callable[[], Configuration],
        directory: Directory,
        asker: Callable[[], Asker],
        clock: Clock,
        *,
        show: Callable[[Path, Path], None],
        renews: bool,
    ) -> None:
        """Nothing is done before `start`.

        Args:
            configuration: the present one.
            directory: whose domains need names.
            asker: DNS: names that nobody can find are left out.
            clock: for validity.
            show: makes the listeners use other files; raises OSError.
            renews: whether this worker gets certificates (one does).
        """
        self._configuration = configuration
        self._directory = directory
        self._asker = asker
        self._clock = clock
        self._show = show
        self._renews = renews
        self._shown = self._state()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to look after the files."""
        self._tasks.append(asyncio.ensure_future(self._look()))
        if self._renews:
            self._tasks.append(asyncio.ensure_future(self._renew()))

    def stop(self) -> None:
        """Stop; a conversation with an authority is broken off."""
        for task in self._tasks:
            task.cancel()

    # -- showing

    def _state(self) -> tuple[str, int, int]:
        file, _ = named_files(self._configuration())
        try:
            status = file.stat()
        except OSError:
            return str(file), 0, 0
        return str(file), status.st_mtime_ns, status.st_size

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            state = self._state()
            if state == self._shown or not state[2]:
                continue
            try:
                self._show(*named_files(self._configuration()))
            except OSError as error:
                # half of a pair may be new: the other half comes soon
                log.warning("tls.not_shown", file=state[0], reason=str(error))
            else:
                log.info("tls.shown", file=state[0])
                self._shown = state

    # -- renewing

    async def _renew(self) -> None:
        retry = RETRY_S
        while True:
            wait = CHECK_S
            try:
                await self._renew_if_due()
                retry = RETRY_S
            except (PyeonjiError, OSError) as error:
                wait, retry = retry, min(2 * retry, MAX_RETRY_S)
                log.warning("acme.failed", reason=str(error), retry_s=wait)
            await asyncio.sleep(wait)

    async def _renew_if_due(self) -> None:
        configuration = self._configuration()
        if configuration.acme is None:
            return
        folder = AcmeFolder(configuration.data)
        names = await names_now(configuration, self._directory, self._asker())
        present = folder.present()
        why = why_now(
            present.names if present else (),
            names,
            not_before=present.not_before if present else 0.0,
            not_after=present.not_after if present else 0.0,
            now=self._clock.time(),
        )
        if not why:
            return
        log.info("acme.begin", names=names, reason=why)
        await in_thread(lambda: _issue(configuration, names, folder))
        log.info("acme.done", names=names)


def _issue(
    configuration: Configuration, names: Sequence[str], folder: AcmeFolder
) -> None:
    # half a second and 20 MB that only this needs
    from pyeonji.serve.acme.issue import issue  # noqa: PLC0415

    if configuration.acme is not None:
        issue(configuration.acme, names, folder, resolvers=configuration.dns_servers)


async def names_now(
    configuration: Configuration, directory: Directory, asker: Asker
) -> list[str]:
    """The names that a certificate is wanted for.

    Those that were configured; else ours, and of the names of our domains those
    that have an address: an authority could not check the others.
    """
    if configuration.acme is not None and configuration.acme.hosts:
        return list(configuration.acme.hosts)
    domains = [ascii_name(each.name) for each in await directory.domains()]
    web = any(each.protocol == "http" for each in configuration.listeners)
    names = wanted_names(
        configuration.hostname,
        domains,
        sts=web and configuration.mta_sts is not None,
        web=web,
    )
    there = [names[0]]
    for name in names[1:]:
        for kind in ("A", "AAAA"):
            if (await asker.ask(name, kind)).records:
                there.append(name)
                break
    return there


async def in_thread(work: Callable[[], None]) -> None:
    """Run something that blocks for long; a stop does not wait for it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failed: BaseException | None = None
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(finish, failed)

    threading.Thread(target=run, name="acme", daemon=True).start()
    await done
