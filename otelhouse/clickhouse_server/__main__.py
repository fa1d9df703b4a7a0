"""`python -m otelhouse.clickhouse_server --data DIR --listen HOST:PORT`: the process, without the command line."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import structlog

from otelhouse.clickhouse_server.main import run
from otelhouse.clock import SystemClock
from otelhouse.errors import StartupError


def main() -> int:
    """Serve until SIGTERM. 0 after a drain, 1 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m otelhouse.clickhouse_server")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", default="127.0.0.1:8123")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def ready(where: Mapping[str, str]) -> None:
        sys.stdout.write(f"ready {json.dumps(dict(where))}\n")
        sys.stdout.flush()

    try:
        run(arguments.data, arguments.listen, SystemClock(), stop, ready)
    except StartupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
