"""The ledger of verdicts, as rows of `decisions`, and what of it brings a partition's state back after a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from otelhouse.bus.contract import TopicPartition
from otelhouse.clickhouse import translated
from otelhouse.sampling.config import TailSampling
from otelhouse.sampling.divided import limits
from processor.columns import rows_of, words
from processor.commit import Opened
from processor.sampling.known import REMEMBERED_MS
from processor.window import Window
from schema.arrays import F64, I64, U8, Mask
from schema.arrow import SAMPLER_STATES
from schema.record import block_number

_POSITION = (1 << 48) - 1


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Verdicts of a partition, by the end of their block and their order in it.

    `ids` uint8[n, 16]; `tenant` names; by verdict `kept`, `until` (see Known), `decided_ms`, `weight`, and `end` of
    its block, an offset.
    """

    tenant: list[str]
    ids: U8
    kept: Mask
    until: I64
    decided_ms: I64
    weight: F64
    end: I64

    def counts(self) -> dict[str, tuple[int, int]]:
        """By tenant, how many: (kept, dropped)."""
        found: dict[str, tuple[int, int]] = {}
        for tenant, kept in zip(self.tenant, self.kept.tolist(), strict=True):
            before = found.get(tenant, (0, 0))
            found[tenant] = before[0] + kept, before[1] + (not kept)
        return found

    def part(self, chosen: slice) -> Verdicts:
        """Some of them."""
        return Verdicts(
            self.tenant[chosen], self.ids[chosen], self.kept[chosen], self.until[chosen], self.decided_ms[chosen],
            self.weight[chosen],
            self.end[chosen],
        )  # fmt: skip


_NUMBERS = np.zeros(0, np.int64)
NONE = Verdicts([], np.zeros((0, 16), np.uint8), np.zeros(0, np.bool_), _NUMBERS, _NUMBERS, np.zeros(0), _NUMBERS)


@dataclass(frozen=True, slots=True)
class State:
    """Where a tenant's sampling stands: the rule in force, and its verdicts so far (kept, dropped)."""

    tenant: str
    version: int
    sampling: TailSampling | None
    verdicts: tuple[int, int]


class Ledger:
    """Reads what is stored of a partition. Methods raise ClickHouseError."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def verdicts(self, name: TopicPartition, since: Opened, until: int) -> Verdicts:
        """All in blocks that end at or before `until` that were remembered at `since`, or made after it."""
        with translated():
            found = self._client.query_arrow(
                "SELECT tenant, trace_id, kept, remembered_until, decided, rate, block FROM decisions"
                " WHERE block >= {first:UInt64} AND block <= {until:UInt64}"
                " AND (decided > fromUnixTimestamp64Milli({oldest:Int64}) OR block > {since:UInt64})"
                " ORDER BY block, tenant, decided, trace_id",
                parameters={
                    "first": block_number(name.partition, 0),
                    "since": block_number(name.partition, since.offset),
                    "until": block_number(name.partition, until),
                    "oldest": since.log_ms - REMEMBERED_MS,
                },
            )
        return verdicts_of(found) if found.num_rows else NONE

    def states(self, name: TopicPartition, until: int) -> Mapping[str, tuple[int, str]]:
        """By tenant the newest (rule version, state) in a block that ends at or before an offset."""
        with translated():
            found = self._client.query(
                "SELECT tenant, argMax(rule_version, block), argMax(state, block) FROM sampler_states"
                " WHERE block >= {first:UInt64} AND block <= {until:UInt64} GROUP BY tenant",
                parameters={
                    "first": block_number(name.partition, 0),
                    "until": block_number(name.partition, until),
                },
            )
        return {tenant: (version, state) for tenant, version, state in found.result_rows}


def verdicts_of(found: pa.Table) -> Verdicts:
    """Of rows in the order of their blocks."""
    found = found.combine_chunks()
    ids = np.frombuffer(bytearray().join(found.column("trace_id").cast(pa.binary()).to_pylist()), np.uint8).reshape(
        -1, 16
    )
    rate = found.column("rate").to_numpy()
    return Verdicts(
        found.column("tenant").cast(pa.string()).to_pylist(),
        np.frombuffer(bytearray().join(ids), np.uint8).reshape(-1, 16),
        found.column("kept").cast(pa.uint8()).to_numpy().astype(np.bool_),
        found.column("remembered_until").to_numpy().astype(np.int64),
        found.column("decided").cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy(),
        weights(rate),
        (found.column("block").to_numpy() & np.uint64(_POSITION)).astype(np.int64),
    )


def weights(rate: F64) -> F64:
    """How many spans one stands for that was kept at a rate."""
    return np.where(rate > 0, 1 / np.where(rate > 0, rate, 1.0), 1.0)


def state_rows(window: Window, held: Sequence[State]) -> pa.RecordBatch:
    """Rows of `sampler_states`."""
    count = len(held)
    columns = {
        "tenant": words(np.arange(count), [each.tenant for each in held]),
        "class": pa.array(np.zeros(count, np.uint8)),
        "day": pa.array(np.full(count, window.day, np.int32)).cast(pa.date32()),
        "rule_version": pa.array(np.array([each.version for each in held], np.uint32)),
        "state": pa.array([_dumped(each) for each in held], pa.string()),
        "block": pa.array(np.full(count, window.number, np.uint64)),
    }
    return rows_of(SAMPLER_STATES, columns)


def _dumped(state: State) -> str:
    used = [each.used() for each in limits(state.sampling)] if state.sampling else []
    return json.dumps({"verdicts": state.verdicts, "limits": used}, separators=(",", ":"), ensure_ascii=False)


def verdicts_in(text: str) -> tuple[int, int]:
    """How many verdicts a tenant has had, by a row's state."""
    kept, dropped = json.loads(text)["verdicts"]
    return kept, dropped


def load_limits(sampling: TailSampling, text: str) -> None:
    """Give the limits of a rule back what a row's state says of the same version."""
    for each, used in zip(limits(sampling), json.loads(text)["limits"], strict=True):
        each.go_on(used)
