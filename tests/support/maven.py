"""Java servers for tests: their jars from Maven, by a pom, kept in the repository's `target`."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

_TARGET = Path(__file__).parents[2] / "target"


def jars(name: str, pom: Path) -> Path:
    """The directory `target/NAME/jars` with what the pom asks for; only the first who asks needs Maven."""
    home = _TARGET / name
    home.mkdir(parents=True, exist_ok=True)
    wanted, stamp = hashlib.sha256(pom.read_bytes()).hexdigest(), home / "fetched"
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(home / "jars", ignore_errors=True)
            _copy_dependencies(pom, home / "jars")
            stamp.write_text(wanted)
    return home / "jars"


def tool(name: str) -> str:
    """Path of a program. Missing Java or Maven is an error, never a skip."""
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"the tests need '{name}' on the PATH: they run real Java servers (Java 17 and Maven)")
    return path


def _copy_dependencies(pom: Path, directory: Path) -> None:
    command = [
        tool("mvn"),
        "-B",
        "-q",
        "-f",
        str(pom),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={directory}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"Maven failed for {pom}:\n{(done.stdout + done.stderr)[-3000:]}")
