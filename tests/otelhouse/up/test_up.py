"""`otelhouse up` as a whole: what it promises to who starts it, and faults of its children and of itself."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.components import OTELHOUSE, Component
from tests.support.graphql import ask, eventually
from tests.support.otel_client import grpc_exporters, send_one_of_each
from tests.support.up import children, start_up

_COMPONENTS = {"clickhouse", "postgres", "ingest", "processor", "query"}
_TRACE = "query($id: ID!) { trace(id: $id) { spans { name } } }"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up") / "data"


@pytest.fixture(scope="module")
def up(data: Path) -> Iterator[Component]:
    component = start_up(data)
    yield component
    assert component.stop() == 0, "".join(component.log[-20:])


def _up(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run an `up` that is expected to end by itself."""
    return subprocess.run([*OTELHOUSE, "up", *flags], capture_output=True, text=True, timeout=20, check=False)


def _one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error, which must be all there is."""
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("otelhouse: error: ").strip()


def _spans(up: Component, trace: str) -> int:
    """Spans of the trace that can be seen now; none while a store is away."""
    try:
        found = ask(up.ready["http"], _TRACE, {"id": trace})["trace"]
    except AssertionError as error:
        if "UNAVAILABLE" in str(error):
            return 0
        raise
    return len(found["spans"]) if found else 0


def _stored(up: Component, seconds: float = 15.0) -> None:
    """What is sent now becomes visible: every component does its work."""
    trace = send_one_of_each("up-test", grpc_exporters(up.ready["otlp_grpc"]))
    eventually(lambda: _spans(up, trace), lambda spans: spans == 2, seconds)


def test_it_says_where_it_serves_and_runs_each_component_in_a_process_of_its_own(up: Component) -> None:
    assert set(up.ready) == {"otlp_grpc", "otlp_http", "http"}
    assert set(children(up.process.pid)) == _COMPONENTS
    for address in (up.ready["otlp_http"], up.ready["http"]):
        assert httpx.get(f"http://{address}/healthz").status_code == 200
        eventually(lambda a=address: httpx.get(f"http://{a}/readyz"), lambda r: r.status_code == 200, 5)  # type: ignore[misc]
        assert "otelhouse_" in httpx.get(f"http://{address}/metrics").text


def test_users_are_told_the_ports_where_it_really_listens(up: Component) -> None:
    told = ask(up.ready["http"], "{ endpoints { otlpGrpc otlpHttp } }", {})["endpoints"]
    assert told == {"otlpGrpc": f"http://{up.ready['otlp_grpc']}", "otlpHttp": f"http://{up.ready['otlp_http']}"}


def test_what_is_sent_is_stored(up: Component) -> None:
    _stored(up)


def test_its_stores_are_open_to_this_user_only(up: Component, data: Path) -> None:
    postgres = children(up.process.pid)["postgres"]
    listening = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=False).stdout
    assert f"pid={postgres}," not in listening, "PostgreSQL listens on TCP"
    sockets = data / "postgres-socket"
    assert sockets.stat().st_mode & 0o077 == 0
    with psycopg.connect((data / "postgres.url").read_text().strip()) as connection:
        assert connection.execute("SELECT id FROM tenants").fetchall() == [("default",)]


def test_a_busy_port_is_one_line_that_names_its_setting(up: Component, tmp_path: Path) -> None:
    done = _up("--data", str(tmp_path), "--otlp-grpc", up.ready["otlp_grpc"])
    assert _one_line(done) == f"ingest.otlp_grpc: cannot listen on {up.ready['otlp_grpc']}: Address already in use"


def test_a_held_data_directory_is_one_line_that_names_it_and_its_holder(up: Component, data: Path) -> None:
    line = _one_line(_up("--data", str(data)))
    assert line == f"data: {data} is held by another process (pid {up.process.pid})"


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = _one_line(_up("--data", str(tmp_path / "file" / "data")))
    assert line == f"data: cannot write to {tmp_path / 'file' / 'data'}: Not a directory"


def test_an_address_that_is_none_is_one_line_that_names_the_flag(tmp_path: Path) -> None:
    assert _one_line(_up("--data", str(tmp_path), "--http", "8080")).startswith("--http: '8080' is not HOST:PORT")


@pytest.mark.parametrize("name", ["ingest", "processor", "query", "clickhouse", "postgres"])
def test_a_killed_component_comes_back_at_its_address_and_data_goes_on(up: Component, name: str) -> None:
    killed = children(up.process.pid)[name]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: children(up.process.pid).get(name, killed), lambda pid: pid != killed, 5)
    for address in (up.ready["otlp_grpc"], up.ready["http"]):
        eventually(lambda a=address: _connects(a), lambda connected: connected, 15)  # type: ignore[misc]
    _stored(up)


def _connects(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 1):
            return True
    except OSError:
        return False


def test_killed_itself_it_leaves_no_process_and_starts_again_with_what_was_stored(tmp_path: Path) -> None:
    first = start_up(tmp_path)
    trace = send_one_of_each("before", grpc_exporters(first.ready["otlp_grpc"]))
    pids = children(first.process.pid).values()
    first.kill()
    second = start_up(tmp_path)  # at once: it waits for the first one's children
    try:
        assert not [pid for pid in pids if Path(f"/proc/{pid}/cmdline").exists()]
        eventually(lambda: _spans(second, trace), lambda spans: spans == 2, 15)
    finally:
        begun = time.monotonic()
        assert second.stop() == 0
        assert time.monotonic() - begun < 15


def test_a_second_signal_ends_all_at_once(tmp_path: Path) -> None:
    up = start_up(tmp_path)
    pids = children(up.process.pid)
    os.kill(pids["ingest"], signal.SIGSTOP)  # it will not drain
    up.process.terminate()
    time.sleep(0.3)
    assert up.process.poll() is None
    begun = time.monotonic()
    up.process.terminate()
    assert up.process.wait(5) == 128 + signal.SIGTERM
    assert time.monotonic() - begun < 1
    eventually(lambda: [p for p in pids.values() if Path(f"/proc/{p}/cmdline").exists()], lambda left: not left, 5)
    up.stop()


@pytest.mark.parametrize("moment", ["initdb", "migrate", "query"])
def test_a_stop_during_the_start_is_a_stop_and_no_fault(tmp_path: Path, moment: str) -> None:
    ports = [word for flag in ("--otlp-grpc", "--otlp-http", "--http") for word in (flag, "127.0.0.1:0")]
    command = [*OTELHOUSE, "up", "--data", str(tmp_path), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        eventually(lambda: children(process.pid), lambda found: moment in found, 30)
        process.terminate()
        out, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert "never retrieved" not in said
    assert "ready" not in out
    # Every child inherits the lock: who can take it knows that none is left. initdb's own one ends just after it.
    eventually(lambda: _is_free(tmp_path / "up.lock"), lambda free: free, 5)


def _is_free(path: Path) -> bool:
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
