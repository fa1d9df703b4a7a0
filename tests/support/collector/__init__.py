"""A real Collector with tail_sampling, for slow tests. TEST_COLLECTOR names one; else Go builds it once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support import go
from tests.support.maven import TARGET, once

_BUILDER = "go.opentelemetry.io/collector/cmd/builder"
_CONFIG = Path(__file__).parent / "builder.yaml"


def program() -> Path:
    """Where it is. Raises RuntimeError if it is not given and cannot be built, which takes minutes."""
    if given := os.environ.get("TEST_COLLECTOR"):
        return Path(given)
    directory = TARGET / "collector-tail-sampling"
    once(directory, _CONFIG.read_bytes(), lambda: _build(directory))
    return directory / "collector"


def _build(directory: Path) -> None:
    builder = go.program("builder", f"{_BUILDER} v0.155.0", _BUILDER)
    directory.mkdir(parents=True)
    shutil.copy(_CONFIG, directory)
    command = [builder, "--config", "builder.yaml"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=1700, check=False)
    if done.returncode:
        raise RuntimeError(f"the Collector could not be built:\n{done.stderr[-3000:]}")
