"""How replicas share a limit that holds for all of them together: by demand, with a part for whoever has none yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schema.signal import Signal

GUARANTEED = 0.25
"""Of an even share: what a replica may use before the others have heard of its demand."""

Place = tuple[str, Signal]
"""Tenant and signal: what a limit is about."""


def shares(demands: Sequence[float]) -> list[float]:
    """Each live replica's fraction of a limit; they sum to 1. `demands` by replica, in one unit, not negative."""
    replicas, total = len(demands), sum(demands)
    if total <= 0:
        return [1 / replicas] * replicas
    raw = [max(GUARANTEED / replicas, demand / total) for demand in demands]
    scale = sum(raw)
    return [each / scale for each in raw]


@dataclass(frozen=True, slots=True)
class Shares:
    """One replica's fractions. Where nobody has demand, all replicas have the same."""

    replicas: int = 1
    known: Mapping[Place, float] = field(default_factory=dict)

    def of(self, place: Place) -> float:
        """0 < fraction <= 1."""
        return self.known.get(place, 1 / self.replicas)


def own_shares(own: Mapping[Place, float], others: Sequence[Mapping[Place, float]]) -> Shares:
    """This replica's shares, given the demand of every live one."""
    everyone = [own, *others]
    places = set().union(*everyone)
    return Shares(
        len(everyone), {place: shares([demand.get(place, 0.0) for demand in everyone])[0] for place in places}
    )
