"""One ingest for the conformance tables, as a process on its real listeners, whatever serves them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.ingest.client import GrpcClient
from tests.support.ingest import RunningIngest, running_ingest

MAX_REQUEST_BYTES = 1 << 20


@pytest.fixture(scope="package")
def ingest(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest on loopback with an embedded log, and a small limit of bytes a request."""
    directory = tmp_path_factory.mktemp("conformance")
    with running_ingest(directory, metadata_url, max_request_bytes=MAX_REQUEST_BYTES) as running:
        yield running


@pytest.fixture(scope="package")
def limited(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest whose tenants may send one item a second, and ten at once."""
    directory = tmp_path_factory.mktemp("limited")
    with running_ingest(directory, metadata_url, limit_items_per_second=1.0) as running:
        yield running


@pytest.fixture(scope="package")
def cut_off(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest whose log cannot be reached."""
    directory = tmp_path_factory.mktemp("down")
    with running_ingest(directory, metadata_url, log_url="kafka://127.0.0.1:1") as running:
        yield running


@pytest.fixture
def http(ingest: RunningIngest) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{ingest.otlp_http}", timeout=20) as made:
        yield made


@pytest.fixture
def grpc_client(ingest: RunningIngest) -> Iterator[GrpcClient]:
    made = GrpcClient(ingest.otlp_grpc)
    yield made
    made.channel.close()
