"""What an endpoint is given, and what it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from otelhouse.clock import Clock
from query.database import Database
from query.prometheus.answer import Answer
from query.prometheus.parameters import Parameters
from query.promql.run import Expressions


@dataclass(frozen=True, slots=True)
class House:
    """What all requests share. `started_ns`: when the service began."""

    database: Database
    clock: Clock
    expressions: Expressions
    started_ns: int

    @property
    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a tenant. `path`: the parts of the path that vary."""

    house: House
    tenant: str
    parameters: Parameters
    path: Mapping[str, str]


Endpoint: TypeAlias = Callable[[Asked], Awaitable[Answer]]
