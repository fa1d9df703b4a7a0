"""Consistent probability sampling of spans: the same traces stay everywhere, and each span says what it stands for.

This is the specification's equalizing downstream sampler: a span that was sampled harder before stays as it is, the
others stay where their randomness is at least our threshold, which then becomes theirs. A threshold that the span's
own randomness contradicts says nothing, and is replaced.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.degrade.tracestate import BITS, NONE, TraceState, parse
from schema.wire import Edits, Scan, Slices
from schema.wire.distinct import distinct
from schema.wire.gather import copy_slices
from schema.wire.writing import delimited

Rows = npt.NDArray[np.int64]

_TRACE_ID_BYTES = 16
_TRACE_ID_FIELD = (0x0A, _TRACE_ID_BYTES)
"""Tag and length before a span's trace id, as every encoder writes them."""
_TRACE_STATE_TAG = 0x1A


def sample(scan: Scan, spans: Rows, threshold: int, edits: Edits) -> Rows:
    """Those of the spans that are shed. The others' trace states are edited where the threshold is new to them."""
    states = scan.items.slices("trace_state").take(spans)
    codes, first = distinct(states)
    known = [*states.take(first), b""]  # the last one is that of spans without a trace state: code -1
    said = [parse(text) if b"ot=" in text else TraceState() for text in known]
    before = np.array([state.threshold for state in said], np.int64)[codes]
    own = np.array([state.randomness for state in said], np.int64)[codes]
    randomness = np.where(own == NONE, _randomness(scan.items.slices("trace_id").take(spans)), own)
    harder = (before >= threshold) & (randomness >= before)
    kept = harder | (randomness >= threshold)
    new = np.flatnonzero(kept & ~harder)
    used, code = np.unique(codes[new], return_inverse=True)
    texts = [parse(known[place]).with_threshold(threshold) for place in used.tolist()]
    _write(scan, spans[new], states.take(new), code.astype(np.int64), texts, edits)
    return spans[~kept]


def _randomness(trace_ids: Slices) -> npt.NDArray[np.int64]:
    """The last 56 bits of each trace id."""
    low = np.ascontiguousarray(trace_ids.fixed(_TRACE_ID_BYTES)[:, 8:]).view(">u8")[:, 0].astype(np.uint64)
    return (low & np.uint64((1 << BITS) - 1)).astype(np.int64)


def _write(scan: Scan, spans: Rows, states: Slices, codes: Rows, texts: list[bytes], edits: Edits) -> None:
    """Give each span the trace state texts[code]; `states`: the ones they have."""
    there = np.flatnonzero(states.off >= 0)
    column = _column(texts, codes[there])
    edits.replace(states.off[there], states.off[there] + states.len[there], column.data, column.off, column.len)
    missing = np.flatnonzero(states.off < 0)
    fields = [delimited(_TRACE_STATE_TAG, text) for text in texts]
    column = _column(fields, codes[missing])
    ids = scan.items.slices("trace_id").off[spans[missing]]
    usual = (scan.data[ids - 2] == _TRACE_ID_FIELD[0]) & (scan.data[ids - 1] == _TRACE_ID_FIELD[1])
    # A field is added by writing its neighbour and it: the trace id, or the whole span if its header is an odd one.
    bodies = scan.items.body.take(spans[missing])
    start = np.where(usual, ids - 2, bodies.off)
    end = np.where(usual, ids + _TRACE_ID_BYTES, bodies.off + bodies.len)
    _append(scan, start, end, column, edits)


def _append(scan: Scan, start: Rows, end: Rows, added: Slices, edits: Edits) -> None:
    """Replace each range by itself and a field."""
    if not len(start):
        return
    length = end - start + added.len
    off = np.cumsum(length) - length
    out = np.empty(int(length.sum()), np.uint8)
    copy_slices(scan.data, start, end - start, off, out)
    copy_slices(added.data, added.off, added.len, off + (end - start), out)
    edits.replace(start, end, out, off, length)


def _column(texts: list[bytes], codes: Rows) -> Slices:
    length = np.array([len(text) for text in texts], np.int64)
    return Slices(np.frombuffer(bytearray(b"".join(texts)), np.uint8), np.cumsum(length) - length, length).take(codes)
