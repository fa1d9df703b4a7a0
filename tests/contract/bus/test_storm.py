"""Writers and workers of one group are killed at random; nothing acknowledged is missing, nothing is left unread."""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import ExitStack

import pytest

from otelhouse.bus.contract import TopicPartition
from tests.contract.bus.support import PATIENCE, Bus, child

PARTITIONS = 3
SECONDS = 20.0


class Victim:
    """A child and what it said."""

    def __init__(self, stack: ExitStack, *arguments: str) -> None:
        self._output = stack.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115 - the stack closes it
        self._process = stack.enter_context(child(*arguments, output=self._output))

    def kill(self) -> list[str]:
        """The whole lines that it said."""
        self._process.kill()
        self._process.wait()
        self._output.seek(0)
        return [line for line in self._output.read().splitlines(keepends=True) if line.endswith("\n")]


@pytest.mark.slow
def test_kills_at_random_lose_nothing_and_leave_nothing_unread(bus: Bus) -> None:
    topic, group, dice = bus.topic(PARTITIONS), bus.group(), random.Random(7)
    acknowledged, read = 0, set[tuple[int, int]]()
    started = time.monotonic()
    with ExitStack() as stack:
        writer = Victim(stack, "publish", bus.url, topic)
        workers = [Victim(stack, "work", bus.url, topic, group) for _ in range(3)]
        while time.monotonic() - started < SECONDS:
            time.sleep(dice.uniform(0.5, 1.5))
            acknowledged += len(writer.kill())
            writer = Victim(stack, "publish", bus.url, topic)
            read |= _reads(workers.pop(dice.randrange(3)).kill())
            workers.append(Victim(stack, "work", bus.url, topic, group))
        acknowledged += len(writer.kill())
        with bus.reader(bus.group(), topic) as reader:
            reader.until(lambda: len(reader.owned) == PARTITIONS)
            ends = [reader.consumer.end(TopicPartition(topic, number)) for number in range(PARTITIONS)]
            assert sum(ends) >= acknowledged > 100
        _until_no_lag(bus, group)
        for worker in workers:
            read |= _reads(worker.kill())
    assert read == {(number, offset) for number, end in enumerate(ends) for offset in range(end)}


def _reads(lines: list[str]) -> set[tuple[int, int]]:
    return {(int(line.split()[0]), int(line.split()[1])) for line in lines}


def _until_no_lag(bus: Bus, group: str) -> None:
    admin, deadline = bus.open().admin(), time.monotonic() + 2 * PATIENCE
    while any(admin.lag(group).values()):
        assert time.monotonic() < deadline, admin.lag(group)
        time.sleep(0.2)
    admin.close()
