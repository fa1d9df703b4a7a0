"""A brief scan: all is checked, and of items' attributes hardly more is kept than is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.payloads import traces
from schema.signal import Signal
from schema.wire import Owner, Scan, Slices, Tab, join, scan

KEYS = ("http.route", "server.address")


def both(bodies: list[bytes]) -> tuple[Scan, Scan]:
    data, bounds = join(bodies)
    return scan(Signal.TRACES, data, bounds), scan(Signal.TRACES, data, bounds, keys=KEYS)


def test_it_has_all_items_and_the_attributes_that_were_asked_for() -> None:
    whole, brief = both(traces(64, 640))
    for name in whole.items.names:
        expected, found = whole.items[name], brief.items[name]
        if isinstance(expected, Slices):
            assert np.array_equal(expected.off, found.off)
        else:
            assert np.array_equal(expected, found)
    for owner, key in ((Owner.ITEM, b"http.route"), (Owner.ITEM, b"server.address"), (Owner.RESOURCE, b"service.name")):
        values = [each.attributes["value"].take(each.find(owner, key)).tolist() for each in (whole, brief)]
        assert values[0] == values[1]
    assert len(brief.attributes) < len(whole.attributes) // 2


def test_what_it_leaves_out_cannot_be_asked_for() -> None:
    _, brief = both(traces(64, 640))
    with pytest.raises(LookupError):
        brief.find(Owner.ITEM, b"url.path")
    with pytest.raises(LookupError):
        brief.attributes_of(Owner.ITEM)
    for tab in (Tab.EVENTS, Tab.LINKS, Tab.VALUES):
        with pytest.raises(LookupError):
            brief.table(tab)


def test_it_refuses_the_bodies_that_a_scan_refuses() -> None:
    """What is in an attribute, or in an event, is checked though it is not kept; masses of it count."""
    bodies = traces(8, 160)
    rng = np.random.default_rng(1)
    for place, body in enumerate(bodies):
        broken = bytearray(body)
        for at in rng.integers(0, len(body), place % 4).tolist():
            broken[at] ^= int(rng.integers(1, 256))
        bodies[place] = bytes(broken)
    empty = b"\x4a\x00" * (9 << 20)  # spans' attributes of no bytes
    inner = _field(1, _field(2, _field(2, empty)))
    whole, brief = both([*bodies, inner])
    assert whole.status.tolist() == brief.status.tolist()
    assert set(whole.status.tolist()) > {0}
    assert brief.status[-1] != 0
    assert np.array_equal(whole.items.call, brief.items.call)


def _field(number: int, body: bytes) -> bytes:
    size, length = len(body), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + body
