"""Where users are told to send telemetry."""

from __future__ import annotations

from otelhouse.config import QuerySettings
from tests.query.house import House, post, serving

ENDPOINTS = {"query": "{ endpoints { otlpGrpc otlpHttp } }"}


def test_endpoints_are_null_unless_the_operator_says_them(house: House) -> None:
    assert post(house.http, ENDPOINTS).json()["data"]["endpoints"] == {"otlpGrpc": None, "otlpHttp": None}
    said = QuerySettings(otlp_grpc="https://otel.example:4317")
    with serving(house.settings.model_copy(update={"query": said})) as http:
        answer = post(http, ENDPOINTS).json()
    assert answer["data"]["endpoints"] == {"otlpGrpc": "https://otel.example:4317", "otlpHttp": None}
