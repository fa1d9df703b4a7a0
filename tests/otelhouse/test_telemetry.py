"""Our own logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from otelhouse.config import TelemetrySettings
from otelhouse.telemetry import configure_logs, get_logger


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_time_level_component_and_fields() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(), "ingest", stream)
    get_logger("ingest.test").warning("slow", seconds=2)
    (line,) = _lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "slow",
        "seconds": 2,
        "level": "warning",
        "logger": "ingest.test",
        "component": "ingest",
    }


def test_records_of_libraries_look_the_same() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(), "query", stream)
    logging.getLogger("some.library").error("broke after %d s", 3)
    (line,) = _lines(stream)
    assert (line["event"], line["component"], line["level"]) == ("broke after 3 s", "query", "error")


def test_the_level_is_obeyed() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(log_level="error"), "query", stream)
    get_logger("x").info("quiet")
    logging.getLogger("y").warning("quiet too")
    assert stream.getvalue() == ""


def test_console_format_is_for_a_reader() -> None:
    stream = io.StringIO()
    configure_logs(TelemetrySettings(log_format="console"), "query", stream)
    get_logger("x").info("hello", port=1)
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
