"""Requests through the masking step, as they would stand in the log."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, TypeVar

from ingest.batch import Batch, Call
from ingest.masking.rules import compile_masking
from ingest.policies import Policies
from ingest.steps.mask import Mask
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind
from schema.signal import Signal
from tests.ingest.requests import Request, attribute, span, traces
from tests.support.ingest import decode

R = TypeVar("R", bound=Request)

_SIGNALS = {"ExportTraceServiceRequest": Signal.TRACES, "ExportMetricsServiceRequest": Signal.METRICS}


def mask_of(rules: MemoryRules) -> Mask:
    """The step under these rules."""
    return Mask(Policies(rules, Kind.MASKING, compile_masking).of, rules.hash_key)


def batch_of(*requests: Request | bytes, tenants: tuple[str, ...] = ("acme",)) -> Batch:
    """A batch of calls, of the tenants in turn."""
    signal = _SIGNALS.get(type(requests[0]).__name__, Signal.LOGS)
    return scan(
        signal,
        [
            Call(
                Tenant(tenants[place % len(tenants)]),
                request if isinstance(request, bytes) else request.SerializeToString(),
            )
            for place, request in enumerate(requests)
        ],
    )


def bodies_of(batch: Batch) -> list[bytes]:
    """The bodies of a batch with its edits."""
    batch.apply_edits()
    data, bounds = batch.scan.data.tobytes(), batch.scan.bounds.tolist()
    return [data[start:end] for start, end in pairwise(bounds)]


def masked(request: R, document: Mapping[str, Any] | None = None) -> R:
    """The request as it would stand in the log, under the tenant's document (None: it has none)."""
    rules = MemoryRules()
    if document is not None:
        rules.apply(Kind.MASKING, "acme", document)
    batch = batch_of(request)
    mask_of(rules)(batch)
    body = bodies_of(batch)[0]
    return decode(batch.signal, body)  # type: ignore[return-value]  # of the signal's own class


def masked_text(text: str, document: Mapping[str, Any] | None = None, key: str = "note") -> str:
    """A span attribute's text as it would stand in the log."""
    one = span("work")
    one.attributes.append(attribute(key, text))
    done = masked(traces(one), document)
    return done.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value
