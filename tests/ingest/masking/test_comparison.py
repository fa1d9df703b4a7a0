"""The rules of the comparison with the Collector take exactly the values that its patterns take."""

from __future__ import annotations

import json
import re

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from benchmarks.collector.configs import VALUES
from benchmarks.masking import RULES, SPANS_PER_CALL, payload
from schema.signal import Signal
from tests.ingest.masking.masked import masked
from tests.support.ingest import decode

SECRET_KEY = re.compile("password|secret|token|authorization|api[_-]?key")


def test_the_same_values_are_masked() -> None:
    document = json.loads(RULES.read_text())
    patterns = [re.compile(pattern) for pattern in VALUES]
    seen = 0
    for body in payload(4 * SPANS_PER_CALL):
        sent = decode(Signal.TRACES, body)
        done = masked(sent, document)  # type: ignore[type-var]  # a request of traces
        for one, other in zip(attributes_of(sent), attributes_of(done), strict=True):
            text, after = one.value.string_value, other.value.string_value
            hits = [hit[0] for pattern in patterns if (hit := pattern.search(text))]
            if hits or SECRET_KEY.search(one.key):
                seen += 1
                assert after != text
                assert not any(hit in after for hit in hits)
            else:
                assert other == one
    assert seen > 50


def attributes_of(request: object) -> list[KeyValue]:
    spans = request.resource_spans[0].scope_spans[0].spans  # type: ignore[attr-defined]
    return [attribute for span in spans for attribute in span.attributes]
