"""Compiles ingest's own kernels ahead, as `schema/wire/warm.py` does for the scanner: `python -m ingest.warm`.

Kernels with a signature compile as their module is imported. What was compiled is deleted first: Numba notices a
change of the file that a kernel stands in, but not of a file from which it inlines.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ingest


def forget() -> None:
    """Delete the compiled code of all kernels of ingest."""
    for entry in Path(str(ingest.__file__)).parent.rglob("__pycache__/*.nb[ic]"):
        entry.unlink(missing_ok=True)


def main() -> None:
    """Compile everything anew."""
    forget()
    subprocess.run([sys.executable, "-c", "import ingest.steps.mask"], check=True)


if __name__ == "__main__":
    main()
