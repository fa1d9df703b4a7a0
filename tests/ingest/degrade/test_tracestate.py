"""W3C trace states read and written, after the tables and examples of the OpenTelemetry specification."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.degrade.tracestate import NONE, TraceState, parse, threshold_text
from processor.traces.weight import adjusted_counts

THRESHOLDS = [
    # specification/trace/tracestate-probability-sampling.md, table of 1-in-N sampling: th, exact adjusted count
    ("0", 1),
    ("8", 2),
    ("aab", 3.0007326007326007),
    ("aaab", 3.00004577706569),
    ("aaaab", 3.0000028610256777),
    ("c", 4),
    ("ccd", 5.001221001221001),
    ("cccd", 5.0000762951094835),
    ("e", 8),
    ("e66", 9.990243902439024),
    ("e6666", 9.999961853172863),
    ("f", 16),
    ("fd71", 100.05496183206107),
    ("fd70a", 99.99771123402633),
    ("fd70a4", 100.00009536752259),
    ("ffbe7", 999.5958055290753),
    ("fff97247", 9999.99370426336),
    ("ffff583a", 99999.238556461),
    ("ffffef391", 1.0000069374699865e06),
]


@pytest.mark.parametrize(("text", "count"), THRESHOLDS)
def test_thresholds_mean_what_the_specification_says_here_and_in_the_processor(text: str, count: float) -> None:
    threshold = parse(b"ot=th:" + text.encode()).threshold
    assert (1 << 56) / ((1 << 56) - threshold) == pytest.approx(count, rel=1e-12)
    assert threshold_text(threshold) == text.encode()
    np.testing.assert_allclose(adjusted_counts(pa.array([f"ot=th:{text}"])), [count], rtol=1e-12)


READ = [
    (b"", TraceState()),
    (b"ot=th:0", TraceState(threshold=0)),
    (b"ot=th:c", TraceState(threshold=0xC0000000000000)),
    (b"ot=th:c0", TraceState(threshold=0xC0000000000000)),
    (b"ot=th:00000000000001", TraceState(threshold=1)),
    (b"ot=rv:00000000000003;th:8", TraceState(threshold=0x80000000000000, randomness=3)),
    (b"ot=p:8;r:62", TraceState(extra=(b"p:8", b"r:62"))),
    (b"ot=foo:bar;k1:13", TraceState(extra=(b"foo:bar", b"k1:13"))),
    (b"vendor=a b,ot=th:8", TraceState((b"vendor=a b",), threshold=0x80000000000000)),
    (b" vendor=1 ,\t, tenant@system=2 ", TraceState((b"vendor=1", b"tenant@system=2"))),
    (b"0vendor=1", TraceState((b"0vendor=1",))),
    # what is not valid counts as nothing
    (b"ot=th:", TraceState()),
    (b"ot=th:123456789abcdef", TraceState()),
    (b"ot=th:XYZ", TraceState()),
    (b"ot=rv:123", TraceState()),
    (b"ot=th:8;;rv", TraceState(threshold=0x80000000000000)),
    (b"ot=th:8;th:c", TraceState(threshold=0x80000000000000)),
    (b"ot=th:8,ot=th:c", TraceState()),
    (b"a=1,a=2", TraceState()),
    (b"A=1", TraceState()),
    (b"a", TraceState()),
    (b"a=", TraceState()),
    (b"a=b=c", TraceState()),
    (b"a=\xc3\xa9", TraceState()),
    (b"a=" + b"x" * 257, TraceState()),
    (b"k" * 257 + b"=1", TraceState()),
    (b",".join(b"k%d=v" % number for number in range(33)), TraceState()),
]


@pytest.mark.parametrize(("text", "state"), READ, ids=[repr(text[:40]) for text, _ in READ])
def test_what_is_read(text: bytes, state: TraceState) -> None:
    assert parse(text) == state


C = 0xC0000000000000
WRITTEN = [
    (b"", b"ot=th:c"),
    (b"ot=th:8", b"ot=th:c"),
    (b"ot=th:8;rv:ffffffffffffff", b"ot=th:c;rv:ffffffffffffff"),
    (b"ot=p:8;k1:7;r:62", b"ot=th:c;p:8;k1:7;r:62"),
    (b"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", b"ot=th:c,rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
    (b"rojo=1,ot=th:8,congo=2", b"ot=th:c,rojo=1,congo=2"),
    (b"not a trace state", b"ot=th:c"),
    (b",".join(b"k%d=v" % n for n in range(32)), b",".join([b"ot=th:c", *(b"k%d=v" % n for n in range(31))])),
    (b"ot=long:" + b"x" * 250, b"ot=th:c"),
]


@pytest.mark.parametrize(("before", "after"), WRITTEN, ids=[repr(before[:40]) for before, _ in WRITTEN])
def test_a_threshold_is_set_and_the_rest_is_kept(before: bytes, after: bytes) -> None:
    assert parse(before).with_threshold(C) == after
    assert parse(after).threshold == C
    assert NONE < C
