"""Control rules applied to requests, read back by the official library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.batch import Batch, Call
from ingest.steps.control import Control, compile_rules
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind
from schema.signal import Signal
from schema.wire.split import split
from tests.ingest.requests import Request

_REQUESTS = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
}

SHOP = Tenant("shop")


@dataclass
class Result:
    """The batch, and what of it goes on to each topic."""

    batch: Batch
    sent: dict[str, Any]

    @property
    def dropped(self) -> dict[str, int]:
        """Items by cause."""
        return {cause: int(counts.sum()) for cause, counts in self.batch.dropped.items()}


def control(rules: dict[Tenant, str], want_topic: Any = lambda topic, signal: True) -> Control:
    """The step, with each tenant's rules in YAML."""
    known = MemoryRules()
    for tenant, text in rules.items():
        known.apply(Kind.CONTROL, tenant.id, {"rules": yaml.safe_load(text)})
    return Control(lambda tenant: compile_rules(known.rule(Kind.CONTROL, tenant), tenant), want_topic)


def run(signal: Signal, step: Control, *calls: tuple[Tenant, Request]) -> Result:
    """Put calls through the step."""
    batch = scan(signal, [Call(tenant, request.SerializeToString()) for tenant, request in calls])
    step(batch)
    topic = np.zeros(len(batch.keep), np.int32) if batch.topic is None else batch.topic.astype(np.int32)
    pieces = split(batch.scan, np.where(batch.keep, topic, -1).astype(np.int32))
    names = [signal.topic, *batch.topics]
    return Result(batch, {names[piece.group]: _REQUESTS[signal].FromString(piece.value) for piece in pieces.pieces})


def one(signal: Signal, rules: str, request: Request) -> Result:
    """One call of one tenant."""
    return run(signal, control({SHOP: rules}), (SHOP, request))
