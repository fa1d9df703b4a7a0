"""Structured logs of our own processes: JSON on standard error, or readable lines on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

import structlog

from otelhouse.config import TelemetrySettings

# Values of local variables may be anyone's data or keys: they stay out of the logs.
_TRACES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

# Libraries whose `info` is noise to an operator; and those that warn of what is retried, and said by us.
_QUIET = ("uvicorn.access", "uvicorn.error", "numba", "psycopg.pool", "opentelemetry", "httpx")
_QUIETER = ("clickhouse_connect", "urllib3.connectionpool")


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; `name` is the module's."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


def configure_logs(settings: TelemetrySettings, component: str, stream: TextIO = sys.stderr) -> None:
    """Send structlog's and the standard library's records to `stream`, each with the component's name."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _name_component(component),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_renderer(settings, stream))
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())
    for names, level in ((_QUIET, logging.WARNING), (_QUIETER, logging.ERROR)):
        for name in names:
            logging.getLogger(name).setLevel(max(level, root.level))


def _name_component(component: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("component", component)
        return event

    return add


def _renderer(settings: TelemetrySettings, stream: TextIO) -> list[structlog.typing.Processor]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format(settings, stream) == "console":
        return [
            remove,
            structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback),
        ]
    return [
        remove,
        structlog.processors.ExceptionRenderer(_TRACES),
        structlog.processors.JSONRenderer(default=str),
    ]


def log_format(settings: TelemetrySettings, stream: TextIO = sys.stderr) -> str:
    """`json` or `console`: what `auto` means for this stream."""
    if settings.log_format != "auto":
        return settings.log_format
    return "console" if stream.isatty() else "json"
