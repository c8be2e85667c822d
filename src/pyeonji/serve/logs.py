"""Logs: events with fields on standard error, as text or JSON lines."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

if TYPE_CHECKING:
    from pyeonji.serve.configuration import LogSettings


_PLAIN: Final = re.compile(r"[\w.@:+/<>\[\]-]+")


def as_text(_logger: Any, _name: str, event: Any) -> str:
    """One line: time, level, event, key=value …; then a traceback, if any.

    Texts of strangers are quoted and escaped, so that none can forge a line.
    """
    trace = event.pop("exception", "")
    head = (event.pop("timestamp"), event.pop("level"), event.pop("event"))
    pairs = (
        f"{key}={text if _PLAIN.fullmatch(text) else repr(text)}"
        for key, text in ((key, str(value)) for key, value in event.items())
    )
    line = f"{head[0]} {head[1]:<8} {head[2]:<22} {' '.join(pairs)}"
    return f"{line}\n{trace}" if trace else line


class Forwarded(logging.Handler):
    """What libraries log, as events of ours: else it would stand bare among them."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it; a client that speaks bad HTTP is no warning for anybody."""
        level = record.levelno
        if level == logging.WARNING and record.name.startswith("uvicorn"):
            level = logging.INFO
        fields: dict[str, Any] = (
            {"exc_info": record.exc_info} if record.exc_info else {}
        )
        structlog.get_logger(record.name).log(
            level,
            "library.says",
            library=record.name,
            text=record.getMessage(),
            **fields,
        )


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
        processors += [structlog.processors.format_exc_info, as_text]
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, Forwarded)]:
        root.removeHandler(handler)
    root.addHandler(Forwarded())
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
