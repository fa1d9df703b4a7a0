"""What the log keeps for a partition's owner is read back exactly, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from otelhouse.bus.contract import Position
from processor.commit import CommitError, first_checkpoint, read_position
from processor.window import Limits

LIMITS = Limits(1000, 10, 1000)


def test_metadata_is_small_and_readable() -> None:
    assert first_checkpoint(12, LIMITS).moved(40, 99).position() == Position(
        40, '{"v":1,"c":40,"t":99,"w":[[12,1000,10,1000]]}'
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is not ours"),
        ("[]", "is not ours"),
        ('{"v":1,"c":5,"t":1}', "is not ours"),
        ('{"v":1,"c":5,"t":1,"w":[[1]]}', "is not ours"),
        ('{"v":2,"c":5,"t":1,"w":[]}', "version 2"),
        ('{"v":1,"c":5,"t":1,"w":[]}', "contradicts"),
        ('{"v":1,"c":2,"t":1,"w":[[0,1,1,1]]}', "contradicts"),
    ],
)
def test_metadata_of_somebody_else_is_refused(text: str, fault: str) -> None:
    with pytest.raises(CommitError, match=fault):
        read_position(Position(3, text))


@pytest.mark.parametrize("limits", [LIMITS, replace(LIMITS, edge_ms=7), replace(LIMITS, partitions=3, buffer_bytes=99)])
def test_limits_are_read_back_as_they_were(limits: Limits) -> None:
    checkpoint = first_checkpoint(12, limits)
    assert read_position(checkpoint.position()) == checkpoint
