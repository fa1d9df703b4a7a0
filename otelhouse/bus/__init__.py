"""The log: `open_log()` gives the implementation that the URL asks for."""

from __future__ import annotations

from pathlib import Path

from otelhouse.bus.contract import Log
from otelhouse.clock import Clock
from otelhouse.config import LogSettings
from otelhouse.errors import StartupError


def open_log(settings: LogSettings, clock: Clock) -> Log:
    """Open the log at `settings.url`; connects to nothing yet. Raises StartupError, naming `log.url`, for a bad URL."""
    scheme, _, rest = settings.url.partition(":")
    if scheme == "embedded" and rest:
        from otelhouse.bus.embedded.log import EmbeddedLog  # each process loads the library that it uses

        return EmbeddedLog(Path(rest).expanduser(), settings, clock)
    if scheme == "kafka" and rest.startswith("//"):
        from otelhouse.bus.kafka.log import KafkaLog

        return KafkaLog(_brokers(settings.url), settings, clock)
    raise StartupError(f"log.url: '{settings.url}' is neither 'embedded:DIRECTORY' nor 'kafka://host:port[,host:port]'")


def _brokers(url: str) -> str:
    brokers = url.removeprefix("kafka://").rstrip("/").split(",")
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
            raise StartupError(f"log.url: '{broker}' in '{url}' is not host:port")
    return ",".join(brokers)
