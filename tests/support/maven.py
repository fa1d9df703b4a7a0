"""Java servers for tests: their jars from Maven, by a pom, kept in the repository's `target`.

`python -m tests.support.maven` fetches all of them beforehand, so that no test waits for a download.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

TARGET = Path(__file__).parents[2] / "target"


def jars(name: str) -> Path:
    """The directory `target/NAME/jars` with what tests/support/NAME/pom.xml asks for."""
    return jars_of(Path(__file__).parent / name / "pom.xml", TARGET / name)


def jars_of(pom: Path, target: Path) -> Path:
    """The directory `jars` in `target` with what a pom asks for."""
    directory = target / "jars"
    once(directory, pom.read_bytes(), lambda: _copy_dependencies(pom, directory))
    return directory


def once(directory: Path, wanted: bytes, make: Callable[[], None]) -> None:
    """Have `make` fill the directory, unless it was filled for the same `wanted`; processes wait for each other."""
    stamp = directory.with_suffix(".stamp")
    stamp.parent.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(wanted).hexdigest()
    with directory.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != key:
            stamp.unlink(missing_ok=True)
            shutil.rmtree(directory, ignore_errors=True)
            make()
            stamp.write_text(key)


def tool(name: str) -> str:
    """Path of a program. Missing Java or Maven is an error, never a skip."""
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(f"the tests need '{name}' on the PATH: they run real Java servers (Java 17 and Maven)")
    return path


def call(*command: str) -> None:
    """Run a program to its end. Raises RuntimeError with what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ... failed:\n{(done.stdout + done.stderr)[-3000:]}")


def _copy_dependencies(pom: Path, directory: Path) -> None:
    goal = ("dependency:copy-dependencies", f"-DoutputDirectory={directory}")
    call(tool("mvn"), "-B", "-q", "-f", str(pom), *goal)


def main() -> None:
    """Fetch the jars of every pom."""
    for pom in sorted(Path(__file__).parent.glob("*/pom.xml")):
        jars(pom.parent.name)


if __name__ == "__main__":
    main()
