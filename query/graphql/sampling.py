"""Tail sampling as a client sees it: why a trace is there or not, and what policies keep."""

from __future__ import annotations

import strawberry

from query.graphql.decision_state import State
from query.graphql.scalars import DateTime
from query.read.decisions import Decision, Volume


@strawberry.type(description="The verdict of tail sampling on a trace, and why.")
class SamplingDecision:
    state: State
    policy: str | None = strawberry.field(description="The policy that decided; null if none did.")
    reason: str
    early: str | None = strawberry.field(
        description="The bound because of which the trace did not wait its time: num_traces, trace_bytes, "
        "buffer_bytes, no_policy."
    )
    rate: float | None = strawberry.field(description="The part of such traces that is kept, 0 to 1.")
    estimated: bool = strawberry.field(description="Whether the rate is what a limit let through, and no constant.")
    decided_at: DateTime | None = strawberry.field(description="In log time.")
    rule_version: int | None
    spans: int | None = strawberry.field(description="Spans that the verdict was made of.")
    duplicates: int | None = strawberry.field(description="Spans that came again, and were dropped.")


@strawberry.type(description="What a policy kept or dropped.")
class SamplingVolume:
    policy: str | None = strawberry.field(description="Null: of traces that no policy sampled.")
    kept: bool
    traces: float
    spans: float
    bytes: float = strawberry.field(description="As they came from the log.")


def to_decision(decision: Decision) -> SamplingDecision:
    return SamplingDecision(
        state=decision.state,
        policy=decision.policy or None,
        reason=decision.reason,
        early=decision.early or None,
        rate=decision.rate,
        estimated=decision.estimated,
        decided_at=None if decision.decided is None else DateTime(decision.decided),
        rule_version=decision.rule_version,
        spans=decision.spans,
        duplicates=decision.duplicates,
    )


def to_volume(volume: Volume) -> SamplingVolume:
    return SamplingVolume(
        policy=volume.policy or None, kept=volume.kept, traces=volume.traces, spans=volume.spans, bytes=volume.bytes
    )
