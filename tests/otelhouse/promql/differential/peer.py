"""A real Prometheus that is written to and asked."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx

from otelhouse.promql.settings import Steps
from tests.otelhouse.promql.memory import Series
from tests.support.ports import free_port
from tests.support.prometheus import program
from tests.support.remote_write import V1, snappy, v1_series

_FEATURES = "promql-experimental-functions,promql-duration-expr"
_SERIES_IN_A_REQUEST = 200


class Peer(AbstractContextManager["Peer"]):
    """Takes samples of any age."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._http = httpx.Client(timeout=60)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Peer:
        self._directory.mkdir(parents=True, exist_ok=True)
        config, port = self._directory / "prometheus.yml", free_port()
        config.write_text(json.dumps({"storage": {"tsdb": {"out_of_order_time_window": "3650d"}}}))
        with (self._directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program(), f"--config.file={config}", f"--storage.tsdb.path={self._directory / 'data'}",
                    "--storage.tsdb.retention.time=3650d", f"--web.listen-address=127.0.0.1:{port}",
                    "--web.enable-remote-write-receiver", f"--enable-feature={_FEATURES}",
                ],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self._http.base_url = httpx.URL(f"http://127.0.0.1:{port}/api/v1/")
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"Prometheus does not answer:\n{(self._directory / 'log').read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    @property
    def url(self) -> str:
        """Where it is, for others to write to and ask."""
        return str(self._http.base_url).removesuffix("/api/v1/")

    def write(self, series: list[Series]) -> None:
        """All samples, stale markers by their bits."""
        for first in range(0, len(series), _SERIES_IN_A_REQUEST):
            request = V1["WriteRequest"]()
            for each in series[first : first + _SERIES_IN_A_REQUEST]:
                made = v1_series(request, dict(sorted(each.labels.items())))
                for at, value in zip(each.times, each.values.tolist(), strict=True):
                    made.samples.add(timestamp=at, value=value)
            headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
            self._http.post("write", content=snappy(request.SerializeToString()), headers=headers).raise_for_status()

    def ask(self, query: str, at: Steps) -> tuple[int, dict[str, Any]]:
        """-> HTTP code and answer."""
        if at.instant:
            answer = self._http.get("query", params={"query": query, "time": at.start_ms / 1000})
        else:
            ends = {"start": at.start_ms / 1000, "end": at.end_ms / 1000, "step": at.step_ms / 1000}
            answer = self._http.get("query_range", params={"query": query, **ends})
        return answer.status_code, answer.json()

    def _answers(self) -> bool:
        try:
            return self._http.get("status/buildinfo").status_code == 200
        except httpx.TransportError:
            return False
