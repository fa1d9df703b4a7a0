"""One ingest for the tests that only send to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.ingest import RunningIngest, running_ingest

MAX_REQUEST_BYTES = 1 << 20


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory, metadata_url: str) -> Iterator[RunningIngest]:
    """Ingest on loopback with an embedded log, and a small limit of bytes a request."""
    directory = tmp_path_factory.mktemp("ingest")
    with running_ingest(directory, metadata_url, max_request_bytes=MAX_REQUEST_BYTES) as running:
        yield running
