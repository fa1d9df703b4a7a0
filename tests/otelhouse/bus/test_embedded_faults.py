"""The embedded log when its directory, its disk or other processes misbehave."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from otelhouse.bus.contract import LogBusy, LogError, LogUnavailable, Outgoing
from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from tests.otelhouse.bus.child import TOPIC
from tests.otelhouse.bus.conftest import Child

MIB = 1 << 20


def publish(log: EmbeddedLog, count: int, size: int) -> list[int | LogError]:
    producer = log.producer()
    results = [producer.publish([Outgoing(TOPIC, 0, bytes(size))]).result(30)[0] for _ in range(count)]
    producer.close()
    return results


def test_a_full_disk_is_an_error_of_the_records_and_not_of_the_store(log: EmbeddedLog, child: Child) -> None:
    with child("fill", str(4 * MIB)) as process:
        assert process.stdout is not None
        *stored, refused, after = process.stdout.read().splitlines()
    assert [int(line) for line in stored] == list(range(len(stored)))
    assert len(stored) > 5
    assert refused.startswith("LogUnavailable: log directory")
    assert int(after) == len(stored)
    assert publish(log, 1, 10) == [len(stored) + 1]


def test_a_writer_that_hangs_is_answered_for_in_time_and_its_death_frees_the_log(
    log: EmbeddedLog, child: Child
) -> None:
    with child("hold-write") as process:
        assert process.stdout is not None
        process.stdout.readline()
        producer = log.producer()
        started = time.monotonic()
        (result,) = producer.publish([Outgoing(TOPIC, 0, b"waits")]).result(30)
        assert isinstance(result, LogUnavailable)
        assert 0.9 < time.monotonic() - started < 5
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 20
        while not isinstance(producer.publish([Outgoing(TOPIC, 0, b"goes")]).result(30)[0], int):
            assert time.monotonic() < deadline
        producer.close()


def test_a_killed_reader_holds_no_space(log: EmbeddedLog, directory: Path, child: Child) -> None:
    """Its snapshot would keep every page that is deleted after it."""
    publish(log, 4, MIB // 2)
    with child("hold-read") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert all(isinstance(each, int) for each in publish(log, 200, MIB // 2))
    assert (directory / "records" / "data.mdb").stat().st_size < 40 * MIB


def test_the_file_stays_near_the_size_of_retention(log: EmbeddedLog, directory: Path) -> None:
    producer = log.producer()
    for number in range(300):
        size = (number * 7919) % (800 * 1024)  # of all sizes: runs of free pages must fit again
        (result,) = producer.publish([Outgoing(TOPIC, 0, bytes(size))]).result(30)
        assert isinstance(result, int)
    producer.close()
    assert (directory / "records" / "data.mdb").stat().st_size < 40 * MIB


def test_a_record_that_cannot_be_written_harms_no_other(log: EmbeddedLog) -> None:
    producer = log.producer()
    name_too_long = Outgoing(TOPIC, 0, b"x", (("n" * 70_000, b""),))
    assert isinstance(producer.publish([name_too_long]).result(30)[0], LogUnavailable)
    assert producer.publish([Outgoing(TOPIC, 0, b"y")]).result(30) == [0]
    producer.close()


@pytest.mark.parametrize("kind", ["a file", "garbage", "a file above"])
def test_a_directory_that_is_no_log_says_so(tmp_path: Path, kind: str) -> None:
    directory = tmp_path / "log"
    if kind == "a file":
        directory.write_text("mine")
    elif kind == "garbage":
        (directory / "records").mkdir(parents=True)
        (directory / "records" / "data.mdb").write_bytes(b"not a log" * 10_000)
    else:
        (tmp_path / "above").write_text("mine")
        directory = tmp_path / "above" / "log"
    log = EmbeddedLog(directory, LogSettings(), SystemClock())
    with pytest.raises(LogBusy, match=str(tmp_path)):
        log.check()
    assert isinstance(publish(log, 1, 1)[0], LogBusy)
    log.close()
