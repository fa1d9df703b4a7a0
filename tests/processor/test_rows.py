"""Rows in the real ClickHouse equal what the official protobuf library says of the same requests."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import Record, TopicPartition
from otelhouse.clickhouse import connect
from otelhouse.clock import SystemClock
from otelhouse.config import ClickHouseSettings
from processor.build import Builder
from processor.metrics_rows.state import MetricsState
from processor.sink import Sink
from processor.window import Entry, Window
from schema.arrow import TABLES
from schema.clickhouse_ddl import Layout
from schema.record import Framing, block_number
from schema.signal import Signal
from tests.processor import oracle, requests
from tests.processor.metrics_rows.stream import unlimited
from tests.processor.sampling.stream import unsampled
from tests.processor.storage import create_tables

DAY = 19_700


class _Patient:
    def pause(self, seconds: float) -> bool:
        return False


@dataclass
class Store:
    """A database, a client of it, and a builder that starts new for each test."""

    client: Client
    sink: Sink
    builder: Builder
    metrics: MetricsState = field(default_factory=unlimited)

    def put(self, window: Window) -> None:
        topic = window.name.topic
        built = self.builder.build(
            window, {Signal.TRACES.topic: unsampled(), Signal.METRICS.topic: self.metrics}.get(topic)
        )
        assert built.faults == []
        for rows in built.shared:
            self.sink.store_shared(rows, _Patient())
        for block in built.blocks:
            self.sink.store(block, False, _Patient())

    def rows(self, select: str) -> list[dict[str, Any]]:
        text = self.client.raw_query(select, fmt="JSONEachRow", settings={"output_format_json_quote_64bit_integers": 0})
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def store(clickhouse_settings: ClickHouseSettings) -> Iterator[Store]:
    sink = Sink(lambda: connect(clickhouse_settings), Layout(clickhouse_settings.database), SystemClock())
    with contextlib.closing(connect(clickhouse_settings)) as client:
        create_tables(client, clickhouse_settings.database)
        yield Store(client, sink, Builder())
    sink.close()


def window_of(records: list[Record], end: int = 100) -> Window:
    entries = tuple(Entry(each, each.append_ms, Framing(**_framing(each))) for each in records)
    name = TopicPartition(records[0].topic, 5)
    return Window(name, 0, end, DAY * 86_400_000, DAY * 86_400_000, entries, 0)


def _framing(record: Record) -> dict[str, Any]:
    said = dict(record.headers)
    return {
        "tenant": said["tenant"].decode(),
        "items": 1,
        "accepted_minute": 0,
        "retention_class": int(said["class"]),
    }


def canonical(found: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(_whole(row), sort_keys=True) for row in found)


def _whole(value: Any) -> Any:
    """Whole floats as integers, which is how ClickHouse writes them."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def made(signal: Signal, seed: int, count: int = 40) -> list[Record]:
    rng = random.Random(seed)
    return [
        requests.record(signal, n, requests.request(signal, rng), rng.choice(("acme", "blue")), rng.choice((0, 3)))
        for n in range(count)
    ]


def parsed(signal: Signal, records: list[Record], tenant: str, retention_class: int) -> list[tuple[int, Any]]:
    chosen = [
        each
        for each in records
        if dict(each.headers)["tenant"].decode() == tenant and int(dict(each.headers)["class"]) == retention_class
    ]
    values = requests.parsed(signal, [each.value for each in chosen])
    return [(each.offset, value) for each, value in zip(chosen, values, strict=True)]


SPAN_COLUMNS = """toUnixTimestamp64Nano(time) AS time, duration_ns, lower(hex(trace_id)) AS trace_id,
    lower(hex(span_id)) AS span_id, lower(hex(parent_id)) AS parent_id, trace_state, flags, service, name, kind, status,
    status_message, adjusted_count, scope_name, scope_version, scope_attributes, scope_attributes_json, attributes,
    attributes_json, arrayMap(t -> toUnixTimestamp64Nano(t), events_time) AS events_time, events_name,
    events_attributes, events_attributes_json, arrayMap(t -> lower(hex(t)), links_trace_id) AS links_trace_id,
    arrayMap(t -> lower(hex(t)), links_span_id) AS links_span_id, links_trace_state, links_attributes,
    links_attributes_json"""
LOG_COLUMNS = """toUnixTimestamp64Nano(time) AS time, toUnixTimestamp64Nano(observed_time) AS observed_time,
    lower(hex(trace_id)) AS trace_id, lower(hex(span_id)) AS span_id, flags, severity_number, severity_text, service,
    event_name, body, body_json, scope_name, scope_version, scope_attributes, scope_attributes_json, attributes,
    attributes_json"""
PLACES = [("acme", 0), ("acme", 3), ("blue", 0), ("blue", 3)]


def test_spans_and_their_index_are_what_was_sent(store: Store) -> None:
    records = made(Signal.TRACES, 1)
    store.put(window_of(records))
    for tenant, retention_class in PLACES:
        where = f"tenant = '{tenant}' AND class = {retention_class} AND day = toDate({DAY})"
        sent = parsed(Signal.TRACES, records, tenant, retention_class)
        expected = [row for _, request in sent for row in oracle.spans(request)]
        assert canonical(store.rows(f"SELECT {SPAN_COLUMNS} FROM spans WHERE {where}")) == canonical(expected)
        index = store.rows(
            "SELECT lower(hex(trace_id)) AS trace_id, toUnixTimestamp64Nano(min_time) AS min_time, spans,"
            f" toUnixTimestamp64Nano(max_time) AS max_time, first_offset, last_offset FROM trace_index WHERE {where}",
        )
        assert canonical(index) == canonical(oracle.trace_index(sent))
    assert store.rows("SELECT DISTINCT block FROM spans UNION DISTINCT SELECT DISTINCT block FROM trace_index") == [
        {"block": block_number(5, 100)}
    ]


def test_every_span_finds_its_resource(store: Store) -> None:
    store.put(window_of(made(Signal.TRACES, 1)))
    orphans = "SELECT count() AS n FROM spans WHERE (tenant, resource) NOT IN (SELECT tenant, resource FROM resources)"
    assert store.rows(orphans) == [{"n": 0}]
    said = store.rows("SELECT DISTINCT service, attributes['service.name'] AS name FROM resources")
    assert canonical(said) == canonical(
        [{"service": name or "unknown_service", "name": name} for name in ("shop", "cart", "")]
    )


def test_logs_are_what_was_sent(store: Store) -> None:
    records = made(Signal.LOGS, 2)
    store.put(window_of(records))
    append_ns = {each.offset: each.append_ms * 1_000_000 for each in records}
    for tenant, retention_class in PLACES:
        where = f"tenant = '{tenant}' AND class = {retention_class}"
        sent = parsed(Signal.LOGS, records, tenant, retention_class)
        expected = [row for offset, request in sent for row in oracle.logs(request, append_ns[offset])]
        assert canonical(store.rows(f"SELECT {LOG_COLUMNS} FROM logs WHERE {where}")) == canonical(expected)


HISTOGRAM_COLUMNS = """metric, labels, toUnixTimestamp64Milli(time) AS time, count, reinterpretAsUInt64(sum) AS sum,
    scale, zero_threshold, zero_count, positive_offset, positive_counts, negative_offset, negative_counts"""
METADATA = ("type", "unit", "temporality")
SERIES = "(SELECT DISTINCT tenant, class, series, metric, labels FROM series)"


def without_metadata(rows: Iterable[dict[str, Any]]) -> list[str]:
    return canonical([{name: row[name] for name in row if name not in METADATA} for row in rows])


def test_samples_histograms_and_exemplars_are_what_was_sent(store: Store) -> None:
    records = made(Signal.METRICS, 3)
    # Two windows: what the second finds known must come out as what the first found new.
    store.put(window_of(records[:20], end=20))
    store.put(window_of(records[20:], end=40))
    for tenant, retention_class in PLACES:
        where = f"tenant = '{tenant}' AND class = {retention_class}"
        sent = parsed(Signal.METRICS, records, tenant, retention_class)
        numbers, native = (
            [row for _, request in sent for row in of(request)] for of in (oracle.samples, oracle.histograms)
        )
        joined = f"JOIN {SERIES} AS s USING (tenant, class, series) WHERE {where} AND metric != 'target_info'"
        found = store.rows(
            "SELECT metric, labels, toUnixTimestamp64Milli(time) AS time, reinterpretAsUInt64(value) AS value"
            f" FROM samples {joined}",
        )
        assert canonical(found) == without_metadata(numbers)
        found = store.rows(f"SELECT {HISTOGRAM_COLUMNS} FROM histograms {joined}")
        assert found
        assert canonical(found) == without_metadata(native)
        # Metrics that differ in their metadata alone are the same series, which keeps that of one.
        said = store.rows(
            "SELECT DISTINCT metric, labels, type, unit, temporality FROM series"
            f" WHERE {where} AND metric != 'target_info'"
        )
        keys = ("metric", "labels", *METADATA)
        sent_as = canonical([{key: row[key] for key in keys} for row in numbers + native])
        assert set(canonical(said)) <= set(sent_as)
        assert set(without_metadata(said)) == set(without_metadata(json.loads(each) for each in sent_as))
        found = store.rows(
            "SELECT metric, labels, toUnixTimestamp64Milli(time) AS time, reinterpretAsUInt64(value) AS value,"
            " lower(hex(trace_id)) AS trace_id, lower(hex(span_id)) AS span_id, attributes, attributes_json"
            f" FROM exemplars JOIN {SERIES} AS s USING (tenant, class, series) WHERE {where}",
        )
        assert canonical(found) == canonical([row for _, request in sent for row in oracle.exemplars(request)])


def test_a_resource_with_more_than_its_identity_has_target_info(store: Store) -> None:
    (record,) = made(Signal.METRICS, 9, count=1)
    store.put(window_of([record], end=60))
    (request,) = requests.parsed(Signal.METRICS, [record.value])
    found = store.rows(
        "SELECT labels, toUnixTimestamp64Milli(time) AS time"
        f" FROM samples JOIN {SERIES} AS s USING (tenant, class, series)"
        f" WHERE metric = 'target_info' AND value = 1",
    )
    assert canonical(found) == canonical(list(oracle.target_infos(request)))
    assert found


def test_samples_of_a_metric_lie_together_and_one_of_a_block_says_which_it_is(store: Store) -> None:
    (record,) = made(Signal.METRICS, 9, count=1)
    store.put(window_of([record], end=60))
    hashes = f"SELECT DISTINCT metric_hash = CRC32(metric) AS same FROM samples JOIN {SERIES} AS s USING (series)"
    assert store.rows(hashes) == [{"same": 1}]
    (counted,) = store.rows("SELECT count() AS rows FROM samples")
    heads = store.rows("SELECT block, block_rows AS rows FROM samples WHERE block > 0 OR block_rows > 0")
    assert heads == [{"block": block_number(5, 60)} | counted]


def test_arrow_schemas_fit_the_tables(store: Store) -> None:
    for table, schema in TABLES.items():
        columns = [row["name"] for row in store.rows(f"DESCRIBE TABLE {table}") if row["default_type"] != "ALIAS"]
        if table == "samples":
            assert columns[-2:] == ["block", "block_rows"]
            del columns[-2:]
        assert columns == schema.names, table
