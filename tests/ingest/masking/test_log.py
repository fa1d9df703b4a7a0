"""Over the real path: what a client sends with personal data in every place is not in the log's own bytes."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import httpx

from schema.signal import Signal
from tests.ingest.masking.test_places import MAIL, TEXT, log_request, metric_request, trace_request
from tests.support.ingest import RunningIngest, running_ingest
from tests.support.kafka import KafkaBroker


def send_all(ingest: RunningIngest) -> None:
    for path, request in (("traces", trace_request()), ("logs", log_request()), ("metrics", metric_request())):
        deadline = time.monotonic() + 20
        answer = None
        # Kafka makes topics in its own time, and clients try again.
        while answer is None or (answer.status_code == 503 and time.monotonic() < deadline):
            answer = httpx.post(
                f"http://{ingest.otlp_http}/v1/{path}",
                content=request.SerializeToString(),
                headers={"content-type": "application/x-protobuf"},
            )
        assert answer.status_code == 200, "".join(ingest.process.log[-20:])


def assert_clean(held: bytes) -> None:
    """Nowhere in these bytes is the mail, plain or as base64."""
    assert b"service.name" in held  # they are the records', as they were sent
    for hidden in (MAIL.encode(), *(base64.b64encode(b" " * shift + TEXT.encode())[4:-4] for shift in range(3))):
        assert hidden not in held


def values_of(ingest: RunningIngest) -> bytes:
    """Values of all records."""
    records = [record for signal in Signal for record in ingest.records(signal)]
    assert {record.topic for record in records} == {signal.topic for signal in Signal}
    return b"".join(record.value for record in records)


def test_the_embedded_log_holds_nothing_of_it(tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url) as ingest:
        send_all(ingest)
        assert_clean(values_of(ingest))
        said = "".join(ingest.process.log)
    files = b"".join(path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file())
    assert MAIL.encode() not in files
    assert MAIL not in said


def test_kafka_holds_nothing_of_it(kafka: KafkaBroker, tmp_path: Path, metadata_url: str) -> None:
    with running_ingest(tmp_path, metadata_url, log_url=kafka.url) as ingest:
        send_all(ingest)
        assert_clean(values_of(ingest))
