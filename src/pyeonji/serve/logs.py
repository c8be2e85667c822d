"""Logs: events with fields on standard error, as text or JSON lines."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

if TYPE_CHECKING:
    from pyeonji.serve.configuration import LogSettings


def configure(settings: LogSettings, *, worker: int | None = None) -> None:
    """Say where and how events are logged from now on, in this process."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if worker is not None:

        def with_worker(_logger: Any, _name: str, event: Any) -> Any:
            event["worker"] = worker
            return event

        processors.append(with_worker)
    if settings.form == "json":
        processors += [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **_: msgspec.json.encode(
                    event, enc_hook=str
                ).decode()
            ),
        ]
    else:
        processors += [
            structlog.processors.ExceptionPrettyPrinter(file=sys.stderr),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=22),
        ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
