"""Labels of series: OpenTelemetry attributes as Prometheus labels.

Sources: OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility" (metric attributes, instrumentation
scope, resource attributes), and Prometheus' OTLP endpoint where the specification leaves a choice: an empty value is
no label, a bucket's bound is written without an exponent.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping

import numpy as np

from schema.hash import xxh64_bytes
from schema.prometheus_name import Strategy, translated_label

NAME_LABEL = "__name__"
TEMPORALITY_LABEL = "__temporality__"
"""Internal: part of a delta series' identity, so that it never mixes with a cumulative one. Not among its labels."""

# A byte that UTF-8 never has: no two sequences of names and values can run into each other.
_SEPARATOR = b"\xff"

Labels = dict[str, str]


def from_attributes(attributes: Iterable[tuple[str, str]], strategy: Strategy) -> Labels:
    """Labels of attributes (key, text). Keys that become the same name have their values joined by `;`, by key."""
    labels: Labels = {}
    for key, text in sorted(attributes):
        name = translated_label(key, strategy)
        labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def of_scope(
    name: str, version: str, schema_url: str, attributes: Iterable[tuple[str, str]], strategy: Strategy
) -> Labels:
    """`otel_scope_...` labels of an instrumentation scope."""
    labels = {f"otel_scope_{key}": text for key, text in from_attributes(attributes, strategy).items()}
    return labels | {"otel_scope_name": name, "otel_scope_version": version, "otel_scope_schema_url": schema_url}


def of_target(resource: Mapping[str, str]) -> Labels:
    """`job` and `instance` of a resource's attributes."""
    name, namespace = resource.get("service.name", ""), resource.get("service.namespace", "")
    job = f"{namespace}/{name}" if namespace and name else name
    return {"job": job, "instance": resource.get("service.instance.id", "")}


def number(value: float) -> str:
    """A bound or quantile as a label's value: the shortest decimal that reads back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(np.format_float_positional(value, trim="-"))


def without_empty(labels: Labels) -> Labels:
    """Labels sorted by name; one with an empty value is none."""
    return {name: labels[name] for name in sorted(labels) if labels[name]}


def metric_hash(metric: str) -> int:
    """uint32 by which samples are sorted, so that those of a metric lie together: CRC-32 (that of zlib, and of
    ClickHouse's CRC32) of its name. Other metrics may have the same."""
    return zlib.crc32(metric.encode())


def series_id(tenant: str, metric: str, labels: Mapping[str, str], temporality: str) -> int:
    """Id of a series, by whichever protocol it came: xxh64 of the tenant and the labels sorted by name."""
    named = {**labels, NAME_LABEL: metric}
    if temporality == "delta":
        named[TEMPORALITY_LABEL] = temporality
    parts = [tenant.encode()]
    for name in sorted(named):
        parts += (name.encode(), named[name].encode())
    return xxh64_bytes(_SEPARATOR.join(parts))
