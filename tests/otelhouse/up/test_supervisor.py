"""The supervisor, with small shell programs as children."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from otelhouse.clock import SystemClock
from otelhouse.errors import StartupError
from otelhouse.up.program import Program
from otelhouse.up.supervisor import MAX_DEATHS, Supervisor

_SERVE = 'echo \'ready {"http": "h:1"}\'; exec sleep 60'


def _program(name: str, script: str, essential: bool = True) -> Program:
    return Program(name, ("/bin/sh", "-c", script), {"PATH": os.environ["PATH"]}, essential)


def _supervise(body: Callable[[Supervisor], Awaitable[None]]) -> list[tuple[str, str]]:
    """Run the body with a supervisor; returns the lines that children wrote."""
    lines: list[tuple[str, str]] = []

    async def run() -> None:
        descriptor = os.open("/dev/null", os.O_RDONLY)
        supervisor = Supervisor(SystemClock(), descriptor, lambda name, line, _: lines.append((name, line)))
        try:
            await body(supervisor)
        finally:
            supervisor.abort()
            os.close(descriptor)
            await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(run(), 20))
    return lines


def test_a_child_is_ready_when_it_says_so_and_its_other_lines_are_passed_on() -> None:
    async def body(supervisor: Supervisor) -> None:
        kept = supervisor.keep(_program("one", "echo before; echo oops >&2; sleep 0.05; " + _SERVE))
        assert await supervisor.ready(kept) == [{"http": "h:1"}]

    assert set(_supervise(body)) == {("one", "before"), ("one", "oops")}


def test_a_child_that_is_killed_is_started_again() -> None:
    async def body(supervisor: Supervisor) -> None:
        kept = supervisor.keep(_program("one", _SERVE))
        await supervisor.ready(kept)
        assert kept.process is not None
        first = kept.process.pid
        os.kill(first, signal.SIGKILL)
        while kept.process is None or kept.process.pid == first:
            await asyncio.sleep(0.01)
        assert not supervisor.failed.done()

    _supervise(body)


def test_repeated_deaths_end_it_with_the_last_reason() -> None:
    async def body(supervisor: Supervisor) -> None:
        supervisor.keep(_program("one", "echo 'otelhouse: error: internal fault: no luck' >&2; exit 70"))
        reason = await supervisor.failed
        assert reason == f"one ended {MAX_DEATHS} times within 60 s, last: internal fault: no luck"

    begun = time.monotonic()
    lines = _supervise(body)
    assert len(lines) == MAX_DEATHS
    assert time.monotonic() - begun > 0.1 + 0.2 + 0.4 + 0.8, "no backoff"


def test_a_child_that_says_it_cannot_start_is_not_tried_again() -> None:
    async def body(supervisor: Supervisor) -> None:
        kept = supervisor.keep(_program("one", "echo 'otelhouse: error: ingest.otlp_grpc: in use' >&2; exit 1"))
        with pytest.raises(StartupError, match=r"^one: ingest\.otlp_grpc: in use$"):
            await supervisor.ready(kept)

    assert len(_supervise(body)) == 1


def test_deaths_of_what_is_not_essential_end_nothing() -> None:
    async def body(supervisor: Supervisor) -> None:
        kept = supervisor.keep(_program("demo", "exit 1", essential=False))
        while len(kept.deaths) < 3:
            await asyncio.sleep(0.01)
        assert not supervisor.failed.done()

    _supervise(body)


def test_what_runs_once_and_fails_says_why() -> None:
    async def body(supervisor: Supervisor) -> None:
        await supervisor.run_once(_program("migrate", "true"))
        with pytest.raises(StartupError, match="no such table"):
            await supervisor.run_once(_program("migrate", "echo 'otelhouse: error: no such table' >&2; exit 1"))
        with pytest.raises(StartupError, match="migrate was killed by SIGKILL"):
            await supervisor.run_once(_program("migrate", "kill -9 $$"))

    _supervise(body)


def test_children_drain_stage_by_stage_and_are_not_started_again(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = "trap 'sleep 0.1; echo $NAME >> {order}; exit 0' TERM; echo 'ready {{}}'; while :; do sleep 0.01; done"

    async def body(supervisor: Supervisor) -> None:
        names = ("first", "second", "third")
        kept = [supervisor.keep(_program(n, f"NAME={n}; " + script.format(order=order))) for n in names]
        await supervisor.ready(*kept)
        await supervisor.drain([(("second",), 5.0), (("first",), 5.0), (("third",), 5.0)])
        assert all(one.task is not None and one.task.done() for one in kept)

    _supervise(body)
    assert order.read_text().split() == ["second", "first", "third"]


def test_a_child_that_does_not_drain_is_killed() -> None:
    async def body(supervisor: Supervisor) -> None:
        kept = supervisor.keep(_program("one", "trap '' TERM; echo 'ready {}'; while :; do sleep 0.05; done"))
        await supervisor.ready(kept)
        await supervisor.drain([(("one",), 0.2)])
        assert kept.task is not None
        assert kept.task.done()

    _supervise(body)


def test_what_runs_once_is_stopped_before_the_stages_and_nothing_is_started_any_more(tmp_path: Path) -> None:
    order = tmp_path / "order"
    script = f"trap 'echo $NAME >> {order}; exit 0' TERM; echo 'ready {{}}'; touch {tmp_path}/$NAME; "
    script += "while :; do sleep 0.01; done"

    async def body(supervisor: Supervisor) -> None:
        once = asyncio.create_task(supervisor.run_once(_program("once", "NAME=once; " + script)))
        await supervisor.ready(supervisor.keep(_program("kept", "NAME=kept; " + script)))
        while not (tmp_path / "once").exists():
            await asyncio.sleep(0.01)
        once.cancel()
        await supervisor.drain([(("kept",), 5.0)])
        with pytest.raises(StartupError, match="being stopped"):
            supervisor.keep(_program("late", _SERVE))
        with pytest.raises(StartupError, match="being stopped"):
            await supervisor.run_once(_program("late", "true"))

    _supervise(body)
    assert order.read_text().split() == ["once", "kept"]


def test_a_line_without_an_end_is_bounded() -> None:
    async def body(supervisor: Supervisor) -> None:
        await supervisor.run_once(_program("one", "head -c 1000000 /dev/zero | tr '\\0' x >&2"))

    lines = _supervise(body)
    assert sum(len(line) for _, line in lines) == 1_000_000
    assert max(len(line) for _, line in lines) < 400_000
