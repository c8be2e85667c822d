"""Files that the configuration names: are they there, and what they should be?

Asked before the first worker starts and by `pyeonji check`, so that a mistake
is told with its line, as all others are.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from pyeonji.net.tls import server_context
from pyeonji.serve.configuration import ConfigurationError
from pyeonji.serve.toml_lines import line_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyeonji.serve.configuration import Configuration

Where = tuple[str | int, ...]


def check_files(configuration: Configuration) -> None:
    """Open each file that is named, as the user that we are.

    Raises:
        ConfigurationError: with "FILE:LINE: KEY: what is wrong".
    """
    for where, file in _named(configuration):
        try:
            file.open("rb").close()
        except OSError as error:
            raise _mistake(configuration, where, f"{file}: {error.strerror}") from error
    tls = configuration.tls
    if tls.certificate is None or tls.key is None:
        return
    try:
        server_context(tls.certificate, tls.key)
    except (OSError, ValueError) as error:
        raise _mistake(configuration, ("tls", "certificate"), _why(error)) from error
    try:
        server_context(tls.certificate, tls.key, client_ca=tls.client_ca)
    except (OSError, ValueError) as error:
        raise _mistake(configuration, ("tls", "client_ca"), _why(error)) from error


def _named(configuration: Configuration) -> Iterator[tuple[Where, Path]]:
    tls = configuration.tls
    named: list[tuple[Where, Path | None]] = [
        (("tls", "certificate"), tls.certificate),
        (("tls", "key"), tls.key),
        (("tls", "client_ca"), tls.client_ca),
    ]
    for index, route in enumerate(configuration.routes):
        named.append((("route", index, "password_file"), route.password_file))
        named.append((("route", index, "ca"), route.ca))
    if configuration.oauth is not None:
        named.append((("auth", "oauth", "keys"), configuration.oauth.keys))
        named.append((("auth", "oauth", "shared_key"), configuration.oauth.shared_key))
    return ((where, file) for where, file in named if file is not None)


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not this certificate's"
    if isinstance(error, ssl.SSLError):
        return "one of these files is not PEM with what it should have"
    return str(error)


def _mistake(configuration: Configuration, where: Where, what: str) -> Exception:
    file = configuration.file
    try:
        place = f"{file}:{line_of(file.read_text('utf-8'), where)}"
    except (OSError, ValueError):  # root's, and we are another user now
        place = f"{file}"
    key = ".".join(step for step in where if isinstance(step, str))
    return ConfigurationError(f"{place}: {key}: {what}")
