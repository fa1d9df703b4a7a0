"""How fast is masking? `python -m benchmarks.masking`, against RE2 and against reading the bytes once.

The same payload, about 450 bytes a span with 11 attributes, of which one in twenty holds something. All figures are
CPU microseconds of one core for a span; the floor sums the bytes. RE2 (Arrow's) is given its best case: the values of
all spans as one column, six patterns, no keys, no replacing.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.collector.configs import VALUES
from benchmarks.harness import measure
from benchmarks.payloads import traces
from ingest.masking.rewrite import rewrite
from ingest.masking.rules import compiled
from ingest.masking.scan import Masker
from otelhouse.rules.documents.masking import parse
from schema.signal import Signal
from schema.wire import Edits, ValueKind, join, scan

SPANS_PER_CALL, SPANS, ROUNDS = 512, 16_384, 7
RULES = Path(__file__).parent / "masking_rules.json"
PERSONAL = (
    "mail jane.doe%03d@example.com about it", "card 4111 1111 1111 %04d declined", "call +1 415-555-%04d back",
    "peer 192.168.%d.44 refused", "ssn 123-45-%04d on file",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyLTEyMzQ1Njc4OTAifQ.c2lnbmF0dXJlLW9mLXRva2Vu%04d",
)  # fmt: skip


def payload(spans: int = SPANS) -> list[bytes]:
    """Calls of which one span in twenty holds something, and one in two hundred a secret's name."""
    rng = random.Random(1)
    calls = []
    for body in traces(SPANS_PER_CALL, spans):
        request = ExportTraceServiceRequest.FromString(body)
        for span in request.resource_spans[0].scope_spans[0].spans:
            texts = [each for each in span.attributes if each.value.HasField("string_value")]
            if rng.random() < 0.05:
                texts[-1].value.string_value = rng.choice(PERSONAL) % rng.randint(0, 255)
            if rng.random() < 0.005:
                texts[0].key = "app.user.password"
        calls.append(request.SerializeToString())
    return calls


def main() -> None:
    """Print microseconds a span, and megabytes a second."""
    bodies = payload()
    columns = scan(Signal.TRACES, *join(bodies))
    is_text = columns.attributes["value.kind"] == ValueKind.STRING
    values = columns.attributes.slices("value").take(np.flatnonzero(is_text)).to_arrow()
    policies = {
        "masking, six kinds and key names": compiled(parse(json.loads(RULES.read_text())), 1),
        "masking, profile default": compiled(parse({}), 1),
        "masking, profile all": compiled(parse({"profile": "all"}), 1),
    }
    maskers = {name: Masker() for name in policies}
    hits = {}

    def mask(name: str) -> None:
        found = maskers[name].find(columns, [policies[name]] * len(bodies))
        hits[name] = 0 if found is None else len(found.leaves)
        if found is not None:
            rewrite(columns, found, lambda _: None, Edits())

    works: dict[str, Callable[[], None]] = {"floor: sum of the bytes": lambda: columns.data.sum(dtype=np.int64)}
    works |= {name: lambda name=name: mask(name) for name in policies}
    works["scan into columns, for comparison"] = lambda: scan(Signal.TRACES, columns.data, columns.bounds)
    works["RE2, six patterns one by one"] = lambda: [pc.match_substring_regex(values, each) for each in VALUES]
    works["RE2, six patterns in one"] = lambda: pc.match_substring_regex(values, "|".join(VALUES))
    costs: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            costs[name].append(measure(SPANS, work).cpu)
    out = sys.stdout
    out.write(f"{SPANS} spans, {len(columns.data) / SPANS:.0f} bytes each, median of {ROUNDS}\n")
    for name, spent in costs.items():
        cpu = statistics.median(spent)
        found = f", {hits[name]} taken" if name in hits else ""
        out.write(f"  {name:36} {cpu / SPANS * 1e6:7.3f} us/span {len(columns.data) / cpu / 1e6:9.0f} MB/s{found}\n")


if __name__ == "__main__":
    main()
