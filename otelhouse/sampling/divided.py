"""Limits split evenly over the partitions of the log, each of which is decided on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from otelhouse.sampling.config import Named, TailSampling
from otelhouse.sampling.policies.combined import And, Drop, Not
from otelhouse.sampling.policies.composite import Composite
from otelhouse.sampling.policies.dynamic import Dynamic
from otelhouse.sampling.policies.exemplar import Exemplar
from otelhouse.sampling.policies.limiting import Limiting
from otelhouse.sampling.policy import Policy, Stateful


def divided(sampling: TailSampling, partitions: int) -> TailSampling:
    """One partition's part, with limits that nothing has used yet.

    Bursts stay whole, so that a trace which fits the limit may pass in any partition; so does one span a second of a
    composite policy's share.
    """
    policies = tuple(Named(each.name, each.type, _divided(each.policy, partitions)) for each in sampling.policies)
    return replace(
        sampling,
        policies=policies,
        num_traces=_part(sampling.num_traces, partitions),
        sampled_cache=_part(sampling.sampled_cache, partitions),
        non_sampled_cache=_part(sampling.non_sampled_cache, partitions),
    )


def every(sampling: TailSampling) -> Iterator[Policy]:
    """All policies, those in others too, in the order of the document."""
    for named in sampling.policies:
        yield from _every(named.policy)


def limits(sampling: TailSampling) -> Iterator[Stateful]:
    """The policies that have a state, in the order of the document."""
    return (policy for policy in every(sampling) if isinstance(policy, Stateful))


def _every(policy: Policy) -> Iterator[Policy]:
    yield policy
    if isinstance(policy, And | Drop):
        for each in policy.policies:
            yield from _every(each)
    if isinstance(policy, Not):
        yield from _every(policy.policy)
    if isinstance(policy, Composite):
        for sub in policy.subs:
            yield from _every(sub.policy)


def _divided(policy: Policy, partitions: int) -> Policy:
    if isinstance(policy, Limiting):
        return replace(policy, rate=policy.rate / partitions)
    if isinstance(policy, Exemplar):
        return replace(policy, late_bytes=_part(policy.late_bytes, partitions))
    if isinstance(policy, And | Drop):
        return replace(policy, policies=tuple(_divided(each, partitions) for each in policy.policies))
    if isinstance(policy, Not):
        return replace(policy, policy=_divided(policy.policy, partitions))
    if isinstance(policy, Composite):
        subs = tuple(
            replace(sub, policy=_divided(sub.policy, partitions), spans=_part(sub.spans, partitions))
            for sub in policy.subs
        )
        return replace(policy, subs=subs, most=_part(policy.most, partitions))
    return replace(policy) if isinstance(policy, Dynamic) else policy  # with counts of its own


def _part(number: int, partitions: int) -> int:
    return -(-number // partitions)
