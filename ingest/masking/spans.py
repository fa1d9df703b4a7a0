"""Spans in order and without overlaps, so that a leaf can be written from left to right."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ingest.masking.context import FROM, LEAF_OF, TO


def joined(spans: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """int64[spans, 4] sorted by leaf and place; those that overlap become one, under the rule of the first.

    What either of them would have replaced is replaced.
    """
    if len(spans) < 2:
        return spans.copy()
    spans = spans[np.lexsort((-spans[:, TO], spans[:, FROM], spans[:, LEAF_OF]))]
    # Leaves follow one another in one long line, so that a running maximum never reaches into the next leaf.
    stride = int(spans[:, TO].max()) + 1
    start = spans[:, LEAF_OF] * stride + spans[:, FROM]
    end = spans[:, LEAF_OF] * stride + spans[:, TO]
    reach = np.maximum.accumulate(end)
    opens = np.ones(len(spans), np.bool_)
    opens[1:] = start[1:] >= reach[:-1]
    first = np.flatnonzero(opens)
    kept = spans[first]
    kept[:, TO] = reach[np.append(first[1:], len(spans)) - 1] - kept[:, LEAF_OF] * stride
    return kept
