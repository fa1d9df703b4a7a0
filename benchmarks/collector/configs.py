"""Configurations of the Collector, written as JSON, which is YAML too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

BATCH = {"send_batch_size": 1024, "send_batch_max_size": 1536, "timeout": "200ms"}
"""Requests of at most 1,536 spans stay below Kafka's megabyte a message."""

VALUES = (
    r"[a-zA-Z0-9._%+-]+@[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}",
    r"\b(?:4\d{3}|5[1-5]\d{2}|3[47]\d{2}|6011)[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,4}\b",
    r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b",
    r"(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b",
)
"""E-mail, card, IPv4, phone, US SSN, JWT."""
SECRET_KEYS = ("password", "secret", "token", "authorization", "api[_-]?key")
HARMLESS_KEYS = (
    "http.request.method", "http.response.status_code", "http.route", "server.address", "server.port",
    "app.latency_ms", "app.cached", "service.name", "service.version", "k8s.namespace.name",
    "telemetry.sdk.language",
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """What a row of the race asks of the Collector. `masking`: "", "full" or "lean"; `keyed`: by trace id."""

    masking: str = ""
    keyed: bool = False


def configuration(variant: Variant, otlp: str, metrics_port: int, broker: str, topic: str) -> str:
    """The whole configuration; `otlp` and `broker` are host:port."""
    processors = [*(["redaction"] if variant.masking else []), "batch"]
    pipeline = {"receivers": ["otlp"], "processors": processors, "exporters": ["kafka"]}
    return json.dumps(
        {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": otlp}}}},
            "processors": {"batch": BATCH, **({"redaction": _redaction(variant)} if variant.masking else {})},
            "exporters": {"kafka": _kafka(variant, broker, topic)},
            "service": {"telemetry": _telemetry(metrics_port), "pipelines": {"traces": pipeline}},
        },
        indent=1,
    )


POLICIES = (
    {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
    {"name": "slow", "type": "latency", "latency": {"threshold_ms": 500}},
    {"name": "tenth", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10}},
)
"""Of the payload's traces they keep 15 %."""


def tail_sampling(wait_seconds: int) -> dict[str, Any]:
    """Settings of `tail_sampling`, which our rules of that kind understand, too."""
    return {"decision_wait": f"{wait_seconds}s", "num_traces": 1_000_000, "policies": list(POLICIES)}


@dataclass(frozen=True)
class Tail:
    """What a row of the sampling race asks of the Collector: also RED metrics of all spans, and what is kept written
    to this topic of Kafka. Without a topic it goes nowhere."""

    kept_topic: str = ""


def tail_configuration(tail: Tail, wait_seconds: int, metrics_port: int, broker: str, topic: str) -> str:
    """kafka -> tail_sampling -> nop, or batch -> kafka with spanmetrics beside it."""
    sampling = tail_sampling(wait_seconds) | {"expected_new_traces_per_sec": 20_000}
    pipelines: dict[str, Any] = {
        "traces": {"receivers": ["kafka"], "processors": ["tail_sampling"], "exporters": ["nop"]}
    }
    if tail.kept_topic:
        pipelines["traces"] |= {"processors": ["tail_sampling", "batch"], "exporters": ["kafka"]}
        pipelines["traces/red"] = {"receivers": ["kafka"], "exporters": ["spanmetrics"]}
        pipelines["metrics"] = {"receivers": ["spanmetrics"], "exporters": ["nop"]}
    return json.dumps(
        {
            "receivers": {
                "kafka": {
                    "brokers": [broker],
                    "group_id": f"collector-{metrics_port}",
                    "initial_offset": "earliest",
                    "traces": {"topics": [topic], "encoding": "otlp_proto"},
                }
            },
            "processors": {"batch": BATCH, "tail_sampling": sampling},
            "connectors": {"spanmetrics": {"metrics_flush_interval": "5s"}},
            "exporters": {"nop": {}, "kafka": _kafka(Variant(), broker, tail.kept_topic)},
            "service": {"telemetry": _telemetry(metrics_port), "pipelines": pipelines},
        },
        indent=1,
    )


def _telemetry(port: int) -> dict[str, Any]:
    reader = {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": port}}}}
    return {"logs": {"level": "warn"}, "metrics": {"level": "normal", "readers": [reader]}}


def _redaction(variant: Variant) -> dict[str, Any]:
    settings: dict[str, Any] = {"allow_all_keys": True, "summary": "silent", "blocked_values": list(VALUES)}
    if variant.masking == "lean":
        # Plain alternatives are searched, not matched from end to end; most keys are never looked at.
        return {**settings, "blocked_key_patterns": ["|".join(SECRET_KEYS)], "ignored_keys": list(HARMLESS_KEYS)}
    return {**settings, "blocked_key_patterns": [f".*{key}.*" for key in SECRET_KEYS]}


def _kafka(variant: Variant, broker: str, topic: str) -> dict[str, Any]:
    return {
        "brokers": [broker],
        "traces": {"topic": topic, "encoding": "otlp_proto"},
        "partition_traces_by_id": variant.keyed,
        "producer": {"required_acks": -1},
        "sending_queue": {
            "enabled": True, "num_consumers": 10, "queue_size": 64, "sizer": "requests", "block_on_overflow": True,
        },
    }  # fmt: skip
