"""A log that cannot be reached: callers hear when to try again, nothing is acknowledged, ingest stays up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import grpc
import httpx
import pytest
from google.protobuf import json_format

from schema.signal import Signal
from tests.ingest.client import GrpcClient
from tests.ingest.requests import one_of
from tests.ingest.status import parse_status
from tests.support.graphql import eventually
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.kafka import KafkaBroker

PROTOBUF, JSON = "application/x-protobuf", "application/json"


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest whose Kafka is not there."""
    with running_ingest(tmp_path_factory.mktemp("down"), metadata_url, log_url="kafka://127.0.0.1:1") as running:
        yield running


def test_grpc_callers_hear_unavailable_and_when_to_retry(cut_off: RunningIngest) -> None:
    client = GrpcClient(cut_off.otlp_grpc)
    refusal = client.refusal(one_of(Signal.TRACES, "lost").SerializeToString())
    client.channel.close()
    assert refusal.code() is grpc.StatusCode.UNAVAILABLE
    assert parse_status(dict(refusal.trailing_metadata())["grpc-status-details-bin"]).retry_seconds == 1.0


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
def test_http_callers_hear_503_and_when_to_retry(cut_off: RunningIngest, encoding: str) -> None:
    request = one_of(Signal.LOGS, "lost")
    body = request.SerializeToString() if encoding == PROTOBUF else json_format.MessageToJson(request).encode()
    answer = httpx.post(
        f"http://{cut_off.otlp_http}/v1/logs", content=body, headers={"content-type": encoding}, timeout=10
    )
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    if encoding == PROTOBUF:
        assert parse_status(answer.content).retry_seconds == 1.0
    else:
        assert answer.json()["details"][0]["retryDelay"] == "1s"


def test_readiness_names_what_is_down_and_liveness_stays(cut_off: RunningIngest) -> None:
    ready = httpx.get(f"http://{cut_off.otlp_http}/readyz", timeout=10)
    assert ready.status_code == 503
    assert {"log", "topics"} == set(ready.json()["failed"])
    assert httpx.get(f"http://{cut_off.otlp_http}/healthz", timeout=10).status_code == 200


def test_kafka_may_come_late_and_go_away_and_nothing_acknowledged_is_lost(
    kafka: KafkaBroker, tmp_path_factory: pytest.TempPathFactory, metadata_url: str
) -> None:
    acknowledged: list[str] = []
    names = (f"outage-{number}" for number in count())

    def send() -> bool:
        name = next(names)
        try:
            client.export(one_of(Signal.TRACES, name).SerializeToString())
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        acknowledged.append(name)
        return True

    kafka.stop()
    with running_ingest(tmp_path_factory.mktemp("kafka"), metadata_url, log_url=kafka.url) as ingest:
        client = GrpcClient(ingest.otlp_grpc)
        assert not send()
        kafka.start()
        eventually(send, bool, 30)
        assert all(send() for _ in range(10))
        kafka.kill()
        assert not send()
        kafka.start()
        eventually(send, bool, 30)
        client.channel.close()
        found = b"".join(record.value for record in ingest.records(Signal.TRACES))
    assert len(acknowledged) >= 12
    assert [name for name in acknowledged if name.encode() not in found] == []
