"""`otelhouse up`: one command, real SDK exporters in, GraphQL out."""

from __future__ import annotations

import pytest

from tests.e2e.promises import visible_within
from tests.support.components import Component
from tests.support.otel_client import grpc_exporters, http_exporters


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_what_an_sdk_exporter_sent_is_visible_three_seconds_after_its_acknowledgement(
    laptop: Component, protocol: str
) -> None:
    ready = laptop.ready
    makers = {
        "grpc": lambda: grpc_exporters(ready["otlp_grpc"]),
        "http": lambda: http_exporters(ready["otlp_http"]),
    }
    visible_within(ready["http"], makers[protocol], seconds=3.0)
