"""The TLS contexts of a worker's listeners, and how their certificate changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from pyeonji.net.tls import (
    ServerContext,
    answer_challenges,
    challenge_context,
    reload,
    server_context,
)
from pyeonji.serve.acme.folder import AcmeFolder
from pyeonji.serve.configuration import Configuration, ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path
    from ssl import SSLContext

    from pyeonji.serve.configuration import ListenerSettings

log = structlog.get_logger("pyeonji.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contexts:
    """TLS of the listeners: relays are never asked for a certificate."""

    everybody: ServerContext
    people: ServerContext
    web: ServerContext

    @classmethod
    def made(
        cls, certificate: Path, key: Path, configuration: Configuration
    ) -> Contexts:
        """Raises ConfigurationError: a file can't be used."""
        client_ca = configuration.tls.client_ca
        try:
            everybody = server_context(certificate, key)
            people = everybody
            if client_ca is not None:
                people = server_context(certificate, key, client_ca=client_ca)
            web = server_context(certificate, key)
        except OSError as error:
            raise ConfigurationError(
                f"certificate {certificate}, key {key}, client_ca {client_ca}: {error}"
            ) from error
        web.set_alpn_protocols(["http/1.1"])
        folder = AcmeFolder(configuration.data)
        answer_challenges(web, lambda host: _proof(folder, host))
        return cls(everybody=everybody, people=people, web=web)

    def of(self, settings: ListenerSettings) -> ServerContext | None:
        """What a listener uses."""
        if settings.tls == "none":
            return None
        if settings.protocol == "http":
            return self.web
        people = settings.protocol in ("submission", "imap", "pop3")
        return self.people if people else self.everybody

    def reload(self, certificate: Path, key: Path) -> None:
        """Show another certificate from now on; connections go on as they are.

        Raises:
            OSError: and everything stays.
        """
        for context in {self.everybody, self.people, self.web}:
            reload(context, certificate, key)


def _proof(folder: AcmeFolder, host: str) -> SSLContext | None:
    """What answers an open TLS challenge for a host."""
    file = folder.alpn_file(host)
    if not file.exists():
        return None
    try:
        return challenge_context(file)
    except OSError as error:
        log.warning("acme.no_proof", host=host, reason=str(error))
        return None
