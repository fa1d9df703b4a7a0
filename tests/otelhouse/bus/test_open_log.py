"""URLs of the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from otelhouse.bus import open_log
from otelhouse.clock import ManualClock
from otelhouse.config import LogSettings
from otelhouse.errors import StartupError


@pytest.mark.parametrize(
    "url",
    [
        "",
        "embedded",
        "embedded:",
        "kafka:",
        "kafka://",
        "kafka://host",
        "kafka://host:0",
        "kafka://a:1,b",
        "http://a:1",
    ],
)
def test_a_bad_url_is_an_error_that_names_the_setting(url: str) -> None:
    with pytest.raises(StartupError, match=r"log\.url"):
        open_log(LogSettings.model_construct(url=url), ManualClock())  # past the validation of settings


def test_opening_connects_to_nothing(tmp_path: Path) -> None:
    for url in (f"embedded:{tmp_path / 'log'}", "kafka://127.0.0.1:1", "kafka://a:9092,b:9092/"):
        open_log(LogSettings(url=url), ManualClock()).close()
    assert list(tmp_path.iterdir()) == []
