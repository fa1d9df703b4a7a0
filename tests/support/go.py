"""Programs in Go that slow tests need, built once from the module proxy that Go is set to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.support.maven import TARGET, once


def program(name: str, module: str, package: str) -> Path:
    """The program `name`: `package` of `module` ("path version"). Raises RuntimeError, saying what is missing."""
    directory = TARGET / name
    text = f"module {name}\n\ngo 1.24.0\n\nrequire {module}\n"
    once(directory, text.encode(), lambda: _build(directory, name, text, package))
    return directory / name


def _build(directory: Path, name: str, module: str, package: str) -> None:
    go = shutil.which("go")
    if go is None:
        raise RuntimeError(f"the test needs {name}: have Go on the PATH to build it")
    directory.mkdir(parents=True)
    (directory / "go.mod").write_text(module)
    command = [go, "build", "-mod=mod", "-o", name, package]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=1700, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} could not be built:\n{done.stderr[-3000:]}")
