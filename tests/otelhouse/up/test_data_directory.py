"""The data directory is held by one `up` at a time and refused where it cannot serve."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from otelhouse.clock import SystemClock
from otelhouse.errors import StartupError
from otelhouse.up.data_directory import hold


def test_a_directory_is_made_and_can_be_held_again_after_it_was_let_go(tmp_path: Path) -> None:
    for _ in range(2):
        with hold(tmp_path / "a" / "b", SystemClock()) as held:
            assert held.path.is_dir()


def test_a_held_directory_is_refused_at_once_with_its_holder(tmp_path: Path) -> None:
    with (
        hold(tmp_path, SystemClock()),
        pytest.raises(StartupError, match=rf"^data: {tmp_path} is held by another process \(pid {os.getpid()}\)$"),
        hold(tmp_path, SystemClock()),
    ):
        pass


def test_children_of_a_killed_holder_are_waited_for(tmp_path: Path) -> None:
    script = f"""
import os, subprocess, sys
from pathlib import Path
from otelhouse.clock import SystemClock
from otelhouse.up.data_directory import hold
with hold(Path({str(tmp_path)!r}), SystemClock()) as held:
    subprocess.Popen(["sleep", "0.7"], pass_fds=[held.lock])
    os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    begun = SystemClock().monotonic()
    with hold(tmp_path, SystemClock()):
        assert 0.1 < SystemClock().monotonic() - begun < 5


def test_a_path_that_cannot_be_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StartupError, match=rf"^data: cannot write to {tmp_path}/file/data: Not a directory$"),
        hold(tmp_path / "file" / "data", SystemClock()),
    ):
        pass


def test_a_full_disk_is_refused_with_the_room_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int
        used: int
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 30, 1 << 30, 5 << 20))
    with pytest.raises(StartupError, match="has 5 MB free, at least 256 MB are needed"), hold(tmp_path, SystemClock()):
        pass
