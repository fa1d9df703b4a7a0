"""Every test of this directory runs on both implementations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bus.support import Bus


@pytest.fixture(params=["embedded", "kafka"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    if request.param == "embedded":
        made = Bus(f"embedded:{tmp_path / 'log'}", embedded=True)
    else:
        made = Bus(request.getfixturevalue("kafka").url, embedded=False)
    yield made
    for log in made.opened:
        log.close()
