"""What the kernels share: one int64 array of addresses, rooms and counts, so that each takes it as one number.

Leaves and spans are rows of int64. A leaf is a value, name or key in which something may be; its spans say what was
found. Rows beyond the room are counted, not written: the caller repeats the pass with more room.
"""

from __future__ import annotations

from numba import njit

from schema.loads import get64, put64

(
    LEAVES, LEAF_ROOM, LEAF_COUNT, LEAF_NOW, SPANS, SPAN_ROOM, SPAN_COUNT, PAIRS, SCRATCH, SLOTS, SLOT_MASK, ARENA,
    ARENA_ROOM, ARENA_USED, ENTRIES, MASKS, GLOB_AT, GLOBS, GLOB_BYTES, LABELS, SEEN, METRICS,
) = range(22)  # fmt: skip
"""Places in the context. LEAF_NOW: the leaf whose spans are emitted; MASKS: int64[policies], the detectors of each;
GLOB_AT: int64[policies + 1], the rows of GLOBS (offset in GLOB_BYTES, length, rule) of each. LABELS: LABEL while what
tells series apart is walked; METRICS: 1 for metrics; SEEN: see `seen.py`."""
CONTEXT = 22

LEAF = 8
START, END, FORM, POLICY, FIELD_START, FIELD_END, FLAGS, GROUP = range(LEAF)
"""A leaf: what is replaced; its form; whose it is; the field to remove where the action is to drop (-1: none);
flags; what tells a key's siblings (see `siblings.py`)."""
LABEL, HINTED, TAKEN = 1, 2, 4
"""Flags: part of what tells series apart; its key names a telephone; taken whole, so that no detector needs to look."""

TEXT, VALUE, KEY, STATE = range(4)
"""Forms: a string or bytes, replaced as it stands; an AnyValue of any other kind, replaced by one with a string; a
key; a trace state."""

SPAN = 4
LEAF_OF, FROM, TO, RULE = range(SPAN)

SCRATCH_BYTES = 1 << 16
DECODED = 1 << 14
"""Where in the scratch decoded base64 begins; before it, names are normalised."""


@njit(nogil=True, cache=True)
def on(mask, detector):
    """Whether a policy has the detector."""
    return mask & (1 << detector) != 0


@njit(nogil=True, cache=True)
def emit(ctx, start, end, rule):
    """Add a span of the leaf under way."""
    n = get64(ctx, SPAN_COUNT)
    put64(ctx, SPAN_COUNT, n + 1)
    if n < get64(ctx, SPAN_ROOM):
        spans = get64(ctx, SPANS) + n * SPAN * 8
        put64(spans, LEAF_OF, get64(ctx, LEAF_NOW))
        put64(spans, FROM, start)
        put64(spans, TO, end)
        put64(spans, RULE, rule)


@njit(nogil=True, cache=True)
def add_leaf(ctx, start, end, form, policy, field_start, field_end, flags, group):
    """Add a leaf."""
    n = get64(ctx, LEAF_COUNT)
    put64(ctx, LEAF_COUNT, n + 1)
    if n < get64(ctx, LEAF_ROOM):
        leaves = get64(ctx, LEAVES) + n * LEAF * 8
        put64(leaves, START, start)
        put64(leaves, END, end)
        put64(leaves, FORM, form)
        put64(leaves, POLICY, policy)
        put64(leaves, FIELD_START, field_start)
        put64(leaves, FIELD_END, field_end)
        put64(leaves, FLAGS, flags | get64(ctx, LABELS))
        put64(leaves, GROUP, group)
