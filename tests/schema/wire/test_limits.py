"""The edges of the wire format: what the official library takes and what it refuses, case by case."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import numpy as np
import pytest

from schema.signal import Signal
from schema.wire import ErrorCode, join, scan
from tests.schema.wire.mutate import delimited, varint
from tests.schema.wire.official import parse

PADDING = (b"", bytes(40))


def long_numbers() -> Iterator[bytes]:
    """Tags, lengths and varints of every length with every last byte."""
    for last in range(256):
        for tail in PADDING:
            for first in (0x8A, 0x80, 0xFA, 0x88, 0x8B, 0x8D, 0x89, 0xFF):
                for zeros in (0, 3, 4):
                    yield bytes((first,)) + b"\x80" * zeros + bytes((last,)) + tail
            for size in (4, 5, 6):
                yield b"\x0a" + b"\x80" * size + bytes((last,)) + tail
                yield b"\x7a" + b"\x80" * size + bytes((last,)) + tail
                yield delimited(1, b"\x7a" + b"\x80" * size + bytes((last,)) + tail)
            for size in (8, 9, 10):
                yield b"\x78" + b"\xff" * size + bytes((last,)) + tail


def deep_groups() -> Iterator[bytes]:
    for depth in range(95, 105):
        for body in (b"\x7b" * depth + b"\x7c" * depth, b"\xd3\x03" * depth + b"\xd5\x03" * depth):
            yield body
            yield delimited(1, delimited(2, delimited(2, body)))


def deep_values() -> Iterator[bytes]:
    """Attribute values nested around the limit, in arrays, maps, and with a group at the bottom."""
    for depth in range(26, 56):
        for inner in (b"\x0a\x00", b"\x7b\x7c", b""):
            array = pairs = inner
            for _ in range(depth):
                array = delimited(5, delimited(1, array))
                pairs = delimited(6, delimited(1, delimited(2, pairs)))
            for value in (array, pairs):
                yield delimited(1, delimited(1, delimited(1, delimited(2, value))))


def odd_groups() -> Iterator[bytes]:
    contents = (
        "00", "07", "0601", "0200", "04", "0c", "7c", "0a7f", "0d000000", "0900000000000000", "0b0c", "0b", "0304",
    )  # fmt: skip
    for content in contents:
        inner = bytes.fromhex(content)
        for body in (b"\x7b" + inner + b"\x7c", b"\x7b" + inner, inner):
            yield body
            yield delimited(1, body)


def strings() -> Iterator[bytes]:
    """Every two bytes, and the borders of longer sequences, in a string at each place of eight."""
    borders = ("e0a080", "e09fbf", "ed9fbf", "eda080", "efbfbf", "f0908080", "f08fbfbf", "f48fbfbf", "f4908080", "f8")
    texts = [bytes((a, b)) for a in range(0x7E, 256) for b in (0x00, 0x7F, 0x80, 0xBF, 0xC0)]
    texts += [bytes.fromhex(text)[:size] for text in borders for size in (1, 2, 3, 4)]
    for i, text in enumerate(texts):
        for before in (i % 9, i % 3):
            for after in (0, i % 11):
                yield delimited(1, delimited(3, b"a" * before + text + b"b" * after))


@pytest.mark.parametrize("cases", [long_numbers, deep_groups, deep_values, odd_groups, strings])
def test_every_case_is_accepted_or_rejected_as_by_the_official_library(cases: object) -> None:
    assert callable(cases)
    bodies = list(cases())
    accepted = 0
    for signal in Signal:
        status = scan(signal, *join(bodies)).status
        for body, code in zip(bodies, status, strict=True):
            official = parse(signal, body) is not None
            assert official == (code == ErrorCode.OK), f"{signal.name} {ErrorCode(code).name} {body.hex()}"
            accepted += official
    assert 0 < accepted < 3 * len(bodies)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\x0a", ErrorCode.TRUNCATED),
        (b"\x78" + b"\xff" * 10 + b"\x01", ErrorCode.VARINT),
        (b"\x00\x00", ErrorCode.TAG),
        (b"\x0e\x00", ErrorCode.WIRE_TYPE),
        (b"\x0a\x05\x00", ErrorCode.LENGTH),
        (delimited(1, delimited(3, b"\xff")), ErrorCode.UTF8),
        (b"\x7b" * 101 + b"\x7c" * 101, ErrorCode.DEPTH),
        (b"\x0c", ErrorCode.GROUP),
    ],
)
def test_a_rejected_body_says_why(body: bytes, code: ErrorCode) -> None:
    status = scan(Signal.TRACES, *join([body])).status
    assert ErrorCode(status[0]) is code
    assert code.text


def test_a_packed_list_of_broken_length_is_rejected() -> None:
    point = delimited(6, bytes(9))
    body = delimited(1, delimited(2, delimited(2, delimited(9, delimited(1, point)))))
    assert scan(Signal.METRICS, *join([body])).status[0] == ErrorCode.PACKED


def test_ten_megabytes_of_open_groups_are_rejected_at_once() -> None:
    assert scan(Signal.LOGS, *join([b"\x7b" * 10_000_000])).status[0] == ErrorCode.DEPTH


def test_bounds_that_do_not_fit_the_data_are_refused() -> None:
    data = np.zeros(4, np.uint8)
    for bounds in ([0, 5], [1, 4], [0, 3, 2, 4], []):
        with pytest.raises(ValueError, match="bounds"):
            scan(Signal.TRACES, data, np.array(bounds, np.int64))


GUARDED = """
import ctypes, mmap, random
import numpy as np
from schema.signal import Signal
from schema.wire import join, scan, split, Owner
from schema.wire.maps import to_map
from tests.schema.wire.mutate import mutate
from tests.schema.wire.official import REQUEST, random_message

PAGE = mmap.PAGESIZE
PAGES = 16
room = mmap.mmap(-1, (PAGES + 2) * PAGE)
base = ctypes.addressof(ctypes.c_char.from_buffer(room))
libc = ctypes.CDLL(None, use_errno=True)
for guard in (0, PAGES + 1):
    assert libc.mprotect(ctypes.c_void_p(base + guard * PAGE), PAGE, 0) == 0
inside = np.frombuffer(room, np.uint8)[PAGE : (PAGES + 1) * PAGE]
rng = random.Random(5)
for i in range(700):
    signal = Signal(i % 3)
    body = mutate(random_message(REQUEST[signal](), rng).SerializeToString(), rng)[: PAGES * PAGE]
    for place in (inside[: len(body)], inside[len(inside) - len(body) :]):
        place[:] = np.frombuffer(body, np.uint8)
        result = scan(signal, place, np.array([0, len(body)], np.int64))
        split(result, np.zeros(len(result.items), np.int32))
        for owner in Owner:
            to_map(result, owner)
        result.find(Owner.RESOURCE, b"service.name")
        result.attributes["key"].hash()
print("survived")
"""


def test_nothing_is_read_before_or_behind_the_data() -> None:
    """The data lies against a page that may not be touched: one byte too far kills the process."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(GUARDED)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, f"{done.returncode} {done.stderr[-2000:]}"
    assert done.stdout == "survived\n"


def test_over_long_varints_are_read() -> None:
    body = delimited(1, delimited(2, delimited(2, varint(10 << 3) + varint(7, pad=8))))
    items = scan(Signal.TRACES, *join([body])).items
    assert items["dropped_attributes_count"].tolist() == [7]


DENSE = """
import resource
from schema.signal import Signal
from schema.wire import ErrorCode, join, scan
from tests.schema.wire.mutate import delimited, varint

peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
scan(Signal.TRACES, *join([b""]))
for attribute in (delimited(9, b""), delimited(9, delimited(1, b"k") + delimited(2, varint(3 << 3) + b"\\x01"))):
    span = delimited(2, attribute * ((64 << 20) // len(attribute)))
    data, bounds = join([delimited(1, delimited(2, span))])
    del span
    before = peak()
    result = scan(Signal.TRACES, data, bounds)
    print(ErrorCode(int(result.status[0])).name, peak() - before)
    del result, data
"""


def test_a_body_of_64_mib_full_of_attributes_takes_bounded_memory() -> None:
    done = subprocess.run([sys.executable, "-c", DENSE], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines():
        code, grown = line.split()
        assert code in ("OK", "TOO_MANY")
        assert int(grown) < 384, done.stdout
