"""Whose calls go first when more wait than a batch holds: no tenant waits behind another's backlog."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Waiting(Protocol):
    """A call that waits: whose it is, and its bytes."""

    @property
    def tenant(self) -> str: ...
    @property
    def size(self) -> int: ...


W = TypeVar("W", bound=Waiting)


def fair_share(queue: Sequence[W], limit: int) -> tuple[list[W], list[W]]:
    """(calls of at most `limit` bytes, or one alone; the calls that go on waiting), each in the order of `queue`.

    Tenants share the bytes evenly, and what one does not need goes to the others. The call that has waited longest
    always goes, so that a large one gets its turn.
    """
    wanted: dict[str, int] = {}
    for waiting in queue[1:]:
        wanted[waiting.tenant] = wanted.get(waiting.tenant, 0) + waiting.size
    left = max(0, limit - queue[0].size)
    allowed: dict[str, int] = {}
    for place, tenant in enumerate(sorted(wanted, key=wanted.__getitem__)):
        allowed[tenant] = min(wanted[tenant], left // (len(wanted) - place))
        left -= allowed[tenant]
    taken, rest = [queue[0]], []
    for waiting in queue[1:]:
        allowed[waiting.tenant] -= waiting.size
        if allowed[waiting.tenant] >= 0:
            taken.append(waiting)
        else:
            rest.append(waiting)  # and so do all later ones of this tenant: its calls keep their order
    return taken, rest
