"""string_attribute: one of some texts, or a match of one of some RE2 patterns, anywhere in the value.

As the peer does: a value that is no text counts as empty. Empty matches no listed text; of a resource it may match a
pattern, of a span it never does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from otelhouse.sampling.attributes import attribute_decisions
from otelhouse.sampling.policy import ALWAYS, CERTAIN, Decisions
from otelhouse.sampling.traces import Traces
from schema.arrays import I64, Mask
from schema.wire import Owner, Scan, Slices, ValueKind


@dataclass(frozen=True)
class StringAttribute:
    """`patterns`: whether `values` are patterns."""

    key: str
    values: tuple[str, ...]
    patterns: bool = False
    invert: bool = False
    threshold: int = ALWAYS
    probability: float = CERTAIN

    def evaluate(self, traces: Traces, asked: Mask, now_ns: int) -> Decisions:
        """See Policy."""
        return attribute_decisions(traces, self.key, self._matches, self.invert)

    def _matches(self, scan: Scan, rows: I64, owner: Owner) -> Mask:
        attributes = scan.attributes
        is_text = attributes["value.kind"][rows] == ValueKind.STRING
        texts = attributes.slices("value").take(np.where(is_text, rows, -1))
        found = self._find(texts) if self.patterns else self._equal(texts)
        return found if owner is Owner.RESOURCE else found & (texts.len > 0)

    def _equal(self, texts: Slices) -> Mask:
        found = np.zeros(len(texts), np.bool_)
        for value in self.values:
            if value:
                found |= texts.equals(value.encode())
        return found

    def _find(self, texts: Slices) -> Mask:
        distinct = texts.to_arrow().dictionary_encode()
        matched = np.zeros(len(distinct.dictionary), np.bool_)
        for pattern in self.values:
            matched |= pc.match_substring_regex(distinct.dictionary, pattern).to_numpy(zero_copy_only=False)
        return np.asarray(matched[distinct.indices.to_numpy()])
