"""From the standard library's log records to OpenTelemetry's, which carry the trace and span that are current."""

from __future__ import annotations

import logging
from collections.abc import Callable

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.util.types import AnyValue

Description = tuple[str, dict[str, AnyValue]]
"""Body and attributes."""

_SEVERITIES = (
    (logging.CRITICAL, SeverityNumber.FATAL),
    (logging.ERROR, SeverityNumber.ERROR),
    (logging.WARNING, SeverityNumber.WARN),
    (logging.INFO, SeverityNumber.INFO),
)


class LogHandler(logging.Handler):
    """Passes records on; `describe` says what goes into the body and what into attributes."""

    def __init__(self, logger: Logger, describe: Callable[[logging.LogRecord], Description]) -> None:
        super().__init__()
        self._logger = logger
        self._describe = describe

    def emit(self, record: logging.LogRecord) -> None:
        body, attributes = self._describe(record)
        severity = next((number for level, number in _SEVERITIES if record.levelno >= level), SeverityNumber.DEBUG)
        self._logger.emit(
            timestamp=int(record.created * 1e9),
            severity_number=severity,
            severity_text=record.levelname,
            body=body,
            attributes=attributes,
        )


def describe_ours(record: logging.LogRecord) -> Description:
    """structlog hands over its whole event; records of libraries have a message only."""
    if not isinstance(record.msg, dict):
        return record.getMessage(), {"logger": record.name}
    fields = {str(name): value for name, value in record.msg.items() if not str(name).startswith("_")}
    body = str(fields.pop("event", ""))
    plain = (str, bool, int, float)
    return body, {name: value if isinstance(value, plain) else str(value) for name, value in fields.items()}
