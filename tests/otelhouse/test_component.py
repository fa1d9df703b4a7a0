"""A component as a process: its ready line, its exit codes, and how signals end it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_PROLOGUE = """
import sys, threading, time
from otelhouse import component
from otelhouse.component import run_component
from otelhouse.config import TelemetrySettings
from otelhouse.errors import StartupError
from otelhouse.telemetry import configure_logs
configure_logs(TelemetrySettings(), "tested")
"""


@contextmanager
def _running(body: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _PROLOGUE + body], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _serving(what_follows_stop: str) -> str:
    return f"""
def run(stop, ready):
    ready({{"http": "127.0.0.1:1"}})
    stop.wait()
    {what_follows_stop}
sys.exit(run_component(run))
"""


def _wait_for_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready {"http": "127.0.0.1:1"}\n'


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_it_drain_and_exit_with_0(number: signal.Signals) -> None:
    with _running(_serving("print('drained', flush=True)")) as process:
        _wait_for_ready(process)
        process.send_signal(number)
        assert process.wait(5) == 0
        assert process.stdout is not None
        assert process.stdout.read() == "drained\n"


def test_a_second_signal_ends_it_at_once() -> None:
    with _running(_serving("print('draining', flush=True); time.sleep(60)")) as process:
        _wait_for_ready(process)
        process.terminate()
        assert process.stdout is not None
        assert process.stdout.readline() == "draining\n"
        process.terminate()
        begun = time.monotonic()
        assert process.wait(5) == 128 + signal.SIGTERM
        assert time.monotonic() - begun < 1


def test_a_drain_that_hangs_is_ended_before_the_promised_time() -> None:
    with _running("component.DRAIN_SECONDS = 0.2\n" + _serving("time.sleep(60)")) as process:
        _wait_for_ready(process)
        process.terminate()
        assert process.wait(5) == 70


def test_a_main_thread_in_native_code_does_not_keep_a_second_signal_from_ending_it() -> None:
    with _running(_serving("import ctypes; ctypes.CDLL(None).sleep(60)")) as process:
        _wait_for_ready(process)
        process.terminate()
        time.sleep(0.2)
        process.terminate()
        assert process.wait(5) == 128 + signal.SIGTERM


def test_what_keeps_it_from_starting_is_one_line_and_exit_code_1() -> None:
    with _running(
        "def run(stop, ready): raise StartupError('port 1:\\n in use')\nsys.exit(run_component(run))"
    ) as process:
        output, errors = process.communicate(timeout=5)
        assert (process.returncode, output, errors) == (1, "", "otelhouse: error: port 1: in use\n")


def test_a_fault_of_ours_is_logged_with_its_trace_but_not_its_data() -> None:
    body = "def run(stop, ready):\n    secret = 'hunter' + '2'\n    raise KeyError('x')\nsys.exit(run_component(run))"
    with _running(body) as process:
        _, errors = process.communicate(timeout=5)
        assert process.returncode == 70
        assert '"exc_type": "KeyError"' in errors
        assert "otelhouse: error: internal fault: KeyError" in errors
        assert "hunter2" not in errors
