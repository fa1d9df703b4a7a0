"""What spares work on spans that were scanned before: outlines, columns of some rows, memory that is used again."""

from __future__ import annotations

import numpy as np

from benchmarks.payloads import traces
from schema.signal import Signal
from schema.wire import Owner, Slices, Spare, Tab, join, outline, scan


def test_an_outline_has_the_items_of_a_scan_and_reads_what_is_in_them_when_it_is_asked_for() -> None:
    data, bounds = join(traces(64, 640))
    whole, outlined = scan(Signal.TRACES, data, bounds), outline(Signal.TRACES, data, bounds)
    for name in whole.items.names:
        expected, found = whole.items[name], outlined.items[name]
        if isinstance(expected, Slices):
            assert np.array_equal(expected.off, found.off)
            assert np.array_equal(expected.len, found.len)
        else:
            assert np.array_equal(expected, found)
    assert np.array_equal(whole.resource_of_items, outlined.resource_of_items)
    for owner, key in ((Owner.ITEM, b"http.route"), (Owner.RESOURCE, b"service.name")):
        assert np.array_equal(whole.find(owner, key), outlined.find(owner, key))
    for tab in Tab:
        assert len(whole.table(tab)) == len(outlined.table(tab))


def test_columns_of_some_rows_are_those_rows_of_the_columns() -> None:
    table = scan(Signal.TRACES, *join(traces(64, 640))).attributes
    rows = np.array([5, 3, 3, len(table) - 1])
    for name in table.names:
        found, expected = table.of_rows(name, rows), table[name]
        if isinstance(expected, Slices):
            assert found.tolist() == expected.take(rows).tolist()
        else:
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected[rows])


def test_memory_is_used_again_only_when_nothing_refers_to_it() -> None:
    spare = Spare()
    first = spare.take(1000)
    part, place = first[10:20].view(np.uint8), first.__array_interface__["data"]
    assert spare.take(1000).__array_interface__["data"] != place
    del first
    assert spare.take(1000).__array_interface__["data"] != place
    del part
    assert place in {spare.take(1000).__array_interface__["data"] for _ in range(2)}
