"""Compiled code comes from the cache: no start of a component pays for a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from schema.wire.warm import kernels, warm

CHILD = """
from schema.wire.warm import kernels, warm
warm()
misses = [k.py_func.__name__ for k in kernels() if sum(k.stats.cache_misses.values())]
hits = sum(sum(k.stats.cache_hits.values()) for k in kernels())
print(len(misses), hits, *misses)
"""


def run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ | environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_second_process_compiles_nothing() -> None:
    warm()
    misses, hits, *names = run(CHILD)
    assert misses == "0", names
    assert int(hits) >= 10


def test_the_cache_may_be_elsewhere_for_an_install_that_cannot_be_written(tmp_path: Path) -> None:
    code = "from schema.hash import xxh64_bytes; print(xxh64_bytes(b'x'))"
    run(code, NUMBA_CACHE_DIR=str(tmp_path))
    assert list(tmp_path.rglob("hash.*.nbi"))


def test_kernels_of_every_module_are_known() -> None:
    modules = {kernel.py_func.__module__ for kernel in kernels()}
    root = Path(__file__).parents[3]
    with_kernels = {
        ".".join(path.relative_to(root).with_suffix("").parts)
        for path in (root / "schema").rglob("*.py")
        if "\n@njit(" in path.read_text()
    }
    assert modules == with_kernels
