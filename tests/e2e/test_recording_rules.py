"""Recording rules of `otelhouse up`, while samples are sent, some of them late, and the processor is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.otelhouse.promql.differential.peer import Peer
from tests.support.components import Component
from tests.support.graphql import eventually
from tests.support.remote_write import V1, snappy, v1_series
from tests.support.up import children, start_up

HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
RULES = {
    "job:requests:rate5s": "sum by (job) (rate(requests_total[5s]))",
    "requests:mean": "100 - avg without (instance) (increase(requests_total[7s])) * 2",
    "requests:most": 'max(max_over_time(requests_total{job!="c"}[4s]))',
    "requests:busy": "count(changes(requests_total[6s]) > 3)",
    "requests:last": "last_over_time(requests_total[3s])",
}
FILE = {
    "groups": [
        {
            "name": "shop",
            "interval": "1s",
            "query_offset": "1s",
            "rules": [{"record": record, "expr": expr} for record, expr in RULES.items()],
        }
    ]
}


class Sender:
    """Counters that begin anew, samples that come late or twice; to one or more servers."""

    def __init__(self, seed: int, urls: list[str]) -> None:
        self._rng = random.Random(seed)
        self._urls = urls
        self._values = dict.fromkeys(range(12), 0.0)
        self._late: list[tuple[float, int, int, float]] = []

    def send(self, seconds: float) -> None:
        end = time.time() + seconds
        while (now := time.time()) < end:
            at = int(now * 1000)
            due = [each for each in self._late if each[0] <= now]
            self._late = [each for each in self._late if each[0] > now]
            samples = [(number, time_ms, value) for _, number, time_ms, value in due]
            for number in self._values:
                if self._rng.random() < 0.8:
                    value = 0.0 if self._rng.random() < 0.03 else self._values[number] + self._rng.choice((0, 1, 4.25))
                    self._values[number] = value
                    if self._rng.random() < 0.1:
                        self._late.append((now + self._rng.choice((0.8, 2.5)), number, at, value))
                    else:
                        samples.append((number, at, value))
            self._write(samples)
            time.sleep(0.4)

    def _write(self, samples: list[tuple[int, int, float]]) -> None:
        request = V1["WriteRequest"]()
        for number, time_ms, value in samples:
            labels = {"__name__": "requests_total", "job": "abc"[number % 3], "instance": str(number)}
            v1_series(request, labels).samples.add(value=value, timestamp=time_ms)
        body = snappy(request.SerializeToString())
        for url in self._urls:
            assert httpx.post(f"{url}/api/v1/write", content=body, headers=HEADERS, timeout=20).status_code < 300


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    directory = tmp_path_factory.mktemp("recording")
    file = directory / "rules.yaml"
    file.write_text(json.dumps(FILE))
    component = start_up(directory / "data", environment={"OTELHOUSE_RECORDING_RULES_FILE": str(file)})
    yield component
    assert component.stop() == 0


def ask(url: str, query: str, start: int, end: int, **more: str) -> dict[str, dict[float, float]]:
    """By labels without the metric's name, values by time; at each second."""
    given: dict[str, Any] = {"query": query, "start": start, "end": end, "step": 1, **more}
    answer = httpx.get(f"{url}/api/v1/query_range", params=given, timeout=30).json()
    assert answer["status"] == "success", answer
    return {
        str(sorted((name, value) for name, value in each["metric"].items() if name != "__name__")): {
            at: float(value) for at, value in each["values"]
        }
        for each in answer["data"]["result"]
    }


def rules_of(url: str) -> dict[str, dict[str, Any]]:
    found = httpx.get(f"{url}/api/v1/rules", timeout=20).json()["data"]["groups"]
    return {rule["name"]: rule for group in found for rule in group["rules"]}


def assert_same(got: dict[str, dict[float, float]], wanted: dict[str, dict[float, float]]) -> None:
    assert wanted
    assert got.keys() == wanted.keys()
    for labels, values in wanted.items():
        assert got[labels] == pytest.approx(values, rel=1e-9, abs=1e-12), labels


def run(house: Component, seed: int, others: list[str], seconds: float) -> tuple[int, int]:
    """Send, and kill the processor meanwhile -> the seconds between which all that is recorded is final.

    It begins when the longest look-back has passed, a grace, and some time for the rules to come into force.
    """
    sender, began = Sender(seed, [f"http://{house.ready['otlp_http']}", *others]), int(time.time())
    sender.send(seconds / 2)
    os.kill(children(house.process.pid)["processor"], signal.SIGKILL)
    sender.send(seconds / 2)
    end = int(time.time()) - 4
    url = f"http://{house.ready['http']}"
    wanted = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end + 3))  # late samples are seen with the next point
    eventually(
        lambda: min(rule["lastEvaluation"] for rule in rules_of(url).values()),
        lambda last: last >= wanted or last.startswith("0001"),
        60,
    )
    return began + 14, end


def test_what_is_recorded_is_what_promql_yields_and_queries_are_answered_the_same(house: Component) -> None:
    url = f"http://{house.ready['http']}"
    start, end = run(house, 1, [], 26)
    assert {rule["health"] for rule in rules_of(url).values()} == {"ok"}
    for record, expr in RULES.items():
        wanted = ask(url, expr, start, end, recorded="false")
        assert_same(ask(url, record, start, end), wanted)
        assert_same(ask(url, expr, start, end), wanted)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_recorded_is_what_prometheus_yields(house: Component, tmp_path: Path) -> None:
    with Peer(tmp_path) as peer:
        start, end = run(house, 2, [peer.url], 100)
        for record, expr in RULES.items():
            assert_same(ask(f"http://{house.ready['http']}", record, start, end), ask(peer.url, expr, start, end))
