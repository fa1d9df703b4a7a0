"""`python -m otelhouse.demo SERVICE`: one service of the shop as a process."""

from __future__ import annotations

import argparse
import importlib
import json
import sys

from otelhouse.component import run_component
from otelhouse.config import TelemetrySettings
from otelhouse.demo.shop import SERVICES, Shop, serve
from otelhouse.telemetry import configure_logs


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m otelhouse.demo")
    parser.add_argument("service", choices=SERVICES)
    parser.add_argument("--addresses", type=json.loads, required=True, help="JSON: host:port by service")
    parser.add_argument("--otlp-grpc", required=True)
    parser.add_argument("--otlp-http", required=True)
    given = parser.parse_args()
    configure_logs(TelemetrySettings(log_level="warning", log_format="json"), f"demo-{given.service}")
    service = importlib.import_module(f"otelhouse.demo.services.{given.service}")
    shop = Shop(given.service, given.addresses, given.otlp_grpc, given.otlp_http)
    return run_component(lambda stop, ready: serve(shop, service.routes(shop), stop, ready))


if __name__ == "__main__":
    sys.exit(main())
