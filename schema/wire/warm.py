"""Compiles the kernels ahead, so that no start of a component pays for it: `python -m schema.wire.warm`.

Numba keeps compiled code in `__pycache__` beside the sources, or in NUMBA_CACHE_DIR: set that for an install that
cannot be written to. Code is compiled for the CPU at hand; an image that is to run elsewhere sets NUMBA_CPU_NAME
(such as `x86-64-v3`) when it is built and when it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
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


def forget() -> None:
    """Delete the compiled code of all kernels.

    Numba notices a change of the file that a kernel stands in, but not of a file from which it inlines.
    """
    for dispatcher in kernels():
        folder = Path(str(dispatcher.stats.cache_path))
        name = dispatcher.py_func.__name__
        stem = Path(dispatcher.py_func.__code__.co_filename).stem
        for entry in folder.glob(f"{stem}.{name}-*.nb[ic]"):
            entry.unlink(missing_ok=True)


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


def main() -> None:
    """Compile everything anew."""
    import subprocess

    forget()
    # Kernels compile as their modules are imported, which has happened here with the code that is now forgotten.
    subprocess.run([sys.executable, "-c", "from schema.wire.warm import warm; warm()"], check=True)


if __name__ == "__main__":
    main()
