"""What the service graph says of itself on /metrics."""

from __future__ import annotations

from prometheus_client import Counter

UNMET = Counter(
    "otelhouse_processor_graph_unmet_spans", "Spans of clients and servers whose other side never came, nor has a name."
)
EVICTED = Counter(
    "otelhouse_processor_graph_evicted_spans", "Spans that waited for their other side, and that newer ones drove out."
)
