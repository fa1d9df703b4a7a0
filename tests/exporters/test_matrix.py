"""The official exporters of other languages against `otelhouse up`: each protocol and compression that they offer.

What each sends is looked for through GraphQL: a trace of two spans with a log record in it, and a counter.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.components import Component
from tests.support.graphql import ask, eventually
from tests.support.maven import TARGET, jars_of, once
from tests.support.up import start_up

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
VENV = REPOSITORY / ".venv"
WITH_NODE = str(REPOSITORY / "scripts" / "with-node")
_TRACE = "query($id: ID!) { trace(id: $id) { spans { name service } logs { body } } }"
_METRICS = "query($prefix: String) { metricNames(prefix: $prefix) }"


def go(grpc: str, http: str) -> list[str]:
    """Needs Go 1.26."""
    program = TARGET / "exporters" / "go" / "exporters"
    sources = b"".join((HERE / "go" / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))

    def build() -> None:
        program.parent.mkdir(parents=True)
        run([tool("go"), "build", "-o", str(program), "."], HERE / "go")

    once(program.parent, sources, build)
    return [str(program), grpc, http]


def java(grpc: str, http: str) -> list[str]:
    """Needs Java 17 and Maven."""
    jars = jars_of(HERE / "java" / "pom.xml", TARGET / "exporters" / "java")
    return [tool("java"), "-cp", f"{jars}/*", str(HERE / "java" / "Main.java"), grpc, http]


def javascript(grpc: str, http: str) -> list[str]:
    """Needs Node.js 20.19 and npm 11, or gets both as the web app's build does."""
    folder = TARGET / "exporters" / "js"
    sources = [HERE / "js" / name for name in ("package.json", "package-lock.json", ".npmrc", "main.mjs")]

    def install() -> None:
        folder.mkdir(parents=True)
        for source in sources:
            shutil.copy(source, folder)
        run([WITH_NODE, str(VENV), f"cd {folder} && npm ci --no-audit --no-fund"])

    once(folder, b"".join(source.read_bytes() for source in sources), install)
    return [WITH_NODE, str(VENV), f"exec node {folder}/main.mjs {grpc} {http}"]


def tool(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"this test needs '{name}' on the PATH"
    return path


def run(command: list[str], folder: Path = REPOSITORY) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


LANGUAGES = {
    "go": (go, ("grpc", "protobuf")),
    "java": (java, ("grpc", "protobuf")),
    "js": (javascript, ("grpc", "protobuf", "json")),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Component]:
    component = start_up(tmp_path_factory.mktemp("exporters") / "data")
    yield component
    assert component.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_an_official_exporter_sends_arrives_by_each_of_its_protocols(house: Component, language: str) -> None:
    command, protocols = LANGUAGES[language]
    out = run(command(house.ready["otlp_grpc"], house.ready["otlp_http"]))
    sent = {line["service"]: line["traceId"] for line in map(json.loads, out.splitlines())}
    assert set(sent) == {f"{language}-{protocol}-{coding}" for protocol in protocols for coding in ("none", "gzip")}
    for service, trace_id in sent.items():
        trace = eventually(
            lambda wanted=trace_id: ask(house.ready["http"], _TRACE, {"id": wanted})["trace"],
            lambda seen: seen is not None and len(seen["spans"]) == 2 and len(seen["logs"]) == 1,
            20,
        )
        assert {(span["name"], span["service"]) for span in trace["spans"]} == {
            ("POST /checkout", service),
            ("charge", service),
        }
        assert trace["logs"] == [{"body": "stock is low"}]
        counter = f"orders_{service.replace('-', '_')}_total"
        eventually(
            lambda wanted=counter: ask(house.ready["http"], _METRICS, {"prefix": wanted})["metricNames"],
            lambda names, wanted=counter: wanted in names,
            20,
        )
