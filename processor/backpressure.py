"""Which partitions to read, so that what is held in memory stays bounded. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from otelhouse.bus.contract import TopicPartition

# One that is being stored and one that is ready: more would hold memory and gain nothing.
_MOST_PENDING = 2


@dataclass(frozen=True, slots=True)
class Load:
    """What a partition holds: windows that wait to be stored, and bytes in them and in the open window."""

    pending: int
    pending_bytes: int
    open_bytes: int


def to_pause(loads: Mapping[TopicPartition, Load], budget: int) -> set[TopicPartition]:
    """Partitions not to read now. `budget`: bytes of record values to hold at most, give or take one poll."""
    behind = {name for name, load in loads.items() if load.pending >= _MOST_PENDING}
    if sum(load.pending_bytes + load.open_bytes for load in loads.values()) < budget:
        return behind
    if any(load.pending for load in loads.values()):
        return set(loads)  # storing what waits gives the memory back
    fullest = max(loads, key=lambda name: loads[name].open_bytes)
    return set(loads) - {fullest}
