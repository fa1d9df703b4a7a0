"""Rows of our ClickHouse tables, inserted as they are: for tests that need data without the way it comes."""

from __future__ import annotations

import hashlib
import json
import math
import struct
import zlib
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from clickhouse_connect.driver.client import Client

from schema.clickhouse_ddl import Layout

SECOND = 1_000_000_000
_DAY = 86_400 * SECOND


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _map(prefix: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A map's two columns: text by key, and the keys whose text is JSON."""
    return {
        prefix: {key: _text(value) for key, value in attributes.items()},
        f"{prefix}_json": [key for key, value in attributes.items() if not isinstance(value, str)],
    }


def _maps(prefix: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    maps = [_map("map", each) for each in attributes]
    return {prefix: [each["map"] for each in maps], f"{prefix}_json": [each["map_json"] for each in maps]}


def _resource_id(service: str, resource: dict[str, Any]) -> int:
    text = json.dumps([service, resource], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


@dataclass(frozen=True)
class Event:
    """A span's event."""

    name: str
    time: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """A span's link."""

    trace_id: str
    span_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SpanData:
    """A span. Ids in hexadecimal, times in nanoseconds; `log_day` days since the epoch (default: of its time)."""

    trace_id: str
    span_id: str
    time: int
    duration: int = 1_000_000
    parent_id: str = "00" * 8
    name: str = "work"
    service: str = "shop"
    kind: int = 2
    status: int = 0
    status_message: str = ""
    adjusted_count: float = 1.0
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)
    scope_name: str = ""
    scope: dict[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    dimensions: dict[str, str] = field(default_factory=dict)
    log_day: int | None = None


@dataclass(frozen=True)
class LogData:
    """A log record. A body that is not a string is stored as JSON."""

    time: int
    body: Any = ""
    trace_id: str = "00" * 16
    span_id: str = "00" * 8
    severity: int = 9
    severity_text: str = "INFO"
    service: str = "shop"
    observed_time: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EdgeData:
    """Requests that began at one time, all of the same durations in nanoseconds; None for a side that sent no spans."""

    client: str
    server: str
    time: int
    connection: str = ""
    virtual: str = ""
    requests: float = 1.0
    errors: float = 0.0
    client_duration: int | None = 1_000_000
    server_duration: int | None = 1_000_000


@dataclass(frozen=True)
class DecisionData:
    """A verdict; `decided` in nanoseconds."""

    trace_id: str
    decided: int
    kept: bool = True
    policy: str = "errors"
    reason: str = "sampled by a policy of type status_code"
    early: str = ""
    rate: float = 1.0
    estimated: bool = False
    rule_version: int = 1
    spans: int = 1
    duplicates: int = 0
    bytes: int = 100


@dataclass(frozen=True)
class ExemplarData:
    """An exemplar of a series that has these labels; `time` in nanoseconds."""

    metric: str
    time: int
    value: float = 1.0
    trace_id: str = "00" * 16
    span_id: str = "00" * 8
    labels: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


def _histogram(prefix: str, duration: int | None, weight: float) -> dict[str, Any]:
    """Columns of a histogram of so many spans of one duration."""
    if duration is None:
        return {f"{prefix}duration_ns": 0.0, f"{prefix}buckets": [], f"{prefix}counts": []}
    bucket = math.floor(math.log2(duration) * 16) if duration > 0 else -1
    return {f"{prefix}duration_ns": duration * weight, f"{prefix}buckets": [bucket], f"{prefix}counts": [weight]}


def _date(days: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + days)


class Rows:
    """Writes for one tenant into the tables that `migrate` made."""

    def __init__(self, client: Client, tenant: str = "default", database: str = "otelhouse") -> None:
        self._client = client
        self._tenant = tenant
        self._layout = Layout(database)
        self._block = 0

    def spans(self, *spans: SpanData) -> None:
        """Spans, their resources, a row of the trace index for each trace, and what is measured of them."""
        self.red(*spans)
        self._insert("spans", [self._span(span) for span in spans])
        self._resources([(span.service, span.resource, self._day(span)) for span in spans])
        traces: dict[str, list[SpanData]] = {}
        for span in spans:
            traces.setdefault(span.trace_id, []).append(span)
        self._insert("trace_index", [self._index(trace) for trace in traces.values()])

    def red(self, *spans: SpanData) -> None:
        """What is measured of spans, whether they are stored or not."""
        self._block += 1
        self._insert("red", [self._measured(span) for span in spans])

    def red_exemplars(self, *spans: SpanData) -> None:
        """Spans that are exemplars of what was measured."""
        self._block += 1
        self._insert("red_exemplars", [self._red_exemplar(span) for span in spans])

    def edges(self, *edges: EdgeData) -> None:
        """Edges of the service graph."""
        self._block += 1
        self._insert("service_edges", [self._edge(edge) for edge in edges])

    def waiting(self, *trace_ids: str, time: int) -> None:
        """Traces that wait for their verdict: they are in the index alone."""
        self._block += 1
        spans = [SpanData(each, "00" * 8, time) for each in trace_ids]
        self._insert("trace_index", [{**self._index([span]), "pending": True} for span in spans])

    def decisions(self, *decisions: DecisionData) -> None:
        """Verdicts."""
        self._block += 1
        self._insert("decisions", [self._decision(each) for each in decisions])

    def logs(self, *logs: LogData) -> None:
        """Log records and their resources."""
        self._block += 1
        self._insert("logs", [self._log(log) for log in logs])
        self._resources([(log.service, log.resource, log.time // _DAY) for log in logs])

    def metrics(self, *names: str) -> None:
        """A series of each name."""
        common = {"tenant": self._tenant, "class": 0, "day": _date(20_000)}
        self._insert("series", [{**common, "metric": name, "series": index} for index, name in enumerate(names)])

    def series(self, time: int, *series: dict[str, str]) -> None:
        """Series by their labels, `__name__` among them, that are active at a time in nanoseconds."""
        self._block += 1
        common = self._common(time // _DAY)
        ids = [hash(tuple(sorted(labels.items()))) % (1 << 64) for labels in series]
        self._insert(
            "series_seen", [{**common, "time": time // 1_000_000, "series": each, "new": True} for each in ids]
        )
        del common["block"]
        rows = [
            {**common, "series": each, "metric": labels["__name__"],
             "labels": {key: value for key, value in labels.items() if key != "__name__"}}
            for each, labels in zip(ids, series, strict=True)
        ]  # fmt: skip
        self._insert("series", rows)

    def samples(
        self, labels: dict[str, str], *points: tuple[int, float], log_time: int | None = None, **described: str
    ) -> None:
        """Samples (milliseconds, value) of a series that came at a log time in nanoseconds: without it, at their own.

        `described`: type, unit, help, temporality of the series. Each call is a part of its own.
        """
        self._block += 1
        came = points[0][0] * 1_000_000 if log_time is None else log_time
        common = self._common(came // _DAY)
        metric, rest = labels["__name__"], {key: value for key, value in labels.items() if key != "__name__"}
        series = hash((tuple(sorted(labels.items())), described.get("temporality") == "delta")) % (1 << 64)
        self._insert("series_seen", [{**common, "time": came // 1_000_000, "series": series, "new": True}])
        del common["block"]
        self._insert("series", [{**common, "metric": metric, "series": series, "labels": rest, **described}])
        self._insert(
            "samples",
            [
                {**common, "metric_hash": zlib.crc32(metric.encode()), "series": series, "time": time,
                 "bits": struct.unpack("<Q", struct.pack("<d", value))[0]}
                for time, value in points
            ],
        )  # fmt: skip

    def refused_series(self, time: int, metric: str, reason: str, series: int, samples: int) -> None:
        """Samples that a limit of series kept out."""
        self._block += 1
        refused = {"time": time // 1_000_000, "metric": metric, "reason": reason, "series": series, "samples": samples}
        self._insert("series_refused", [{**self._common(time // _DAY), **refused}])

    def exemplars(self, *exemplars: ExemplarData) -> None:
        """Exemplars and their series."""
        self._block += 1
        series = [hash((each.metric, *sorted(each.labels.items()))) % (1 << 64) for each in exemplars]
        days = [each.time // _DAY for each in exemplars]
        self._insert(
            "series",
            [
                {"tenant": self._tenant, "class": 0, "day": _date(day), "metric": each.metric, "series": number,
                 "labels": each.labels}
                for each, number, day in zip(exemplars, series, days, strict=True)
            ],
        )  # fmt: skip
        self._insert(
            "exemplars",
            [
                {**self._common(day), "series": number, "time": each.time // 1_000_000, "value": each.value,
                 "trace_id": bytes.fromhex(each.trace_id), "span_id": bytes.fromhex(each.span_id),
                 **_map("attributes", each.attributes)}
                for each, number, day in zip(exemplars, series, days, strict=True)
            ],
        )  # fmt: skip

    def _insert(self, table: str, rows: list[dict[str, Any]]) -> None:
        # A part is of one table partition, as the processor writes it.
        for day in sorted({row["day"] for row in rows}):
            part = [list(row.values()) for row in rows if row["day"] == day]
            self._client.insert(self._layout.write_name(table), part, column_names=list(rows[0]))

    def _span(self, span: SpanData) -> dict[str, Any]:
        return {
            **self._common(self._day(span)),
            "time": span.time,
            "duration_ns": span.duration,
            "trace_id": bytes.fromhex(span.trace_id),
            "span_id": bytes.fromhex(span.span_id),
            "parent_id": bytes.fromhex(span.parent_id),
            "service": span.service,
            "name": span.name,
            "kind": span.kind,
            "status": span.status,
            "status_message": span.status_message,
            "adjusted_count": span.adjusted_count,
            "resource": _resource_id(span.service, span.resource),
            "scope_name": span.scope_name,
            **_map("scope_attributes", span.scope),
            **_map("attributes", span.attributes),
            "events_time": [event.time for event in span.events],
            "events_name": [event.name for event in span.events],
            **_maps("events_attributes", [event.attributes for event in span.events]),
            "links_trace_id": [bytes.fromhex(link.trace_id) for link in span.links],
            "links_span_id": [bytes.fromhex(link.span_id) for link in span.links],
            "links_trace_state": ["" for _ in span.links],
            **_maps("links_attributes", [link.attributes for link in span.links]),
        }

    def _measured(self, span: SpanData) -> dict[str, Any]:
        return {
            **self._common(self._day(span)),
            "time": span.time // (10 * SECOND) * 10,
            "service": span.service,
            "operation": span.name,
            "kind": span.kind,
            "status": span.status,
            "entry": span.kind in (2, 5) or not int(span.parent_id, 16),
            "dimensions": span.dimensions,
            "requests": span.adjusted_count,
            "spans": 1,
            **_histogram("", span.duration, span.adjusted_count),
        }

    def _red_exemplar(self, span: SpanData) -> dict[str, Any]:
        return {
            **self._common(self._day(span)),
            "time": span.time,
            "service": span.service,
            "operation": span.name,
            "kind": span.kind,
            "status": span.status,
            "duration_ns": span.duration,
            "trace_id": bytes.fromhex(span.trace_id),
            "span_id": bytes.fromhex(span.span_id),
        }

    def _edge(self, edge: EdgeData) -> dict[str, Any]:
        return {
            **self._common(edge.time // _DAY),
            "time": edge.time // (10 * SECOND) * 10,
            "client": edge.client,
            "server": edge.server,
            "connection": edge.connection,
            "virtual": edge.virtual,
            "requests": edge.requests,
            "errors": edge.errors,
            **_histogram("client_", edge.client_duration, edge.requests),
            **_histogram("server_", edge.server_duration, edge.requests),
        }

    def _decision(self, each: DecisionData) -> dict[str, Any]:
        return {
            **self._common(each.decided // _DAY),
            **asdict(each),
            "trace_id": bytes.fromhex(each.trace_id),
            "decided": each.decided // 1_000_000,
        }

    def _index(self, spans: list[SpanData]) -> dict[str, Any]:
        return {
            **self._common(self._day(spans[0])),
            "trace_id": bytes.fromhex(spans[0].trace_id),
            "min_time": min(span.time for span in spans),
            "max_time": max(span.time for span in spans),
            "spans": len(spans),
        }

    def _log(self, log: LogData) -> dict[str, Any]:
        return {
            **self._common(log.time // _DAY),
            "time": log.time,
            "observed_time": log.observed_time,
            "trace_id": bytes.fromhex(log.trace_id),
            "span_id": bytes.fromhex(log.span_id),
            "severity_number": log.severity,
            "severity_text": log.severity_text,
            "service": log.service,
            "body": _text(log.body),
            "body_json": not isinstance(log.body, str),
            "resource": _resource_id(log.service, log.resource),
            **_map("attributes", log.attributes),
        }

    def _resources(self, found: list[tuple[str, dict[str, Any], int]]) -> None:
        rows = {}
        for service, resource, day in found:
            identifier = _resource_id(service, resource)
            attributes = _map("attributes", {"service.name": service, **resource})
            rows[identifier] = {**self._common(day), "resource": identifier, "service": service, **attributes}
            del rows[identifier]["block"]
        self._insert("resources", list(rows.values()))

    def _common(self, day: int) -> dict[str, Any]:
        return {"tenant": self._tenant, "class": 0, "day": _date(day), "block": self._block}

    @staticmethod
    def _day(span: SpanData) -> int:
        return span.time // _DAY if span.log_day is None else span.log_day
