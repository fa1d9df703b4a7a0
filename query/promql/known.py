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
        self._count = 0
        self._recent: dict[str, dict[int, Described]] = {}
        self._before: dict[str, dict[int, Described]] = {}

    def find(self, tenant: str, ids: Iterable[int]) -> list[Described | None]:
        """Each one's, None where it is not known."""
        wanted = list(ids)
        found = list(map(self._recent.get(tenant, {}).get, wanted))
        if before := self._before.get(tenant):
            older = [(place, before[wanted[place]]) for place, each in enumerate(found)
                     if each is None and wanted[place] in before]  # fmt: skip
            for place, described in older:
                found[place] = described
            self.add(tenant, ((wanted[place], described) for place, described in older))
        return found

    def add(self, tenant: str, described: Iterable[tuple[int, Described]]) -> None:
        """Keep what was read."""
        recent = self._recent.setdefault(tenant, {})
        had = len(recent)
        recent.update(described)
        self._count += len(recent) - had
        if self._count > self._half:
            self._before, self._recent, self._count = self._recent, {}, 0
