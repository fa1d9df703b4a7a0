"""Edits: what the engine writes is what the same change to the message's own tree gives, at any depth."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from schema.signal import Signal
from schema.wire import Edits, Owner, Scan, count_items, edited, item_counts, join, rescan, scan, split
from tests.schema.wire.mutate import delimited, mutate, varint
from tests.schema.wire.official import REQUEST, parse, random_message
from tests.schema.wire.test_split import items as items_of


@dataclass
class Node:
    """A field on the wire, and what an edit made of it."""

    descriptor: FieldDescriptor | None
    tag: int
    payload: int
    end: int
    header: bytes
    body: bytes
    children: list[Node] = field(default_factory=list)
    whole: bytes | None = None
    new: bytes | None = None

    def write(self) -> bytes:
        if self.whole is not None:
            return self.whole
        if self.header and self.header[-1] & 7 != 2 and not self.children and self.new is None:
            return self.header + self.body
        return self.header + self.content()

    def content(self) -> bytes:
        body = self.new
        if body is None:
            body = b"".join(child.write() for child in self.children) if self.children else self.body
        return varint(len(body)) + body


def tree(data: bytes, start: int, end: int, message: Descriptor) -> list[Node]:
    """Fields of a message that the official library wrote."""
    nodes = []
    p = start
    while p < end:
        tag_at = p
        tag, p = read(data, p)
        head, wire = data[tag_at:p], tag & 7
        descriptor = message.fields_by_number.get(tag >> 3)
        if wire == 2:
            size, p = read(data, p)
            node = Node(descriptor, tag_at, p, p + size, head, data[p : p + size])
            if descriptor is not None and descriptor.message_type is not None:
                node.children = tree(data, p, p + size, descriptor.message_type)
        else:
            size = read(data, p)[1] - p if wire == 0 else {1: 8, 5: 4}[wire]
            node = Node(descriptor, tag_at, p, p + size, head, b"")
            node.whole = data[tag_at : p + size]
        nodes.append(node)
        p = node.end
    return nodes


def read(data: bytes, p: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[p] & 0x7F) << shift
        p += 1
        shift += 7
        if data[p - 1] < 0x80:
            return value, p


def edit(nodes: list[Node], edits: Edits, base: int, rng: random.Random, depth: int, shy: int) -> None:
    """Edit a tree at random. `shy`: levels at the top that are only walked, so that items stay."""
    i = 0
    while i < len(nodes):
        node = nodes[i]
        chance = rng.random()
        if depth < shy or (node.children and chance < 0.8):
            edit(node.children, edits, base, rng, depth + 1, shy)
        elif chance < 0.05:
            node.whole = b""
            edits.replace_one(base + node.tag, base + node.end, b"")
        elif chance < 0.1:
            last = nodes[min(i + rng.randrange(3), len(nodes) - 1)]
            both = b"".join(other.write() for other in nodes[i : nodes.index(last) + 1]) * 2
            for other in nodes[i : nodes.index(last) + 1]:
                other.whole = b""
            node.whole = both
            edits.replace_one(base + node.tag, base + last.end, both)
            i = nodes.index(last)
        elif chance < 0.5 and node.whole is None and node.descriptor is not None:
            string = node.descriptor.type == FieldDescriptor.TYPE_STRING
            node.new = ("é" * rng.choice((0, 3, 100, 9000))).encode() if string else b""
            edits.replace_one(base + node.payload, base + node.end, node.new)
        i += 1


def edited_bodies(signal: Signal, rng: random.Random, shy: int) -> tuple[Scan, Edits, list[bytes]]:
    bodies = [random_message(REQUEST[signal](), rng).SerializeToString() for _ in range(3)]
    result = scan(signal, *join(bodies))
    edits, wanted, base = Edits(), [], 0
    for body in bodies:
        nodes = tree(body, 0, len(body), REQUEST[signal].DESCRIPTOR)
        assert b"".join(node.write() for node in nodes) == body
        edit(nodes, edits, base, rng, 0, shy)
        wanted.append(b"".join(node.write() for node in nodes))
        base += len(body)
    return result, edits, wanted


@pytest.mark.parametrize("signal", Signal)
def test_edits_at_any_depth_do_what_the_same_change_to_the_tree_does(signal: Signal) -> None:
    rng = random.Random(7)
    for _ in range(60):
        result, edits, wanted = edited_bodies(signal, rng, 0)
        regions = edited(result, edits)
        bounds = regions.bounds.tolist()
        assert [regions.data[a:b].tobytes() for a, b in pairwise(bounds)] == wanted
        assert all(parse(signal, body) is not None for body in wanted)


@pytest.mark.parametrize("signal", Signal)
def test_split_writes_the_edits_as_it_copies(signal: Signal) -> None:
    rng = random.Random(8)
    for _ in range(60):
        result, edits, wanted = edited_bodies(signal, rng, 3)
        group = np.array([rng.choice((-1, 0, 0, 1)) for _ in range(len(result.items))], np.int32)
        everything = [item for body in wanted for item in items_of(signal, body)]
        assert len(everything) == len(group)
        for limit in (2000, 921_600):
            done = split(result, group, limit, edits)
            rows = [row for row in np.argsort(group, kind="stable") if group[row] >= 0]
            kept = [everything[row] for row in rows if row not in done.oversize]
            assert [item for piece in done.pieces for item in items_of(signal, piece.value)] == kept
            assert all(len(piece.value) <= limit for piece in done.pieces)


def span(*fields: bytes) -> bytes:
    return delimited(1, delimited(2, delimited(2, b"".join(fields))))


def test_the_columns_say_where_to_edit() -> None:
    body = span(delimited(5, b"name"), delimited(9, delimited(1, b"key") + delimited(2, delimited(1, b"old"))))
    result = scan(Signal.TRACES, *join([body, body]))
    values = result.attributes.slices("value")
    edits = Edits()
    edits.replace(
        values.off, values.off + values.len, np.frombuffer(b"x" * 300, np.uint8), np.array([0, 1]), np.array([299, 0])
    )
    regions = edited(result, edits)
    again = rescan(result, regions.data, regions.bounds)
    assert again.attributes["value"].tolist() == [b"x" * 299, b""]
    assert again.items["name"].tolist() == [b"name"] * 2


def test_empty_payloads_at_the_end_of_everything_can_be_filled() -> None:
    body = span(delimited(9, delimited(1, b"k") + delimited(2, delimited(1, b""))))
    result = scan(Signal.TRACES, *join([body, body]))
    value = result.attributes.slices("value")
    edits = Edits()
    edits.replace(value.off, value.off, np.frombuffer(b"ab", np.uint8), np.array([0, 1]), np.array([1, 1]))
    pieces = split(result, np.zeros(2, np.int32), edits=edits).pieces
    assert scan(Signal.TRACES, *join([pieces[0].value])).attributes["value"].tolist() == [b"a", b"b"]


@pytest.mark.parametrize(
    ("start", "end"),
    [(1, 3), (0, 3), (7, 8), (6, 9), (8, 9), (-1, 2), (10, 14)],
    ids=["from a length", "half a field", "half a string", "a length and a string", "the end", "before", "beyond"],
)
def test_an_edit_that_is_no_field_and_no_payload_is_refused(start: int, end: int) -> None:
    body = span(delimited(5, b"ab"))
    assert len(body) == 10
    result = scan(Signal.TRACES, *join([body]))
    edits = Edits()
    edits.replace_one(start, end, b"zz")
    with pytest.raises(ValueError, match="edit"):
        edited(result, edits)
    with pytest.raises(ValueError, match="edit"):
        split(result, np.zeros(1, np.int32), edits=edits)


def test_edits_that_overlap_are_refused() -> None:
    for second in ((4, 9), (2, 8), (3, 5)):
        edits = Edits()
        edits.replace_one(2, 8, b"")
        edits.replace_one(*second, b"")
        with pytest.raises(ValueError, match="overlap"):
            edits.sorted()


def test_edits_that_break_a_body_are_refused_by_the_next_scan() -> None:
    result = scan(Signal.TRACES, *join([span(delimited(5, b"ab"))]))
    name = result.items.slices("name")
    for new in (b"\xff", None):
        edits = Edits()
        if new is None:
            edits.replace_one(int(result.items.tag[0]), int(result.items.end[0]), b"")
        else:
            edits.replace_one(int(name.off[0]), int(name.off[0] + 2), new)
        regions = edited(result, edits)
        with pytest.raises(ValueError, match="edits"):
            rescan(result, regions.data, regions.bounds)


def test_bodies_that_the_scan_refused_are_left_empty() -> None:
    good, bad = span(delimited(5, b"ab")), b"\x0a\x7f"
    result = scan(Signal.TRACES, *join([bad, good, bad]))
    edits = Edits()
    name = result.items.slices("name")
    edits.replace_one(int(name.off[0]), int(name.off[0] + 2), b"c")
    regions = edited(result, edits)
    again = rescan(result, regions.data, regions.bounds)
    assert again.status.tolist() == result.status.tolist()
    assert again.items["name"].tolist() == [b"c"]
    assert again.items.call.tolist() == [1]


def test_random_ranges_never_read_or_write_out_of_bounds() -> None:
    """What fits is written, what does not is refused; the sizes that the kernels work out always add up."""
    rng = random.Random(9)
    fitted = 0
    for i in range(3000):
        signal = Signal(i % 3)
        body = mutate(random_message(REQUEST[signal](), rng).SerializeToString(), rng)
        result = scan(signal, *join([body]))
        if not body or result.status[0]:
            continue
        places = sorted(rng.randrange(len(result.data) + 1) for _ in range(rng.choice((2, 2, 4))))
        edits = Edits()
        for start, end in zip(places[::2], places[1::2], strict=True):
            edits.replace_one(start, end, rng.randbytes(rng.randrange(200)))
        try:
            regions = edited(result, edits)
        except ValueError:
            continue
        fitted += 1
        assert len(regions.data) == regions.bounds[-1]
    assert fitted > 10


@pytest.mark.parametrize("signal", Signal)
def test_items_are_counted_as_a_scan_counts_them(signal: Signal) -> None:
    rng = random.Random(10)
    valid = 0
    for i in range(400):
        body = random_message(REQUEST[signal](), rng).SerializeToString()
        if i % 2:
            body = mutate(body, rng)
        result = scan(signal, *join([body]))
        if result.status[0] == 0:
            valid += 1
            assert count_items(signal, body) == item_counts(result).sum()
        else:
            assert count_items(signal, body) >= -1
    assert valid > 200


def test_of_two_kinds_of_data_the_last_one_counts() -> None:
    gauge, other = delimited(5, delimited(1, b"") * 2), delimited(7, delimited(1, b"") * 3)
    for data, count in ((gauge + other, 3), (other + gauge, 2), (gauge + gauge, 4), (gauge + other + gauge, 2)):
        body = delimited(1, delimited(2, delimited(2, data)))
        assert count_items(Signal.METRICS, body) == count
        assert item_counts(scan(Signal.METRICS, *join([body]))).sum() == count


def test_owner_of_an_edit_is_found_in_envelopes_too() -> None:
    attribute = delimited(1, delimited(1, b"host") + delimited(2, delimited(1, b"secret")))
    body = delimited(1, delimited(1, attribute) + delimited(2, delimited(2, delimited(5, b"a")) * 2))
    result = scan(Signal.TRACES, *join([body]))
    found = result.find(Owner.RESOURCE, b"host")
    value = result.attributes.slices("value").take(found)
    edits = Edits()
    edits.replace_one(int(value.off[0]), int(value.off[0] + value.len[0]), b"*")
    pieces: list[Any] = split(result, np.array([0, 1], np.int32), edits=edits).pieces
    assert len(pieces) == 2
    assert all(b"secret" not in piece.value and b"\x01*" in piece.value for piece in pieces)
