"""The series of one data point: names, labels and metadata of its parts. Run for points whose series are new, only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from processor.batch import Batch
from processor.metrics_rows import labels as label
from processor.metrics_rows.exact import TYPE_KEY, exact_metrics
from processor.metrics_rows.labels import Labels
from processor.metrics_rows.naming import Naming
from processor.metrics_rows.shape import Shape
from schema.arrays import I64
from schema.prometheus_name import MetricKind, translated_family
from schema.wire import Owner
from schema.wire.text import text_of_values

TARGET_INFO = "target_info"

_TEMPORALITY = {1: "delta", 2: "cumulative"}
_TYPES = {
    MetricKind.NONE: "unknown",
    MetricKind.GAUGE: "gauge",
    MetricKind.HISTOGRAM: "histogram",
    MetricKind.EXPONENTIAL_HISTOGRAM: "histogram",
    MetricKind.SUMMARY: "summary",
}
_IDENTIFYING = ("service.name", "service.namespace", "service.instance.id")


@dataclass(frozen=True, slots=True)
class Series:
    """A series as the table `series` has it, without its place."""

    tenant: str
    metric: str
    labels: Labels
    type: str
    unit: str = ""
    help: str = ""
    temporality: str = ""

    @property
    def id(self) -> int:
        """Stable id."""
        return label.series_id(self.tenant, self.metric, self.labels, self.temporality)

    @property
    def metric_hash(self) -> int:
        """Where its samples lie."""
        return label.metric_hash(self.metric)


def _type(kind: MetricKind, monotonic: bool) -> str:
    if kind is MetricKind.SUM:
        return "counter" if monotonic else "gauge"
    return _TYPES[kind]


class Translator:
    """Reads labels out of one batch. Attribute texts are made once for each owner asked for."""

    def __init__(self, batch: Batch, shape: Shape, naming: Naming) -> None:
        self._naming = naming
        self._left_out = set(naming.left_out[naming.left_out >= 0].tolist())
        self._batch = batch
        self._shape = shape
        self._scopes: dict[int, Labels] = {}
        self._resources: dict[int, dict[str, str]] = {}
        self._exact = exact_metrics(batch.scan)
        self._types = batch.scan.find(Owner.ITEM, TYPE_KEY) if self._exact.any() else None
        self._known: dict[int, list[Series]] = {}

    def series_of(self, points: I64) -> list[list[Series]]:
        """For each of these points, the series of its parts, in the order of its shape. Worked out once for a point."""
        unknown = np.array([point for point in points.tolist() if point not in self._known], np.int64)
        texts = self._attributes(Owner.POINT, unknown)
        for point, attributes in zip(unknown.tolist(), texts, strict=True):
            self._known[point] = self._parts(point, attributes)
        return [self._known[point] for point in points.tolist()]

    def target_info(self, resource: int) -> Series | None:
        """The series that carries a resource's other attributes; None if it has no others, or names no target."""
        attributes = self._resource(resource)
        target = {name: text for name, text in label.of_target(attributes).items() if text}
        others = [(key, text) for key, text in attributes.items() if key not in _IDENTIFYING]
        if not target or not others:
            return None
        call = int(self._batch.scan.resources.call[resource])
        strategy = self._naming.of_call(self._batch, call)
        labels = label.without_empty({**label.from_attributes(others, strategy), **target})
        return Series(self._tenant(call), TARGET_INFO, labels, "info")

    def _parts(self, point: int, attributes: list[tuple[str, str]]) -> list[Series]:
        scan, shape = self._batch.scan, self._shape
        metric = int(scan.points.parent[point])
        scope = int(scan.items.parent[metric])
        if self._exact[metric]:
            own = dict(attributes)
        else:
            strategy = self._naming.of_call(self._batch, int(scan.items.call[metric]))
            own = label.from_attributes(attributes, strategy) | self._scope(scope)
        common = own | self._target(int(scan.scopes.parent[scope]))
        kind = MetricKind(int(shape.kind[point]))
        return [
            self._series(metric, kind, suffix, {**common, **extra}) for suffix, extra in self._suffixes(point, kind)
        ]

    def _suffixes(self, point: int, kind: MetricKind) -> Iterator[tuple[str, Labels]]:
        shape = self._shape
        if kind in (MetricKind.GAUGE, MetricKind.SUM, MetricKind.EXPONENTIAL_HISTOGRAM):
            yield "", {}
            return
        yield "_count", {}
        if kind is MetricKind.SUMMARY:
            yield "_sum", {}
            for quantile in shape.quantiles[shape.quantiles_at[point] : shape.quantiles_at[point + 1]].tolist():
                yield "", {"quantile": label.number(quantile)}
        if kind is MetricKind.HISTOGRAM:
            for bound in shape.bounds[shape.bounds_at[point] : shape.bounds_at[point + 1]].tolist():
                yield "_bucket", {"le": label.number(bound)}
            yield "_bucket", {"le": "+Inf"}
        if shape.has_sum[point]:
            yield "_sum", {}

    def _series(self, metric: int, kind: MetricKind, suffix: str, labels: Labels) -> Series:
        metrics = self._batch.scan.items
        monotonic = bool(metrics["is_monotonic"][metric])
        unit = metrics["unit"][metric]
        exact = bool(self._exact[metric])
        name = metrics["name"][metric]
        call = int(metrics.call[metric])
        strategy = self._naming.of_call(self._batch, call)
        return Series(
            tenant=self._tenant(call),
            metric=(name.decode() if exact else translated_family(name, unit, kind, monotonic, strategy)) + suffix,
            labels=label.without_empty(labels),
            type=self._exact_type(metric) if exact else _type(kind, monotonic),
            unit=unit.decode(),
            help=metrics["description"][metric].decode(),
            temporality=_TEMPORALITY.get(int(metrics["aggregation_temporality"][metric]), ""),
        )

    def _exact_type(self, metric: int) -> str:
        """The type that Prometheus sent."""
        at = -1 if self._types is None else int(self._types[metric])
        return "unknown" if at < 0 else self._batch.scan.attributes.slices("value")[at].decode()

    def _scope(self, scope: int) -> Labels:
        if scope not in self._scopes:
            table = self._batch.scan.scopes
            name, version, url = (table[key][scope].decode() for key in ("scope.name", "scope.version", "schema_url"))
            (attributes,) = self._attributes(Owner.SCOPE, np.array([scope]))
            strategy = self._naming.of_call(self._batch, int(table.call[scope]))
            labels = label.of_scope(name, version, url, attributes, strategy)
            self._scopes[scope] = {key: text for key, text in labels.items() if text}
        return self._scopes[scope]

    def _target(self, resource: int) -> Labels:
        return {name: text for name, text in label.of_target(self._resource(resource)).items() if text}

    def _resource(self, resource: int) -> dict[str, str]:
        if resource not in self._resources:
            (attributes,) = self._attributes(Owner.RESOURCE, np.array([resource]))
            # The first of equal keys counts, as everywhere.
            self._resources[resource] = dict(reversed(attributes))
        return self._resources[resource]

    def _tenant(self, call: int) -> str:
        return self._batch.tenants[int(self._batch.tenant[call])]

    def _attributes(self, owner: Owner, rows: I64) -> list[list[tuple[str, str]]]:
        """Attributes (key, text) of each of these rows of an owner's table; a value that is not set has no text."""
        scan = self._batch.scan
        order, offsets = scan.attributes_of(owner)
        counts = offsets[rows + 1] - offsets[rows]
        ends = np.cumsum(counts)
        picked = order[np.repeat(offsets[rows] - (ends - counts), counts) + np.arange(int(counts.sum()))]
        keys = scan.attributes["key"].take(picked).to_arrow().to_pylist()
        texts = text_of_values(scan, picked)[0].to_pylist()
        kinds = scan.attributes["value.kind"][picked].tolist()
        pairs = [(key, text if kind else "") for key, text, kind in zip(keys, texts, kinds, strict=True)]
        if self._left_out and owner is Owner.POINT:
            # One without a text is no label.
            pairs = [
                (key, "" if row in self._left_out else text)
                for row, (key, text) in zip(picked.tolist(), pairs, strict=True)
            ]
        return [pairs[end - count : end] for end, count in zip(ends.tolist(), counts.tolist(), strict=True)]
