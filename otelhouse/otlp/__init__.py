"""Sends our own traces, metrics and logs to `telemetry.otlp_endpoint`, by the OpenTelemetry SDK. Off by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from otelhouse.clock import Clock
from otelhouse.config import TelemetrySettings
from otelhouse.errors import StartupError


@contextmanager
def exporting(settings: TelemetrySettings, component: str, clock: Clock) -> Iterator[None]:
    """Send while inside; what is left is sent at the end. Raises StartupError if the SDK is not installed."""
    if not settings.otlp_endpoint:
        yield
        return
    try:
        from otelhouse.otlp.export import Export
    except ImportError:
        raise StartupError(
            "telemetry.otlp_endpoint: the OpenTelemetry SDK is not installed (pip install 'otelhouse[demo]')"
        ) from None
    export = Export(settings.otlp_endpoint, component, clock)
    try:
        yield
    finally:
        export.close()
