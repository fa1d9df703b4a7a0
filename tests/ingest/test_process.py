"""`otelhouse ingest` as a process that ends in the middle of calls."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import grpc
import pytest

from otelhouse.bus import open_log
from otelhouse.bus.contract import TopicPartition
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings
from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.requests import one_of
from tests.support.components import Component, start
from tests.support.ingest import decode

ANY_PORT = "127.0.0.1:0"


def environment(directory: Path, postgres_url: str) -> dict[str, str]:
    return {"OTELHOUSE_LOG_URL": f"embedded:{directory / 'log'}", "OTELHOUSE_POSTGRES_URL": postgres_url}


def start_ingest(directory: Path, postgres_url: str) -> Component:
    return start(["ingest", "--otlp-grpc", ANY_PORT, "--otlp-http", ANY_PORT], environment(directory, postgres_url))


def names_in_log(directory: Path) -> set[str]:
    log = open_log(LogSettings(url=f"embedded:{directory / 'log'}"), SystemClock())
    consumer = log.consumer("test")
    owned: list[TopicPartition] = []
    names: set[str] = set()
    consumer.subscribe([Signal.TRACES.topic], owned.extend, lambda _: None)
    while not owned or any(consumer.position(p) < consumer.end(p) for p in owned):
        for record in consumer.poll(0.05):
            for group in decode(Signal.TRACES, record.value).resource_spans:  # type: ignore[attr-defined]
                names |= {span.name for scope in group.scope_spans for span in scope.spans}
    consumer.close()
    log.close()
    return names


class Senders:
    """Clients that export without a pause and remember what was acknowledged."""

    def __init__(self, address: str, count: int = 8) -> None:
        self.acknowledged: set[str] = set()
        self.codes: set[grpc.StatusCode] = set()
        self._client = GrpcClient(address)
        self._threads = [threading.Thread(target=self._send, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _send(self, number: int) -> None:
        for turn in range(100_000):
            name = f"{number}-{turn}"
            try:
                self._client.export(one_of(Signal.TRACES, name).SerializeToString())
            except grpc.RpcError as error:
                self.codes.add(error.code())
                return
            self.acknowledged.add(name)

    def end(self) -> None:
        for thread in self._threads:
            thread.join(15)
        self._client.channel.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_nothing_acknowledged_is_lost_when_ingest_ends_in_the_middle_of_calls(
    tmp_path: Path, metadata_url: str, end: str
) -> None:
    ingest = start_ingest(tmp_path, metadata_url)
    senders = Senders(ingest.ready["otlp_grpc"])
    time.sleep(0.5)
    began = time.monotonic()
    if end == "stop":
        assert ingest.stop() == 0
        assert time.monotonic() - began < 10
    else:
        ingest.kill()
    senders.end()
    assert len(senders.acknowledged) > 20
    assert senders.acknowledged <= names_in_log(tmp_path)
    # What a client may try again elsewhere; never an answer that makes it throw data away.
    assert senders.codes <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
