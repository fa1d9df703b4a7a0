"""What was found -> edits of the batch: new leaves, written natively; keys, numbers and trace states one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ingest.masking.compose import DROP, HASH, MASK, PARTIAL, measure, write
from ingest.masking.context import (
    END,
    FIELD_END,
    FIELD_START,
    FLAGS,
    FORM,
    FROM,
    GROUP,
    KEY,
    LABEL,
    LEAF_OF,
    POLICY,
    RULE,
    START,
    STATE,
    TEXT,
    TO,
    VALUE,
)
from ingest.masking.detectors.ids import Detector
from ingest.masking.hashing import keyed_hash, width
from ingest.masking.scan import Found
from ingest.masking.siblings import Siblings
from ingest.masking.tracestate import without
from ingest.masking.values import BOOL, DOUBLE, INT, read_any_value
from otelhouse.rules.rule import HashKey
from schema.wire import Edits, Scan
from schema.wire.writing import delimited

Longs = npt.NDArray[np.int64]


class HashKeyMissing(Exception):
    """A value of this call is to be hashed, and the secret of its tenant is not known."""

    def __init__(self, call: int) -> None:
        super().__init__("the secret of a tenant's hashes is not known")
        self.call = call


def rewrite(scan: Scan, found: Found, key_of_call: Callable[[int], HashKey | None], edits: Edits) -> None:
    """Add the edits that take out what was found. Raises HashKeyMissing."""
    Rewrite(scan, found, key_of_call, edits).run()


class Rewrite:
    """The arrays of one rewrite()."""

    def __init__(self, scan: Scan, found: Found, key_of_call: Callable[[int], HashKey | None], edits: Edits) -> None:
        self._scan = scan
        self._leaves = found.leaves
        self._spans = found.spans
        self._edits = edits
        leaf = found.spans[:, LEAF_OF]
        action = found.actions[found.leaves[leaf, POLICY], found.spans[:, RULE]].astype(np.int64)
        # A label that is only blotted out would make one series of many.
        blotted = (found.leaves[leaf, FLAGS] & LABEL != 0) & ((action == MASK) | (action == PARTIAL))
        self._action = np.where(blotted, HASH, action)
        self._keys = _Keys(scan, found, self._action, key_of_call)

    def run(self) -> None:
        """Add the edits."""
        dropped = np.zeros(len(self._leaves), np.bool_)
        dropped[self._spans[self._action == DROP, LEAF_OF]] = True
        self._keep(self._drop(dropped))
        forms = self._leaves[:, FORM]
        if len(self._leaves):
            self._write(forms)
        for leaf in np.flatnonzero(forms == VALUE).tolist():
            self._value(leaf)

    def _drop(self, dropped: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Remove what is to be dropped -> bool[leaves]: what stays to be rewritten."""
        if not dropped.any():
            return ~dropped
        leaves = self._leaves
        is_field = leaves[:, FIELD_START] >= 0
        # The text of what is no attribute is emptied: a span has a name, a record a body.
        emptied = leaves[dropped & ~is_field]
        nothing = np.zeros(len(emptied), np.int64)
        self._edits.replace(emptied[:, START], emptied[:, END], np.empty(0, np.uint8), nothing, nothing)
        fields = leaves[dropped & is_field]
        fields = fields[np.lexsort((-fields[:, FIELD_END], fields[:, FIELD_START]))]
        reach = np.maximum.accumulate(fields[:, FIELD_END]) if len(fields) else fields[:, FIELD_END]
        outer = np.ones(len(fields), np.bool_)
        outer[1:] = fields[1:, FIELD_START] >= reach[:-1]
        start, end = fields[outer, FIELD_START], fields[outer, FIELD_END]
        nothing = np.zeros(len(start), np.int64)
        self._edits.replace(start, end, np.empty(0, np.uint8), nothing, nothing)
        gone = dropped.copy()
        if len(start):
            before = np.searchsorted(start, leaves[:, START], "right") - 1
            gone |= (before >= 0) & (leaves[:, START] < end[before])
        return ~gone

    def _keep(self, stays: npt.NDArray[np.bool_]) -> None:
        if stays.all():
            return
        of_kept = stays[self._spans[:, LEAF_OF]]
        self._spans, self._action = self._spans[of_kept], self._action[of_kept]
        self._spans[:, LEAF_OF] = (np.cumsum(stays) - 1)[self._spans[:, LEAF_OF]]
        self._leaves = np.ascontiguousarray(self._leaves[stays])
        self._keys.keep(stays)

    def _write(self, forms: Longs) -> None:
        count = len(self._leaves)
        first = np.searchsorted(self._spans[:, LEAF_OF], np.arange(count + 1)).astype(np.int64)
        flat_leaves, flat_spans = self._leaves.ravel(), np.ascontiguousarray(self._spans).ravel()
        sizes = np.zeros(count, np.int64)
        measure(self._scan.data, flat_leaves, flat_spans, first, self._action, self._keys.width, sizes)
        offsets = np.cumsum(sizes) - sizes
        out = np.empty(int(sizes.sum()), np.uint8)
        places = np.zeros(len(self._spans), np.int64)
        write(self._scan.data, flat_leaves, flat_spans, first, self._action, self._keys.width, offsets, out, places)
        for span in np.flatnonzero(self._action == HASH).tolist():
            leaf, start, end, rule = self._spans[span].tolist()
            text = keyed_hash(self._keys.of(leaf), self._scan.data[start:end].tobytes(), rule)
            out[places[span] : places[span] + len(text)] = np.frombuffer(text, np.uint8)
        plain = forms == TEXT
        self._edits.replace(self._leaves[plain, START], self._leaves[plain, END], out, offsets[plain], sizes[plain])
        siblings = Siblings(self._scan, self._leaves)
        ranges: list[tuple[int, int]] = []
        texts: list[bytes] = []
        for leaf in np.flatnonzero((forms == KEY) | (forms == STATE)).tolist():
            start, end = self._leaves[leaf, START], self._leaves[leaf, END]
            if forms[leaf] == KEY:
                text = out[offsets[leaf] : offsets[leaf] + sizes[leaf]].tobytes()
                ranges.append((int(start), int(end)))
                texts.append(siblings.unlike(int(self._leaves[leaf, GROUP]), text))
                continue
            text = self._scan.data[start:end].tobytes()
            hits = self._spans[first[leaf] : first[leaf + 1], FROM : TO + 1] - start
            ranges.append((int(start), int(end)))
            texts.append(without(text, hits.tolist()))
        self._replace(ranges, texts)

    def _replace(self, ranges: list[tuple[int, int]], texts: list[bytes]) -> None:
        if not texts:
            return
        places = np.array(ranges, np.int64)
        sizes = np.array([len(text) for text in texts], np.int64)
        data = np.frombuffer(b"".join(texts), np.uint8)
        self._edits.replace(
            np.ascontiguousarray(places[:, 0]),
            np.ascontiguousarray(places[:, 1]),
            data,
            np.cumsum(sizes) - sizes,
            sizes,
        )

    def _value(self, leaf: int) -> None:
        """A value that is no string becomes one."""
        start, end = int(self._leaves[leaf, START]), int(self._leaves[leaf, END])
        span = int(np.searchsorted(self._spans[:, LEAF_OF], leaf))
        rule, action = int(self._spans[span, RULE]), int(self._action[span])
        kind, first, rest = read_any_value(self._scan.data, start, end)
        if kind == INT:
            text = b"%d" % rest
        elif kind == DOUBLE:
            number = float(np.int64(rest).view(np.float64))
            text = (b"%d" % int(number)) if number.is_integer() else repr(number).encode()
        elif kind == BOOL:
            text = b"true" if rest else b"false"
        else:
            text = self._scan.data[first:rest].tobytes()
        if action == HASH:
            new = keyed_hash(self._keys.of(leaf), text, rule)
        elif action == PARTIAL and rule == Detector.CARD:
            new = b"****" + text[-4:]
        else:
            new = b"****"
        self._edits.replace_one(start, end, delimited(0x0A, new))


class _Keys:
    """The hash key of each leaf that needs one. `width`: int64[leaves], bytes of its hashes."""

    def __init__(self, scan: Scan, found: Found, action: Longs, key_of_call: Callable[[int], HashKey | None]) -> None:
        self.width = np.zeros(len(found.leaves), np.int64)
        self._of: dict[int, HashKey] = {}
        self._call = np.searchsorted(scan.bounds, found.leaves[:, START], "right") - 1
        hashed = np.unique(found.spans[action == HASH, LEAF_OF])
        for call in np.unique(self._call[hashed]).tolist():
            key = key_of_call(call)
            if key is None:
                raise HashKeyMissing(call)
            self._of[call] = key
            self.width[hashed[self._call[hashed] == call]] = width(key)

    def of(self, leaf: int) -> HashKey:
        return self._of[int(self._call[leaf])]

    def keep(self, stays: npt.NDArray[np.bool_]) -> None:
        self.width, self._call = self.width[stays], self._call[stays]
