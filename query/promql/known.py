"""Labels of series that were read before: a series' id is a hash of them, so they never change."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MOST = 400_000
"""Series that are kept, about half a kilobyte each."""


class Described(NamedTuple):
    """Labels with `__name__`, for all to share: never changed. `delta`: of delta temporality."""

    labels: dict[str, str]
    delta: bool


class KnownSeries:
    """Of one process, by tenant and id. Of more than MOST, those that were not asked for lately are forgotten.

    Used on one event loop.
    """

    def __init__(self, most: int = MOST) -> None:
        self._half = most // 2
        self._recent: dict[tuple[str, int], Described] = {}
        self._before: dict[tuple[str, int], Described] = {}

    def find(self, tenant: str, ids: Iterable[int]) -> list[Described | None]:
        """Each one's, None where it is not known."""
        recent, before, found = self._recent, self._before, []
        for each in ids:
            key = (tenant, each)
            described = recent.get(key)
            if described is None and (described := before.get(key)) is not None:
                recent[key] = described
            found.append(described)
        self._shrink()
        return found

    def add(self, tenant: str, described: Iterable[tuple[int, Described]]) -> None:
        """Keep what was read."""
        for each, labels in described:
            self._recent[tenant, each] = labels
        self._shrink()

    def _shrink(self) -> None:
        if len(self._recent) > self._half:
            self._before, self._recent = self._recent, {}
