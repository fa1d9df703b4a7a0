"""`python -m otelhouse.clickhouse_server --data DIR --listen HOST:PORT`: the process, without the command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from otelhouse.clickhouse_server.main import run
from otelhouse.clock import SystemClock
from otelhouse.component import run_component
from otelhouse.config import TelemetrySettings
from otelhouse.telemetry import configure_logs


def main() -> int:
    """Serve until SIGTERM; the exit codes are those of otelhouse.component."""
    parser = argparse.ArgumentParser(prog="python -m otelhouse.clickhouse_server")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1:8123")
    arguments = parser.parse_args()
    configure_logs(TelemetrySettings(), "clickhouse")
    return run_component(lambda stop, ready: run(arguments.data, arguments.listen, SystemClock(), stop, ready))


if __name__ == "__main__":
    sys.exit(main())
