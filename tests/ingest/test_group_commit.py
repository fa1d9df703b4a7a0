"""Group commit with a log that the test answers by hand: each call's fate is its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ingest import group_commit
from ingest.accounts import Accounts
from ingest.answer import Accepted, Code, Refused, unavailable
from ingest.batch import Batch
from ingest.budget import Budget
from ingest.group_commit import GroupCommit
from ingest.prepare import Prepare, Step
from ingest.steps.publish import Publish
from ingest.steps.scan import scan
from ingest.steps.split import Split
from ingest.steps.validate import validate
from otelhouse.bus.contract import LogError, LogUnavailable, Outgoing
from otelhouse.clock import ManualClock, SystemClock
from otelhouse.keys import Tenant
from schema.hash import partition_of
from schema.partition_key import trace_key
from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.requests import gauge, metrics, span, trace_id, traces
from tests.support.ingest import decode

TENANT = Tenant("acme", (3, 0, 0))
PARTITIONS = 4
CLOCK = ManualClock()


class HandLog:
    """A producer (and the count of partitions) whose answers the test gives."""

    def __init__(self) -> None:
        self.published: list[tuple[list[Outgoing], Future[list[int | LogError]]]] = []

    def partitions(self, _: object) -> int:
        return PARTITIONS

    def publish(self, records: Sequence[Outgoing]) -> Future[list[int | LogError]]:
        future: Future[list[int | LogError]] = Future()
        self.published.append((list(records), future))
        return future

    def close(self, timeout: float = 10.0) -> None:
        """Nothing to release."""

    def answer(self, fate: Callable[[Outgoing], int | LogError] = lambda _: 0) -> None:
        """Answer all that is under way."""
        for records, future in self.published:
            if not future.done():
                future.set_result([fate(record) for record in records])

    @property
    def records(self) -> list[Outgoing]:
        return [record for records, _ in self.published for record in records]


class House:
    """A GroupCommit of one signal on a HandLog."""

    def __init__(self, signal: Signal = Signal.TRACES, budget: int = 1 << 30, first: Sequence[Step] = ()) -> None:
        self.log = HandLog()
        steps = (*first, validate, Split(self.log))  # type: ignore[arg-type]
        prepare = Prepare(signal, scan, steps, CLOCK)
        self.accounts = Accounts(CLOCK)
        publish = Publish(self.log)
        self.commit = GroupCommit(
            signal, prepare, publish, Budget(budget), ThreadPoolExecutor(1), SystemClock(), self.accounts
        )

    def send(self, *bodies: bytes, tenant: Tenant = TENANT) -> list[asyncio.Task[Accepted | Refused]]:
        """Submit all in one turn of the loop, so that they are joined."""
        return [asyncio.create_task(self._submit(tenant, body)) for body in bodies]

    async def _submit(self, tenant: Tenant, body: bytes) -> Accepted | Refused:
        try:
            return await self.commit.submit(tenant, body)
        except Refused as refused:
            return refused

    async def until_published(self, deliveries: int = 1) -> None:
        async with asyncio.timeout(10):
            while len(self.log.published) < deliveries:
                await asyncio.sleep(0.001)


def in_partition(partition: int, name: str) -> bytes:
    """A request with a span in that partition."""
    number = next(n for n in range(10_000) if partition_of(trace_key(TENANT.id, trace_id(n)), PARTITIONS) == partition)
    return traces(span(name, trace_id(number))).SerializeToString()


async def fates(tasks: Sequence[asyncio.Task[Accepted | Refused]]) -> list[Code]:
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*tasks)
    return [answer.code if isinstance(answer, Refused) else Code.OK for answer in answers]


def test_calls_that_wait_are_published_together_and_say_whose_they_are() -> None:
    async def scenario() -> None:
        house = House()
        tasks = house.send(*(in_partition(2, f"s{i}") for i in range(5)))
        await house.until_published()
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 5
        (record,) = house.log.records
        assert (record.topic, record.partition) == ("telemetry.traces", 2)
        assert parse_headers(record.headers) == Framing("acme", 5, CLOCK.now_ns() // 60_000_000_000, 3)

    asyncio.run(scenario())


def test_a_body_that_is_no_otlp_fails_alone() -> None:
    async def scenario() -> None:
        house = House()
        good = in_partition(0, "good")
        tasks = house.send(good, good[:-3], b"\xff\xff\xff", good)
        await house.until_published()
        house.log.answer()
        assert await fates(tasks) == [Code.OK, Code.INVALID, Code.INVALID, Code.OK]
        (record,) = house.log.records
        names = [s.name for r in decode(Signal.TRACES, record.value).resource_spans for s in r.scope_spans[0].spans]  # type: ignore[attr-defined]
        assert names == ["good", "good"]

    asyncio.run(scenario())


def test_a_record_that_fails_takes_exactly_the_calls_with_bytes_in_it() -> None:
    async def scenario() -> None:
        house = House()
        both = traces(
            *(span("x", trace_id(n)) for n in range(64))  # 64 traces are in every partition
        ).SerializeToString()
        tasks = house.send(in_partition(0, "a"), in_partition(1, "b"), both, in_partition(2, "c"))
        await house.until_published(PARTITIONS)
        house.log.answer(lambda record: LogUnavailable("gone") if record.partition == 1 else 7)
        assert await fates(tasks) == [Code.OK, Code.UNAVAILABLE, Code.UNAVAILABLE, Code.OK]

    asyncio.run(scenario())


def test_a_call_waits_for_no_partition_but_its_own() -> None:
    async def scenario() -> None:
        house = House()
        slow, quick = house.send(in_partition(3, "slow"), in_partition(0, "quick"))
        await house.until_published(2)
        next(future for records, future in house.log.published if records[0].partition == 0).set_result([1])
        assert await fates([quick]) == [Code.OK]
        assert not slow.done()
        house.log.answer()
        assert await fates([slow]) == [Code.OK]

    asyncio.run(scenario())


def test_nothing_is_answered_before_the_log_has_it() -> None:
    async def scenario() -> None:
        house = House()
        (task,) = house.send(in_partition(0, "x"))
        await house.until_published()
        await asyncio.sleep(0.05)
        assert not task.done()
        house.log.answer()
        assert await fates([task]) == [Code.OK]

    asyncio.run(scenario())


def test_a_client_that_goes_away_disturbs_nobody_and_its_items_are_kept() -> None:
    async def scenario() -> None:
        house = House()
        gone, stays = house.send(in_partition(0, "gone"), in_partition(0, "stays"))
        await house.until_published()
        gone.cancel()
        await asyncio.sleep(0)
        house.log.answer()
        assert await fates([stays]) == [Code.OK]
        assert parse_headers(house.log.records[0].headers).items == 2  # type: ignore[union-attr]
        await house.commit.drain()

    asyncio.run(scenario())


def test_batches_go_on_while_earlier_ones_wait_for_the_log() -> None:
    async def scenario() -> None:
        house = House()
        tasks = []
        for number in range(3):
            tasks += house.send(in_partition(0, str(number)))
            await house.until_published(number + 1)
        assert not any(task.done() for task in tasks)
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 3

    asyncio.run(scenario())


def test_clients_that_come_back_together_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "COLLECT_SECONDS", 5.0)
    monkeypatch.setattr(group_commit, "RETURN_SECONDS", 5.0)

    async def scenario() -> None:
        house = House()
        tasks = house.send(*(in_partition(0, f"first {i}") for i in range(8)))
        await house.until_published()
        tasks += house.send(in_partition(0, "early"))
        await asyncio.sleep(0.02)
        assert len(house.log.published) == 1  # it waits for the others, which the log has not answered
        house.log.answer()
        await asyncio.sleep(0.02)
        for i in range(7):
            tasks += house.send(in_partition(0, f"back {i}"))
            await asyncio.sleep(0.001)
        await house.until_published(2)
        assert parse_headers(house.log.records[1].headers).items == 8  # type: ignore[union-attr]
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 16

    asyncio.run(scenario())


def test_a_call_does_not_wait_long_for_clients_that_stay_away() -> None:
    async def scenario() -> None:
        house = House()
        tasks = house.send(*(in_partition(0, f"{i}") for i in range(8)))
        await house.until_published()
        house.log.answer()
        await fates(tasks)
        for number in range(2, 5):
            alone = house.send(in_partition(0, "alone"))
            await house.until_published(number)
            house.log.answer()
            assert await fates(alone) == [Code.OK]

    asyncio.run(scenario())


def test_clients_that_are_answered_early_and_come_back_are_not_expected_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "COLLECT_SECONDS", 60.0)
    monkeypatch.setattr(group_commit, "RETURN_SECONDS", 60.0)

    async def scenario() -> None:
        house = House()
        tasks = house.send(*(in_partition(partition, f"{i}") for partition in (0, 1) for i in range(4)))
        await house.until_published(2)
        for _, future in house.log.published[:2]:  # one partition after the other, and its clients come back at once
            future.set_result([0])
            await asyncio.sleep(0.02)
            tasks += house.send(*(in_partition(0, f"back {i}") for i in range(4)))
            await asyncio.sleep(0.02)
        await house.until_published(3)
        assert parse_headers(house.log.records[2].headers).items == 8  # type: ignore[union-attr]
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 16

    asyncio.run(scenario())


def test_one_that_calls_now_and_then_does_not_hold_up_those_who_come_back_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "RETURN_SECONDS", 5.0)

    async def scenario() -> None:
        house = House()
        for number in range(80):
            tasks = house.send(*(in_partition(0, f"{number} {i}") for i in range(4)))
            await house.until_published(number + 1)
            house.log.answer()
            await fates(tasks)
        for count, number in ((5, 81), (4, 82)):  # one more than usual, who then stays away
            began = time.monotonic()
            tasks = house.send(*(in_partition(0, f"{number} {i}") for i in range(count)))
            await house.until_published(number)
            assert time.monotonic() - began < 1
            house.log.answer()
            await fates(tasks)

    asyncio.run(scenario())


def test_calls_wait_longer_again_when_clients_take_longer_to_come_back() -> None:
    async def scenario() -> None:
        house = House()
        house.commit._patience = least = group_commit.RETURN_SECONDS / 4
        for number in range(40):
            house.commit._expected = 4
            tasks = house.send(*(in_partition(0, f"{number} {i}") for i in range(3)))
            await house.until_published(number + 1)
            house.log.answer()
            await fates(tasks)
            assert house.commit._patience >= least
        assert house.commit._patience == group_commit.RETURN_SECONDS

    asyncio.run(scenario())


def test_batches_that_come_back_one_by_one_do_not_make_a_call_wait_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "COLLECT_SECONDS", 0.0)

    async def scenario() -> None:
        house = House()
        tasks = []
        for number in range(5):
            tasks += house.send(*(in_partition(0, f"{number} {i}") for i in range(3)))
            await house.until_published(number + 1)
        monkeypatch.setattr(group_commit, "COLLECT_SECONDS", 0.2)
        tasks += house.send(in_partition(0, "late"))
        for _, future in house.log.published[:4]:
            await asyncio.sleep(0.1)
            future.set_result([0])
        assert len(house.log.published) == 6  # it went 0.2 s after it came
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 16

    asyncio.run(scenario())


def test_a_log_that_does_not_answer_holds_back_batches_instead_of_piling_them_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "BATCHES_AT_LOG", 2)

    async def scenario() -> None:
        house = House()
        tasks = []
        for _ in range(6):
            tasks += house.send(in_partition(0, "x"))
            await asyncio.sleep(0.02)
        assert len(house.log.published) == 2
        house.log.answer()
        await house.until_published(3)
        assert parse_headers(house.log.records[2].headers).items == 4  # type: ignore[union-attr]
        house.log.answer()
        assert await fates(tasks) == [Code.OK] * 6

    asyncio.run(scenario())


def test_more_bytes_than_may_be_in_flight_are_refused_and_taken_later() -> None:
    async def scenario() -> None:
        body = in_partition(0, "x")
        house = House(budget=3 * len(body))  # nine tenths of it for one tenant
        tasks = house.send(body, body, body)
        await house.until_published()
        house.log.answer()
        assert await fates(tasks) == [Code.OK, Code.OK, Code.UNAVAILABLE]
        assert tasks[2].result().retry_seconds > 0  # type: ignore[union-attr]
        await house.commit.drain()
        again = house.send(body)
        await house.until_published(2)
        house.log.answer()
        assert await fates(again) == [Code.OK]

    asyncio.run(scenario())


def test_spans_without_a_usable_id_are_counted_and_the_rest_is_kept() -> None:
    async def scenario() -> None:
        house = House()
        bad = (b"", b"\0" * 16, b"short", b"x" * 17)
        request = traces(
            span("good", trace_id(1)), *(span("bad", each) for each in bad), span("bad", trace_id(1), b"\0" * 8)
        )
        all_bad = traces(span("bad", b""))
        tasks = house.send(request.SerializeToString(), all_bad.SerializeToString(), in_partition(0, "other"))
        await house.until_published()
        house.log.answer()
        await fates(tasks)
        house.log.answer()
        first, second, third = (task.result() for task in tasks)
        assert first == Accepted(5, "5 spans have an invalid trace id or span id")
        assert second == Accepted(1, "1 spans have an invalid trace id or span id")
        assert third == Accepted()
        assert sum(parse_headers(record.headers).items for record in house.log.records) == 2  # type: ignore[union-attr]

    asyncio.run(scenario())


def test_an_item_larger_than_a_record_is_rejected_with_all_its_data_points() -> None:
    async def scenario() -> None:
        house = House(Signal.METRICS)
        huge = gauge("huge", 1.0, 2.0, 3.0)
        huge.description = "x" * 1_000_000
        (task,) = house.send(metrics(huge, gauge("small", 1.0)).SerializeToString())
        await house.until_published()
        house.log.answer()
        await fates([task])
        assert task.result() == Accepted(3, "3 data points are too large for the log")
        assert all(len(record.value) <= 900 * 1024 for record in house.log.records)

    asyncio.run(scenario())


def test_tenants_of_one_batch_share_no_record() -> None:
    async def scenario() -> None:
        house = House()
        body = in_partition(0, "x")
        other = Tenant("other")
        tasks = house.send(body, body) + house.send(body, tenant=other)
        await house.until_published(1)
        async with asyncio.timeout(10):
            while not all(task.done() for task in tasks):
                house.log.answer()
                await asyncio.sleep(0.001)
        found = sorted(
            (f.tenant, f.items) for r in house.log.records if isinstance(f := parse_headers(r.headers), Framing)
        )
        assert found == [("acme", 2), ("other", 1)]

    asyncio.run(scenario())


def test_a_fault_of_ours_on_one_call_is_that_calls_alone() -> None:
    def faulty(batch: Batch) -> None:
        if b"boom" in batch.scan.data.tobytes():
            raise ZeroDivisionError

    async def scenario() -> None:
        house = House(first=(faulty,))
        tasks = house.send(in_partition(0, "fine"), in_partition(0, "boom"), in_partition(0, "fine"))
        await house.until_published(2)
        house.log.answer()
        assert await fates(tasks) == [Code.OK, Code.INTERNAL, Code.OK]

    asyncio.run(scenario())


def test_a_refusal_of_a_step_is_every_calls() -> None:
    def closed(_: Batch) -> None:
        raise unavailable("closed")

    async def scenario() -> None:
        house = House(first=(closed,))
        assert await fates(house.send(in_partition(0, "a"), in_partition(0, "b"))) == [Code.UNAVAILABLE] * 2

    asyncio.run(scenario())


def test_an_empty_request_is_accepted_without_the_log() -> None:
    async def scenario() -> None:
        house = House()
        assert await fates(house.send(b"")) == [Code.OK]
        assert not house.log.published

    asyncio.run(scenario())
