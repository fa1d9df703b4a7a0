"""h2spec, the conformance suite for HTTP/2 servers, against ingest. Needs Go, which builds it once."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.support.go import program
from tests.support.ingest import running_ingest

_MODULE, _PACKAGE = "github.com/summerwind/h2spec v2.2.1+incompatible", "github.com/summerwind/h2spec/cmd/h2spec"
_TESTS = 146
DIFFERENT = {
    # Bytes that are no preface are taken for HTTP/1.1, which the same port speaks, and answered with 400.
    "Sends invalid connection preface",
}
AT_ONCE = {
    # The page that is asked for needs no body, and may be answered before the frame comes that is looked at.
    "closed: Sends a DATA frame after sending RST_STREAM frame",
    "closed: Sends a HEADERS frame after sending RST_STREAM frame",
    "Sends a HEADERS frame that contains a pseudo-header field as trailers",
}


@pytest.mark.slow
def test_every_case_passes_but_those_that_are_explained(tmp_path: Path, metadata_url: str) -> None:
    suite = program("h2spec", _MODULE, _PACKAGE)
    report = tmp_path / "report.xml"
    with running_ingest(tmp_path, metadata_url) as ingest:
        port = ingest.otlp_grpc.rpartition(":")[2]
        subprocess.run(
            [suite, "-h", "127.0.0.1", "-p", port, "-P", "/healthz", "-S", "-j", report],
            capture_output=True, timeout=100, check=False,
        )  # fmt: skip
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {case.get("classname") for case in cases if case.find("error") is not None}
    assert len(cases) >= _TESTS
    assert DIFFERENT <= failed <= DIFFERENT | AT_ONCE
