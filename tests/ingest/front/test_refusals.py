"""A client that writes its whole body before it reads hears why it was refused, and can go on."""

from __future__ import annotations

import http.client
import itertools
from pathlib import Path

import pytest

from tests.support.ingest import running_ingest

SIZE = 8 << 20
HEADERS = {"content-type": "application/x-protobuf", "authorization": "Bearer ohk_nobody"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_refusal_waits_for_the_body_on_http_1(tmp_path: Path, metadata_url: str, chunked: bool) -> None:
    chunk = b"\0" * (1 << 16)
    with running_ingest(tmp_path, metadata_url) as ingest:
        connection = http.client.HTTPConnection(ingest.otlp_http, timeout=10)
        for _ in range(3):
            body = itertools.repeat(chunk, SIZE // len(chunk))
            length = {} if chunked else {"content-length": str(SIZE)}
            connection.request("POST", "/v1/traces", body, HEADERS | length, encode_chunked=chunked)
            answer = connection.getresponse()
            assert answer.status == 401
            answer.read()
            assert not answer.will_close
        connection.close()
