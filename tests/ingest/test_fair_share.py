"""Which calls go first when more wait than a batch holds."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ingest.fair_share import fair_share


@dataclass(frozen=True)
class Call:
    tenant: str
    size: int
    number: int = 0


def taken(queue: list[Call], limit: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for call in fair_share(queue, limit)[0]:
        sizes[call.tenant] = sizes.get(call.tenant, 0) + call.size
    return sizes


def test_a_backlog_of_one_tenant_holds_up_no_other() -> None:
    queue = [Call("big", 10) for _ in range(1000)] + [Call("small", 10), Call("late", 5)]
    assert taken(queue, 200) == {"big": 180, "small": 10, "late": 5}


def test_tenants_with_backlogs_share_evenly() -> None:
    queue = [Call(tenant, 10) for _ in range(100) for tenant in ("a", "b")] + [Call("c", 20)]
    assert taken(queue, 220) == {"a": 100, "b": 90, "c": 20}


def test_the_call_that_waited_longest_goes_however_large_it_is() -> None:
    queue = [Call("big", 1000), *(Call("small", 10) for _ in range(50))]
    assert taken(queue, 100) == {"big": 1000}
    assert fair_share(queue[::-1], 100)[1][-1] == Call("big", 1000)


_QUEUES = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 300)), min_size=1, max_size=60)


@given(_QUEUES, st.integers(1, 2000))
def test_each_call_goes_once_in_its_tenants_order_and_within_the_limit(
    pairs: list[tuple[str, int]], limit: int
) -> None:
    queue = [Call(tenant, size, number) for number, (tenant, size) in enumerate(pairs)]
    going, rest = fair_share(queue, limit)
    assert sorted(going + rest, key=lambda call: call.number) == queue
    assert len(going) == 1 or sum(call.size for call in going) <= limit
    for tenant in "abcd":
        first = [call.number for call in going if call.tenant == tenant]
        assert [call.number for call in queue if call.tenant == tenant][: len(first)] == first
