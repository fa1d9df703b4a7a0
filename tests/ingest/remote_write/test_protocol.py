"""Remote write over real sockets: what the specifications say, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from ingest.receivers.remote_write import PATH
from schema.hash import partition_of
from schema.partition_key import series_key
from schema.signal import Signal
from tests.ingest.conftest import MAX_REQUEST_BYTES
from tests.support.ingest import RunningIngest, decode
from tests.support.remote_write import V1, V2, V2Builder, snappy, v1_series

V2_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
HEADERS = {"content-type": V2_TYPE, "content-encoding": "snappy", "x-prometheus-remote-write-version": "2.0.0"}
_WRITTEN = [f"x-prometheus-remote-write-{name}-written" for name in ("samples", "histograms", "exemplars")]


@pytest.fixture
def client(ingest: RunningIngest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=10) as made:
        yield made


def _v2(name: str, samples: int = 1, exemplars: int = 0, histograms: int = 0) -> Any:
    builder = V2Builder()
    series = builder.series({"__name__": name, "instance": "i", "job": "j"}, 1)
    for number in range(samples):
        series.samples.add(value=number, timestamp=1_700_000_000_000 + number)
    for number in range(exemplars):
        series.exemplars.add(value=number, timestamp=1_700_000_000_000)
    for number in range(histograms):
        series.histograms.add(count_int=number, timestamp=1_700_000_000_000)
    return builder.request


def _v1(name: str) -> Any:
    request = V1["WriteRequest"]()
    v1_series(request, {"__name__": name, "instance": "i", "job": "j"}).samples.add(
        value=1, timestamp=1_700_000_000_000
    )
    return request


def _post(client: httpx.Client, request: Any, **headers: str) -> httpx.Response:
    body = request if isinstance(request, bytes) else snappy(request.SerializeToString())
    return client.post(PATH, content=body, headers=HEADERS | headers)


def _written(answer: httpx.Response) -> list[str | None]:
    return [answer.headers.get(name) for name in _WRITTEN]


def _names(ingest: RunningIngest) -> set[str]:
    return {
        metric.name
        for record in ingest.records(Signal.METRICS)
        for resource in decode(Signal.METRICS, record.value).resource_metrics
        for metric in resource.scope_metrics[0].metrics
    }


@pytest.mark.parametrize(
    ("content_type", "request_of"),
    [
        ("application/x-protobuf", _v1),
        ("Application/X-Protobuf ; charset=utf-8", _v1),
        ("application/x-protobuf;proto=prometheus.WriteRequest", _v1),
        (V2_TYPE, _v2),
        ('application/x-protobuf; Proto="io.prometheus.write.v2.Request"', _v2),
    ],
)
def test_the_content_type_says_which_message_it_is(
    ingest: RunningIngest, client: httpx.Client, content_type: str, request_of: Any
) -> None:
    # Of letters: digits by chance may look like a card's number, which is masked.
    name = "negotiated_" + "".join(filter(str.isalpha, content_type))
    answer = _post(client, request_of(name), **{"content-type": content_type})
    assert (answer.status_code, answer.content) == (204, b"")
    assert _written(answer) == (["1", "0", "0"] if request_of is _v2 else [None] * 3)
    assert name in _names(ingest)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/json"}, 415),
        ({"content-type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "zstd"}, 415),
    ],
)
def test_other_content_is_not_supported(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = _post(client, _v2("unsupported"), **headers)
    assert answer.status_code == status
    assert answer.text


@pytest.mark.parametrize("content_encoding", ["snappy", "Snappy"])
def test_snappy_is_named_in_any_case(client: httpx.Client, content_encoding: str) -> None:
    assert _post(client, _v2("coded"), **{"content-encoding": content_encoding}).status_code == 204


def test_only_post_is_allowed(client: httpx.Client) -> None:
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\x05abc", 400),
        (b"\xff\xff\xff\xff\xff\xff", 400),
        (b"\x80\x80\x80\x80\x0f", 413),
        (b"\x01\x00\x00", 400),
        (b"\xff\x06\x00\x00sNaPpY", 400),
        (snappy(b"\x0a\xff"), 400),
        (snappy(b"\x00" * (MAX_REQUEST_BYTES + 1)), 413),
        (snappy(b""), 204),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_for_good(client: httpx.Client, body: bytes, status: int) -> None:
    answer = _post(client, body)
    assert answer.status_code == status
    assert _written(answer) == ["0", "0", "0"]
    assert bool(answer.text) == (status != 204)


def test_a_partial_write_says_what_was_written_and_what_was_not(ingest: RunningIngest, client: httpx.Client) -> None:
    request = _v2("partly", samples=3, exemplars=2, histograms=1)
    request.timeseries[0].samples[1].timestamp = -1
    request.timeseries[0].histograms[0].schema = 77
    request.timeseries.add(labels_refs=[0, 99]).samples.add(value=1, timestamp=1)
    answer = _post(client, request)
    assert answer.status_code == 400
    assert _written(answer) == ["2", "0", "2"]
    assert "1 samples with a reference that the symbols do not have" in answer.text
    assert "1 samples with a timestamp before 1970" in answer.text
    assert "1 histograms that are no valid native histogram" in answer.text
    assert "partly" in _names(ingest)


def test_everything_invalid_is_nothing_written(client: httpx.Client) -> None:
    request = V2["Request"](symbols=[""])
    request.timeseries.add().samples.add(value=1, timestamp=1)
    answer = _post(client, request)
    assert (answer.status_code, _written(answer)) == (400, ["0", "0", "0"])


def test_samples_histograms_and_exemplars_are_counted(client: httpx.Client) -> None:
    answer = _post(client, _v2("counted", samples=2, exemplars=3, histograms=1))
    assert (answer.status_code, _written(answer)) == (204, ["2", "1", "3"])


def test_metadata_of_1_0_describes_the_samples_that_follow(ingest: RunningIngest, client: httpx.Client) -> None:
    request = V1["WriteRequest"]()
    request.metadata.add(type=3, metric_family_name="described_seconds", help="How long.", unit="seconds")
    plain = {"content-type": "application/x-protobuf"}
    assert _post(client, request, **plain).status_code == 204
    assert _post(client, _v1("described_seconds_count"), **plain).status_code == 204
    found = [
        metric
        for record in ingest.records(Signal.METRICS)
        for resource in decode(Signal.METRICS, record.value).resource_metrics
        for metric in resource.scope_metrics[0].metrics
        if metric.name == "described_seconds_count"
    ]
    assert [(metric.description, metric.unit, metric.sum.is_monotonic) for metric in found] == [
        ("How long.", "seconds", True)
    ]


@pytest.mark.parametrize("request_of", [_v1, _v2])
def test_a_family_is_in_the_partition_of_its_target_whatever_the_protocol(
    ingest: RunningIngest, client: httpx.Client, request_of: Any
) -> None:
    kind = V2_TYPE if request_of is _v2 else "application/x-protobuf"
    family = f"parts_{request_of.__name__}"
    for suffix in ("", "_bucket", "_count", "_sum"):
        assert _post(client, request_of(family + suffix), **{"content-type": kind}).status_code == 204
    partitions = ingest.settings.log.partitions
    wanted = partition_of(series_key("default", "j", "i", family), partitions)
    found = [record.partition for record in ingest.records(Signal.METRICS) if family.encode() in record.value]
    assert found == [wanted] * 4
