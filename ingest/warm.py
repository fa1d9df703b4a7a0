"""Compiles ingest's own kernels ahead, as `schema/wire/warm.py` does for the scanner: `python -m ingest.warm`.

Kernels with a signature compile as their module is imported. What was compiled is deleted first: Numba notices a
change of the file that a kernel stands in, but not of a file from which it inlines.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from numba.core.caching import _CacheLocator as CacheLocator

import ingest


def forget() -> None:
    """Delete the compiled code of all kernels of ingest, where Numba keeps it now."""
    for source in Path(str(ingest.__file__)).parent.rglob("*.py"):
        folder = source.parent / "__pycache__"
        if elsewhere := os.environ.get("NUMBA_CACHE_DIR"):
            # Numba's own name for it; untyped, like all of Numba.
            folder = Path(elsewhere) / str(CacheLocator.get_suitable_cache_subpath(str(source)))  # type: ignore[no-untyped-call] # see above
        for entry in folder.glob(f"{source.stem}.*.nb[ic]"):
            entry.unlink(missing_ok=True)


def main() -> None:
    """Compile everything anew."""
    forget()
    subprocess.run([sys.executable, "-c", "import ingest.steps.mask"], check=True)


if __name__ == "__main__":
    main()
