"""The HTTP listeners of a worker, and what their application is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.serve.publishing import PEOPLES, sts_policy
from pyeonji.web.app import Options, Site
from pyeonji.web.autoconfig import Door
from pyeonji.web.server import WebListener

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext

    from pyeonji.serve.configuration import Configuration
    from pyeonji.serve.supervisor import Bound
    from pyeonji.storage.directory import Directory

MAX_ANSWER: Final = 1024
"""Octets of a challenge's file that are read."""


def challenge_folder(data: Path) -> Path:
    """Where the answers to open ACME challenges are, a file for each token."""
    return data / "acme" / "challenges"


class Websites:
    """All HTTP of one worker: one application, the listeners that lead to it."""

    def __init__(self, configuration: Configuration, directory: Directory) -> None:
        """No listener yet."""
        self._directory = directory
        self._site = Site(self._options(configuration))
        self._listeners: list[WebListener] = []

    def listen(
        self, bound: Bound, tls_context: SSLContext | None, *, per_network: int
    ) -> None:
        """Add a listener; it accepts nothing before `start`."""
        self._listeners.append(
            WebListener(
                bound.settings.name,
                bound.socket,
                self._site.app(),
                tls_context=tls_context,
                per_network=per_network,
                proxies=bound.settings.proxy,
            )
        )

    def reconfigure(self, configuration: Configuration) -> None:
        """Answer by another configuration from now on."""
        self._site.options = self._options(configuration)

    async def start(self) -> None:
        """Accept connections from now on."""
        for listener in self._listeners:
            await listener.start()

    async def stop(self) -> None:
        """Take no further connections; finish what is under way."""
        for listener in self._listeners:
            await listener.stop()

    def _options(self, configuration: Configuration) -> Options:
        folder = challenge_folder(configuration.data)
        return Options(
            hostname=configuration.hostname,
            doors=tuple(
                Door(protocol=each.protocol, tls=each.tls, port=each.port)
                for each in configuration.listeners
                if each.protocol in PEOPLES and each.tls != "none"
            ),
            sts_policy=sts_policy(configuration),
            is_ours=self._is_ours,
            challenge=lambda token: _answer(folder / token),
            is_well=self._is_well,
        )

    async def _is_ours(self, domain: str) -> bool:
        return await self._directory.domain(domain) is not None

    async def _is_well(self) -> bool:
        """Whether the directory can be read."""
        try:
            await self._directory.domain("localhost")
        except PyeonjiError:
            return False
        return True


def _answer(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_ANSWER).decode("ascii", "replace")
    except OSError:
        return None
