"""Web pages: those of allowed origins may send, and read what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.ingest import RunningIngest, running_ingest

SHOP, STRANGER = "https://shop.example", "https://shop.example.evil"
BODY = one_of(Signal.LOGS, "from a page").SerializeToString()


@pytest.fixture(scope="module")
def open_to_shop(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    with running_ingest(
        tmp_path_factory.mktemp("cors"), metadata_url, cors_origins=f"{SHOP}, http://localhost:3000"
    ) as running:
        yield running


def preflight(ingest: RunningIngest, origin: str) -> httpx.Response:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    return httpx.options(f"http://{ingest.otlp_http}/v1/logs", headers={"origin": origin} | asked)


def post(ingest: RunningIngest, origin: str, media_type: str = "application/x-protobuf") -> httpx.Response:
    headers = {"content-type": media_type, "origin": origin}
    return httpx.post(f"http://{ingest.otlp_http}/v1/logs", content=BODY, headers=headers)


@pytest.mark.parametrize("origin", [SHOP, "http://localhost:3000"])
def test_pages_of_an_allowed_origin_may_send_and_read_the_answer(open_to_shop: RunningIngest, origin: str) -> None:
    allowed = preflight(open_to_shop, origin)
    assert (allowed.status_code, allowed.content) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == origin
    assert allowed.headers["access-control-allow-methods"] == "POST"
    assert allowed.headers["access-control-allow-headers"] == "authorization,content-type"
    for media_type, status in (("application/x-protobuf", 200), ("text/plain", 415)):
        answer = post(open_to_shop, origin, media_type)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["vary"] == "origin"


def test_other_pages_may_not(open_to_shop: RunningIngest) -> None:
    for answer in (preflight(open_to_shop, STRANGER), post(open_to_shop, STRANGER)):
        assert "access-control-allow-origin" not in answer.headers
