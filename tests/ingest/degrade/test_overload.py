"""More load than the log takes, for seconds: what is shed first, that errors pass, that it ends when the load does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from ingest.accounts import Accounts
from ingest.answer import Refused
from ingest.budget import Budget
from ingest.degrade.ladder import Ladder
from ingest.degrade.monitor import Monitor
from ingest.group_commit import GroupCommit
from ingest.prepare import Prepare
from ingest.steps.degrade import Degrade
from ingest.steps.publish import Publish
from ingest.steps.scan import scan
from ingest.steps.split import Split
from ingest.steps.validate import validate
from otelhouse.accounts import Outcome
from otelhouse.bus.contract import LogError, Outgoing
from otelhouse.clock import SystemClock
from otelhouse.config import IngestSettings
from otelhouse.keys import Tenant
from schema.signal import Signal
from tests.ingest.requests import logs, span, traces

TENANT = Tenant("acme")
QUEUE_BYTES = 300_000
LOG_BYTES_PER_SECOND = 150_000
"""A fourth of what is sent; about as much as what is never shed, and less than that and the info logs."""
TICK_SECONDS = 0.01
ERRORS = {"spans": 2, "logs": 5}
"""In each call."""


class SlowLog:
    """A producer that takes so many bytes a second."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self._free_at = 0.0

    def partitions(self, _: object) -> int:
        return 1

    def publish(self, records: Sequence[Outgoing]) -> Future[list[int | LogError]]:
        future: Future[list[int | LogError]] = Future()
        self.records += records
        size = sum(len(record.value) for record in records)
        self._free_at = max(self._free_at, time.monotonic()) + size / LOG_BYTES_PER_SECOND
        loop = asyncio.get_running_loop()
        loop.call_later(self._free_at - time.monotonic(), future.set_result, [0] * len(records))
        return future

    def close(self, timeout: float = 10.0) -> None:
        """Nothing to release."""


def _traces() -> bytes:
    spans = [span("fine") for _ in range(40)] + [span("failed") for _ in range(ERRORS["spans"])]
    for each in spans[40:]:
        each.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR))
    for each in spans:  # ids as SDKs make them, by which spans are chosen
        each.trace_id = (
            int.from_bytes(each.span_id, "big") * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)
        ).to_bytes(16, "big")
    return traces(*spans).SerializeToString()


def _logs() -> bytes:
    severities = [5] * 20 + [9] * 60 + [13] * 5 + [17] * ERRORS["logs"]
    return logs(
        *(LogRecord(severity_number=n, body=AnyValue(string_value="something happened")) for n in severities)
    ).SerializeToString()


class Load:
    """Calls that are sent, and what they were told."""

    def __init__(self, commits: dict[Signal, GroupCommit]) -> None:
        self.accepted: Counter[Signal] = Counter()
        self.refused: Counter[Signal] = Counter()
        self._commits = commits
        self._tasks: list[asyncio.Task[None]] = []

    async def send(self, seconds: float) -> None:
        """So many calls a second, whatever becomes of them."""
        bodies = {Signal.TRACES: _traces(), Signal.LOGS: _logs()}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._tasks += [asyncio.create_task(self._call(signal, body)) for signal, body in bodies.items()]
            await asyncio.sleep(TICK_SECONDS)

    async def _call(self, signal: Signal, body: bytes) -> None:
        try:
            await self._commits[signal].submit(TENANT, body)
            self.accepted[signal] += 1
        except Refused:
            self.refused[signal] += 1

    async def answered(self) -> None:
        await asyncio.wait_for(asyncio.gather(*self._tasks), 20)


def test_debug_logs_go_first_then_spans_then_info_logs_and_it_steps_back_by_itself() -> None:
    async def scenario() -> None:
        log, budget, clock = SlowLog(), Budget(QUEUE_BYTES), SystemClock()
        ladder = Ladder(rise_seconds=0.2, fall_seconds=0.3)
        settings = IngestSettings(degrade_cpu=1.0, degrade_memory=1.0)
        monitor = Monitor(settings, lambda: budget.share, threading.get_ident(), clock, ladder)
        accounts = Accounts(clock)
        steps = (validate, Degrade(lambda: monitor.level), Split(log))  # type: ignore[arg-type]
        workers = ThreadPoolExecutor(1)
        commits = {
            signal: GroupCommit(
                signal, Prepare(signal, scan, steps, clock), Publish(log), budget, workers, clock, accounts
            )
            for signal in (Signal.TRACES, Signal.LOGS)
        }
        load = Load(commits)
        first_seen: dict[str, int] = {}
        totals: Counter[tuple[Outcome, str]] = Counter()

        async def watch() -> None:
            turn = 0
            while True:
                monitor.look()
                turn += 1
                for account, count in accounts.take().items():
                    totals[account.outcome, account.cause] += count.items
                    if account.outcome is Outcome.DROPPED:
                        first_seen.setdefault(account.cause, turn)
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        await load.send(3.0)
        highest = monitor.level
        await load.answered()
        async with asyncio.timeout(10):
            while monitor.level:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        dropped = sum(count for (outcome, _), count in totals.items() if outcome is Outcome.DROPPED)
        calm = Load(commits)
        await calm.send(0.02)
        await calm.answered()
        await asyncio.sleep(0.1)
        watching.cancel()
        workers.shutdown()

        order = sorted(first_seen, key=first_seen.__getitem__)
        assert order == ["degrade:debug_logs", "degrade:spans", "degrade:info_logs"]
        assert highest > 0
        assert dropped == sum(count for (outcome, _), count in totals.items() if outcome is Outcome.DROPPED)
        published = totals[Outcome.PUBLISHED, ""]
        left = sum(count for (outcome, _), count in totals.items() if outcome is Outcome.RECEIVED)
        assert left == published + dropped
        sent = load.accepted + calm.accepted
        assert _errors(log.records) == {
            "spans": sent[Signal.TRACES] * ERRORS["spans"],
            "logs": sent[Signal.LOGS] * ERRORS["logs"],
        }

    asyncio.run(scenario())


def _errors(records: Sequence[Outgoing]) -> dict[str, int]:
    found = {"spans": 0, "logs": 0}
    for record in records:
        if record.topic == Signal.TRACES.topic:
            spans: list[Span] = [
                each
                for group in ExportTraceServiceRequest.FromString(record.value).resource_spans
                for scope in group.scope_spans
                for each in scope.spans
            ]
            found["spans"] += sum(each.status.code == Status.STATUS_CODE_ERROR for each in spans)
        else:
            for resource in ExportLogsServiceRequest.FromString(record.value).resource_logs:
                found["logs"] += sum(each.severity_number >= 17 for each in resource.scope_logs[0].log_records)
    return found
