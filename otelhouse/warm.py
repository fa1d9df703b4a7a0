"""Compiles all kernels ahead, so that no start of a component pays for it: `python -m otelhouse.warm`.

Numba keeps compiled code in `__pycache__` beside the sources, or in NUMBA_CACHE_DIR: set that for an install that
cannot be written to. Code is compiled for the CPU at hand; an image that is to run elsewhere sets NUMBA_CPU_NAME
(such as `x86-64-v3`) when it is built and when it runs. What was compiled before is deleted first: Numba notices a
change of the file that a kernel stands in, but not of a file from which it inlines.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from numba.core.caching import _CacheLocator as CacheLocator

ROOMS = ("schema", "ingest", "processor", "otelhouse.promql", "query")
COMPILE = "from schema.wire.warm import warm; warm(); import ingest.steps.mask, processor.build, query.main"
"""Kernels with a signature compile as their module is imported; in a process of its own, after the rest is deleted."""


def forget(room: str) -> None:
    """Delete the compiled code of all kernels of a room (its folder), where Numba keeps it now."""
    for source in Path(room).rglob("*.py"):
        folder = source.parent / "__pycache__"
        if elsewhere := os.environ.get("NUMBA_CACHE_DIR"):
            # Numba's own name for it; untyped, like all of Numba.
            folder = Path(elsewhere) / str(CacheLocator.get_suitable_cache_subpath(str(source)))  # type: ignore[no-untyped-call] # see above
        for entry in folder.glob(f"{source.stem}.*.nb[ic]"):
            entry.unlink(missing_ok=True)


def main() -> None:
    """Compile everything anew."""
    for room in ROOMS:
        spec = importlib.util.find_spec(room)  # which does not import it
        forget(str(Path(str(spec.origin if spec else room)).parent))
    subprocess.run([sys.executable, "-c", COMPILE], check=True)


if __name__ == "__main__":
    main()
