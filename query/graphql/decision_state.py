"""The states of a trace in tail sampling, by the name that the SDL has for them."""

from __future__ import annotations

import strawberry

from query.read.decisions import State

__all__ = ["State"]

strawberry.enum(
    State,
    name="DecisionState",
    description="KEPT, DROPPED: by a verdict. PENDING: the trace waits for one. UNSAMPLED: no rule was in force.",
)
