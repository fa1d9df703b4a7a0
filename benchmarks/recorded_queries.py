"""A dashboard's queries over an hour, each minute, with recording rules that cover them and without: milliseconds.

TARGETS (160) with 64 series each, scraped each 15 s for an hour and ten minutes. The floor is the same service reading
samples; answers are compared.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from otelhouse import postgres
from otelhouse.clock import SystemClock
from otelhouse.keys import create_key
from otelhouse.migrate import migrate
from tests.query.house import serving
from tests.support.clickhouse import start_clickhouse
from tests.support.dashboard import QUERIES, RULES, T0, windows
from tests.support.postgres import embedded_server
from tests.support.recorded import store
from tests.support.stores import stores_settings

TARGETS = int(os.environ.get("TARGETS", "160"))
MINUTES = 70
ROUNDS = 3


def main() -> None:
    """Print milliseconds without and with the rules, medians, and what the one is of the other."""
    with (
        tempfile.TemporaryDirectory() as directory,
        start_clickhouse(Path(directory) / "clickhouse") as server,
        embedded_server() as postgres_server,
        postgres_server.database() as url,
    ):
        settings = stores_settings(server.url, url)
        migrate(settings, SystemClock())
        with postgres.connect(settings.postgres) as connection:
            key = create_key(connection, "bench", create_tenant=True).key
        store(settings, "bench", RULES, windows(TARGETS, MINUTES, "bench"))
        with serving(settings) as address, httpx.Client(headers={"authorization": f"Bearer {key}"}) as client:
            _compare(client, address)


def _compare(client: httpx.Client, address: str) -> None:
    sys.stdout.write(f"\n{TARGETS * 64:,} series\n{'without':>9} {'with':>7}\n")
    gains = []
    for query in QUERIES:
        spent: dict[str, list[float]] = {"false": [], "true": []}
        answers: dict[str, Any] = {}
        for _ in range(ROUNDS + 1):
            for recorded, times in spent.items():
                began = time.perf_counter()
                answers[recorded] = _ask(client, address, query, recorded)
                times.append((time.perf_counter() - began) * 1000)
        without, having = (statistics.median(times[1:]) for times in spent.values())
        gains.append(without / having)
        same = "" if _same(*answers.values()) else "   ANSWERS DIFFER"
        sys.stdout.write(f"{without:9.1f} {having:7.1f} {gains[-1]:6.1f}x  {query[:100]}{same}\n")
    sys.stdout.write(f"geometric mean {statistics.geometric_mean(gains):.1f}x, least {min(gains):.1f}x\n")


def _ask(client: httpx.Client, address: str, query: str, recorded: str) -> dict[str, dict[float, float]]:
    end = T0 / 1000 + (MINUTES - 1) * 60
    given = {"query": query, "start": end - 3540, "end": end, "step": 60, "recorded": recorded}
    found = client.post(f"http://{address}/api/v1/query_range", data=given, timeout=120).json()["data"]["result"]
    return {str(each["metric"]): {at: float(value) for at, value in each["values"]} for each in found}


def _same(left: dict[str, dict[float, float]], right: dict[str, dict[float, float]]) -> bool:
    return left.keys() == right.keys() and all(
        values.keys() == right[labels].keys()
        and all(math.isclose(value, right[labels][at], rel_tol=1e-9, abs_tol=1e-9) for at, value in values.items())
        for labels, values in left.items()
    )
