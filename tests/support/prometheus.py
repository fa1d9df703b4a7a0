"""A real Prometheus that scrapes and remote-writes, for the slow tests.

TEST_PROMETHEUS names its program (3.5 or newer); without it, it is built from source by Go, once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.support.go import program as build
from tests.support.ports import free_port

_FEATURES = "native-histograms,exemplar-storage,metadata-wal-records"
_MODULE, _PACKAGES = "github.com/prometheus/prometheus v0.305.0", "github.com/prometheus/prometheus/cmd"
"""Prometheus 3.5.0."""


def program() -> Path:
    """Where Prometheus is. Raises RuntimeError if it is not given and cannot be built, which takes minutes."""
    return _program("prometheus")


def promtool() -> Path:
    """Where its tool is: named by TEST_PROMTOOL, or built."""
    return _program("promtool")


def _program(name: str) -> Path:
    given = os.environ.get(f"TEST_{name.upper()}")
    return Path(given) if given else build(name, _MODULE, f"{_PACKAGES}/{name}")


class Prometheus(AbstractContextManager["Prometheus"]):
    """A running Prometheus that scrapes `jobs` (name -> host:port), and itself as the job `itself`, twice a second.

    `message`: which of the two messages it writes.
    """

    def __init__(self, directory: Path, jobs: dict[str, str], itself: str, write_url: str, message: str) -> None:
        self._directory = directory
        self._url = ""
        scrapes = [
            {"job_name": name, "static_configs": [{"targets": [target]}], "always_scrape_classic_histograms": True}
            for name, target in jobs.items()
        ]
        write = {
            "url": write_url,
            "protobuf_message": message,
            "send_exemplars": True,
            "send_native_histograms": True,
            "metadata_config": {"send": True, "send_interval": "500ms"},
            "queue_config": {"batch_send_deadline": "200ms", "min_shards": 2},
        }
        self._scrapes = scrapes
        self._itself = itself
        self._config = {
            "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
            "scrape_configs": scrapes,
            "remote_write": [write],
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Prometheus:
        self._directory.mkdir(parents=True)
        config = self._directory / "prometheus.yml"
        port = free_port()
        itself = {"job_name": self._itself, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        self._scrapes.append(itself)
        config.write_text(json.dumps(self._config))  # which is YAML
        log = (self._directory / "log").open("wb")
        self._process = subprocess.Popen(
            [
                program(), f"--config.file={config}", f"--storage.tsdb.path={self._directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}", f"--enable-feature={_FEATURES}",
            ],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        log.close()
        self._url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"Prometheus does not answer:\n{(self._directory / 'log').read_text()[-3000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)

    def log(self) -> str:
        """What it said so far."""
        return (self._directory / "log").read_text()

    def ask(self, path: str, **parameters: str | float) -> Any:
        """The data of an API's answer."""
        answer = httpx.get(f"{self._url}/api/v1/{path}", params=parameters, timeout=20)
        answer.raise_for_status()
        return answer.json()["data"]

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self._url}/-/ready", timeout=1).status_code == 200
        except httpx.TransportError:
            return False
