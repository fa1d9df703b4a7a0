"""Run all benchmarks, or those named: `python -m benchmarks [NAME ...]`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def names() -> list[str]:
    """Modules of this folder that have a `main`."""
    here = Path(__file__).parent
    return sorted(
        module.name
        for module in pkgutil.iter_modules([str(here)])
        if module.name != "__main__" and not module.ispkg and "\ndef main(" in (here / f"{module.name}.py").read_text()
    )


def main() -> int:
    """Exit code 2 for an unknown name."""
    known = names()
    wanted = sys.argv[1:] or known
    if unknown := [name for name in wanted if name not in known]:
        sys.stderr.write(f"unknown benchmark {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    for name in wanted:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
