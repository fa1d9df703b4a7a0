"""Rows of `decisions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from otelhouse.sampling.decide import Verdicts
from processor.columns import fixed, rows_of, words
from processor.sampling.due import EARLY
from processor.sampling.known import BYTES, CLASS, FIRST_MS, FIRST_OFFSET, LAST_MS, LAST_OFFSET
from processor.window import Window
from schema.arrays import I64, U8
from schema.arrow import DECISIONS

LATE = "exemplar-late"
"""The reason of a verdict that keeps what an earlier one had dropped."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Traces of a tenant that were decided at a window's end. By trace: `ids` uint8[n, 16], `until` (see Known),
    `spans` and repeated ones (`duplicates`), `state` (columns of Known), `early` (numbers in EARLY). `late`: kept
    by votes after they were dropped.
    """

    tenant: str
    version: int
    verdicts: Verdicts
    ids: U8
    until: I64
    spans: I64
    duplicates: I64
    state: I64
    early: npt.NDArray[np.int8]
    late: bool = False


def verdict_rows(window: Window, decided: Sequence[Decided]) -> pa.RecordBatch:
    """One row a trace, by tenant, as they were decided."""
    count = [len(each.ids) for each in decided]
    total = sum(count)
    state = np.concatenate([each.state for each in decided])

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(each.verdicts, name) for each in decided])

    columns = {
        "tenant": _all_words([([each.tenant], np.zeros(len(each.ids), np.int64)) for each in decided]),
        "class": pa.array(state[:, CLASS].astype(np.uint8)),
        "day": pa.array(np.full(total, window.day, np.int32)).cast(pa.date32()),
        "trace_id": fixed(np.concatenate([each.ids for each in decided])),
        "decided": _times(np.full(total, window.end_log_ms)),
        "kept": pa.array(all_of("sampled")),
        "policy": _all_words([_policies(each) for each in decided]),
        "reason": _all_words([_reasons(each) for each in decided]),
        "early": words(np.concatenate([each.early for each in decided]).astype(np.int32), EARLY),
        "rate": pa.array(all_of("rate")),
        "estimated": pa.array(all_of("estimated")),
        "rule_version": pa.array(np.repeat([each.version for each in decided], count).astype(np.uint32)),
        "first_seen": _times(state[:, FIRST_MS]),
        "last_seen": _times(state[:, LAST_MS]),
        "spans": pa.array(np.concatenate([each.spans for each in decided]).astype(np.uint32)),
        "duplicates": pa.array(np.concatenate([each.duplicates for each in decided]).astype(np.uint32)),
        "bytes": pa.array(state[:, BYTES].astype(np.uint64)),
        "partition": pa.array(np.full(total, window.name.partition, np.uint16)),
        "first_offset": pa.array(state[:, FIRST_OFFSET].astype(np.uint64)),
        "last_offset": pa.array(state[:, LAST_OFFSET].astype(np.uint64)),
        "remembered_until": pa.array(np.concatenate([each.until for each in decided]).astype(np.uint64)),
        "block": pa.array(np.full(total, window.number, np.uint64)),
    }
    return rows_of(DECISIONS, columns)


def _policies(decided: Decided) -> tuple[list[str], I64]:
    """(texts, the place of each trace's)"""
    names = [*(named.name for named in decided.verdicts.policies), ""]
    return names, decided.verdicts.policy % len(names)


def _reasons(decided: Decided) -> tuple[list[str], I64]:
    """(texts, the place of each trace's)"""
    return ([LATE], np.zeros(len(decided.ids), np.int64)) if decided.late else decided.verdicts.reasons()


def _times(log_ms: I64) -> pa.Array:
    return pa.array(log_ms.astype(np.int64)).cast(pa.timestamp("ms", "UTC"))


def _all_words(parts: Sequence[tuple[list[str], I64]]) -> pa.Array:
    found = [pa.array(texts, pa.string()).take(pa.array(place)) for texts, place in parts]
    return pa.concat_arrays(found).dictionary_encode()
