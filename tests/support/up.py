"""`otelhouse up` on free ports, and a look at its children."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from otelhouse.config import ClickHouseSettings
from tests.support.components import Component, start

_ANY_PORT = "127.0.0.1:0"


def start_up(data: Path, *flags: str, seconds: float = 60.0, environment: Mapping[str, str] | None = None) -> Component:
    """Start the all-in-one in `data` and wait until it serves. Raises ComponentError."""
    ports = ("--otlp-grpc", _ANY_PORT, "--otlp-http", _ANY_PORT, "--http", _ANY_PORT)
    return start(["up", "--data", str(data), *ports, *flags], environment or {}, seconds)


def children(pid: int) -> dict[str, int]:
    """Process ids of the direct children of an `up`, by component."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_text().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if parent == pid:
            found[_component(words)] = int(process.name)
    return found


def clickhouse_of(pid: int) -> ClickHouseSettings:
    """How to ask the ClickHouse of an `up`."""
    words = (Path("/proc") / str(children(pid)["clickhouse"]) / "cmdline").read_text().split("\0")
    return ClickHouseSettings(url=f"http://{words[words.index('--listen') + 1]}")


def _component(words: list[str]) -> str:
    if "-m" in words:
        module = words.index("-m") + 1
        prefix = "demo-" if words[module] == "otelhouse.demo" else ""
        return prefix + words[module + 1]
    return Path(words[0]).name
