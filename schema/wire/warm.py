"""The kernels of this room, to be compiled ahead by `otelhouse/warm.py`."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np
from numba.core.dispatcher import Dispatcher

import schema.hash
import schema.remote_write.histogram
import schema.remote_write.reading
import schema.remote_write.writing
from schema.signal import Signal
from schema.wire import count, distinct, gather, json_kernel, json_reading, kernel, layout, reading, splice, valuetext
from schema.wire.descriptors import Owner
from schema.wire.maps import to_map
from schema.wire.scan import join, scan
from schema.wire.split import split

MODULES: tuple[ModuleType, ...] = (
    schema.hash,
    reading,
    count,
    distinct,
    gather,
    kernel,
    layout,
    splice,
    valuetext,
    json_reading,
    json_kernel,
    schema.remote_write.histogram,
    schema.remote_write.reading,
    schema.remote_write.writing,
)
"""Where the kernels are."""


def kernels() -> Iterator[Dispatcher]:
    """Every compiled function."""
    for module in MODULES:
        for value in vars(module).values():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.__name__:
                yield value


def warm() -> None:
    """Load the compiled kernels, compiling those that are not in the cache, and touch each public function once."""
    for signal in Signal:
        result = scan(signal, *join([b"\x0a\x00"]))
        result.items.parent  # noqa: B018 - columns are made when they are asked for
        split(result, np.zeros(len(result.items), np.int32))
        to_map(result, Owner.RESOURCE)
        result.find(Owner.RESOURCE, b"service.name")
        result.resources.slices("resource").hash()
        result.resources.slices("resource").fixed(16)
        result.resources.slices("resource").equals(b"")
        distinct.distinct(result.resources.slices("resource"))
