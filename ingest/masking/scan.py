"""Masker: a scan and the policies of its calls -> leaves and spans, what was found and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.masking import context, seen
from ingest.masking.context import CONTEXT, LEAF, LEAF_OF, SPAN, STATE, TEXT
from ingest.masking.keys import SLOT
from ingest.masking.patterns import MOST_FOUND, TooMuchFound, find_patterns
from ingest.masking.prefilter import pair_table
from ingest.masking.rules import MaskingPolicy, PolicyTable
from ingest.masking.spans import joined
from ingest.masking.text import scan_leaves
from ingest.masking.walk import walk_attributes, walk_bodies, walk_entities, walk_texts
from schema.signal import Signal
from schema.wire import Scan, Table

Longs = npt.NDArray[np.int64]

_SLOTS = 1 << 14
_ARENA_BYTES = 1 << 19
_LEAVES, _SPANS = 1 << 12, 1 << 13
"""Room to begin with; a pass that needs more is repeated."""
_MOST_ROWS = 1 << 16
"""Room that is kept for the next batch, in leaves and spans."""
_MOST_POLICIES = 4096
"""Policies known at a time: above it all is forgotten and built anew from those in use."""

_TEXTS: dict[Signal, tuple[tuple[str, str], ...]] = {
    Signal.TRACES: (("items", "name"), ("items", "status.message"), ("events", "name")),
    Signal.METRICS: (("items", "name"), ("items", "description"), ("items", "unit")),
    Signal.LOGS: (("items", "severity_text"), ("items", "event_name")),
}
_COMMON = (("resources", "schema_url"), ("scopes", "schema_url"), ("scopes", "scope.name"), ("scopes", "scope.version"))
_STATES = (("items", "trace_state"), ("links", "trace_state"))
_IDS: dict[Signal, tuple[tuple[str, str], ...]] = {
    Signal.TRACES: (("items", "parent_span_id"), ("links", "trace_id"), ("links", "span_id")),
    Signal.METRICS: (("exemplars", "trace_id"), ("exemplars", "span_id")),
    Signal.LOGS: (("items", "trace_id"), ("items", "span_id")),
}
"""Ids that may have any length; those of 16 bytes and less are none but ids."""
_LONGEST_ID = 16


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. `leaves` int64[leaves, 8] and `spans` int64[spans, 4] as `context.py` has them, the spans by
    leaf and place, without overlaps; every leaf has one. `actions` uint8[policies, 256] by rule."""

    leaves: Longs
    spans: Longs
    actions: npt.NDArray[np.uint8]


class Masker:
    """Finds; it changes nothing. Holds the dictionary of keys and the kernels' room: not thread-safe."""

    def __init__(self) -> None:
        self._policies = PolicyTable()
        self._pairs = pair_table()
        self._scratch = np.zeros(context.SCRATCH_BYTES, np.uint8)
        self._slots = np.zeros(_SLOTS * SLOT, np.int64)
        self._arena = np.zeros(_ARENA_BYTES, np.uint8)
        self._seen = np.zeros(seen.SLOTS * seen.LINE, np.int64)
        self._context = np.zeros(CONTEXT, np.int64)
        self._leaves = np.zeros(_LEAVES * LEAF, np.int64)
        self._spans = np.zeros(_SPANS * SPAN, np.int64)

    def find(self, scan: Scan, policies: Sequence[MaskingPolicy | None]) -> Found | None:
        """What the policies, by call, find in the scanned bytes; None for nothing. None as a policy looks nowhere.

        Raises TooMuchFound.
        """
        policy_of_call = self._numbered(policies)
        if int(policy_of_call.max(initial=-1)) < 0:
            return None
        self._walk(scan, policy_of_call)
        leaves = self._context[context.LEAF_COUNT]
        if not leaves:
            return None
        found_leaves = self._leaves[: leaves * LEAF].reshape(-1, LEAF).copy()
        found_spans = self._spans[: self._context[context.SPAN_COUNT] * SPAN].reshape(-1, SPAN)
        found_spans = joined(np.vstack([found_spans, *find_patterns(scan.data, found_leaves, self._policies)]))
        self._give_back()
        if not len(found_spans):
            return None
        named = np.unique(found_spans[:, LEAF_OF])
        if len(named) < leaves:
            found_leaves = found_leaves[named]
            found_spans[:, LEAF_OF] = np.searchsorted(named, found_spans[:, LEAF_OF])
        return Found(found_leaves, found_spans, self._policies.actions)

    def _numbered(self, policies: Sequence[MaskingPolicy | None]) -> Longs:
        """int64[calls]: the number of each call's policy, -1 for one that finds nothing."""
        table = self._policies
        if len(table.policies) > _MOST_POLICIES:
            self._policies = table = PolicyTable()
            self._slots[:] = 0
            self._context[context.ENTRIES] = self._context[context.ARENA_USED] = 0
        numbers = [-1 if policy is None or policy.is_off else table.number(policy) for policy in policies]
        if table.policies and not table.is_built:
            table.build()
        return np.array(numbers, np.int64)

    def _walk(self, scan: Scan, policy_of_call: Longs) -> None:
        while True:
            self._prepare()
            self._context[context.METRICS] = scan.signal is Signal.METRICS
            self._pass(scan, policy_of_call)
            leaves, spans = int(self._context[context.LEAF_COUNT]), int(self._context[context.SPAN_COUNT])
            if max(leaves, spans) > MOST_FOUND:
                raise TooMuchFound
            if leaves * LEAF <= len(self._leaves):
                scan_leaves(scan.data, self._context)
                spans = int(self._context[context.SPAN_COUNT])
                if spans > MOST_FOUND:
                    raise TooMuchFound
                if spans * SPAN <= len(self._spans):
                    return
            self._leaves = np.zeros(max(leaves * LEAF, len(self._leaves)), np.int64)
            self._spans = np.zeros(max(spans * SPAN, len(self._spans)), np.int64)

    def _give_back(self) -> None:
        """Of the room, what the next batch will hardly need."""
        if len(self._leaves) > _MOST_ROWS * LEAF:
            self._leaves = np.zeros(_MOST_ROWS * LEAF, np.int64)
        if len(self._spans) > _MOST_ROWS * SPAN:
            self._spans = np.zeros(_MOST_ROWS * SPAN, np.int64)

    def _prepare(self) -> None:
        table = self._policies
        for place, value in (
            (context.LEAVES, self._leaves.ctypes.data),
            (context.LEAF_ROOM, len(self._leaves) // LEAF),
            (context.LEAF_COUNT, 0),
            (context.SPANS, self._spans.ctypes.data),
            (context.SPAN_ROOM, len(self._spans) // SPAN),
            (context.SPAN_COUNT, 0),
            (context.PAIRS, self._pairs.ctypes.data),
            (context.SCRATCH, self._scratch.ctypes.data),
            (context.SLOTS, self._slots.ctypes.data),
            (context.SLOT_MASK, _SLOTS - 1),
            (context.ARENA, self._arena.ctypes.data),
            (context.ARENA_ROOM, _ARENA_BYTES),
            (context.MASKS, table.masks.ctypes.data),
            (context.GLOB_AT, table.glob_at.ctypes.data),
            (context.GLOBS, table.globs.ctypes.data),
            (context.GLOB_BYTES, table.text.ctypes.data),
            (context.LABELS, 0),
            (context.SEEN, self._seen.ctypes.data),
        ):
            self._context[place] = value

    def _pass(self, scan: Scan, policy_of_call: Longs) -> None:
        data, bounds = scan.data, scan.bounds
        table = scan.attributes
        walk_attributes(data, *table.raw, len(table), bounds, policy_of_call, self._context)
        resources = scan.resources
        walk_entities(
            data, *resources.raw, len(resources), resources.place("resource"), bounds, policy_of_call, self._context
        )
        for name, column in (*_COMMON, *_TEXTS[scan.signal]):
            series = scan.signal is Signal.METRICS and name != "resources"
            self._context[context.LABELS] = context.LABEL if series else 0
            self._texts(scan, getattr(scan, name), column, policy_of_call, TEXT)
        self._context[context.LABELS] = 0
        for name, column in _IDS[scan.signal]:
            if (getattr(scan, name).slices(column).len > _LONGEST_ID).any():
                self._texts(scan, getattr(scan, name), column, policy_of_call, TEXT)
        if scan.signal is Signal.TRACES:
            for name, column in _STATES:
                self._texts(scan, getattr(scan, name), column, policy_of_call, STATE)
        if scan.signal is Signal.LOGS:
            walk_bodies(data, *scan.items.raw, len(scan.items), bounds, policy_of_call, self._context)

    def _texts(self, scan: Scan, table: Table, column: str, policy_of_call: Longs, form: int) -> None:
        ints, first, stride = table.raw
        place = table.place(column)
        walk_texts(scan.data, ints, first, stride, len(table), place, scan.bounds, policy_of_call, form, self._context)
