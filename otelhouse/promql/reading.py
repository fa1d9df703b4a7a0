"""Which samples an expression needs, each read once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from otelhouse.promql.errors import QueryTooLarge
from otelhouse.promql.selectors import Selector
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.storage import RecordedSteps, Samples, Storage
from otelhouse.promql.tree import Invariant, Node, Range, Recorded, Select, Subquery, children


@dataclass(frozen=True, slots=True)
class Read:
    """Samples of a selector with start_ms < time <= end_ms."""

    selector: Selector
    start_ms: int
    end_ms: int


class Reads:
    """What was read, to be found by what is wanted."""

    def __init__(self) -> None:
        self._found: dict[Selector, list[tuple[Read, Samples]]] = {}
        self.recorded: dict[tuple[Recorded, Steps], RecordedSteps | None] = {}

    def add(self, read: Read, samples: Samples) -> None:
        """Keep what a read gave."""
        self._found.setdefault(read.selector, []).append((read, samples))

    def of(self, wanted: Read) -> Samples:
        """Those that cover what is wanted, and perhaps more than it."""
        for read, samples in self._found[wanted.selector]:
            if read.start_ms <= wanted.start_ms and wanted.end_ms <= read.end_ms:
                return samples
        raise LookupError(f"nothing was read for {wanted}")


async def read_all(node: Node, steps: Steps, storage: Storage, settings: Settings) -> Reads:
    """Raises QueryTooLarge."""
    reads, total = Reads(), 0
    wanted = list(dict.fromkeys(_recorded(node, steps, settings)))
    found = await asyncio.gather(*(storage.recorded(recorded.source, at) for recorded, at in wanted))
    reads.recorded.update(zip(wanted, found, strict=True))
    for read in merged(list(needed(node, steps, settings, reads))):
        samples = await storage.select(read.selector, read.start_ms, read.end_ms)
        if len(samples.labels) > settings.max_series:
            raise QueryTooLarge(
                f"a selector finds {len(samples.labels)} series, {settings.max_series} are allowed: "
                "add label matchers to it"
            )
        total += len(samples.times)
        if total > settings.max_samples:
            raise QueryTooLarge(
                f"the query reads more than {settings.max_samples} samples: ask for fewer series or a shorter time"
            )
        reads.add(read, samples)
    return reads


def _recorded(node: Node, steps: Steps, settings: Settings) -> Iterator[tuple[Recorded, Steps]]:
    """What of it may have been recorded, and the steps at which it will be asked for."""
    match node:
        case Recorded():
            yield node, steps
        case Subquery():
            if (inner := inner_steps(node, steps, settings)).count:
                yield from _recorded(node.expr, inner, settings)
        case Invariant():
            yield from _recorded(node.expr, steps.first, settings)
        case _:
            for each in children(node):
                yield from _recorded(each, steps, settings)


def unrecorded(steps: Steps, found: RecordedSteps | None) -> list[Steps]:
    """The steps, in runs, that are left to evaluate."""
    if found is None:
        return [steps]
    after = found.first + found.steps.count
    return [each for each in (steps.part(0, found.first), steps.part(after, steps.count)) if each.count]


def needed(node: Node, steps: Steps, settings: Settings, reads: Reads) -> Iterator[Read]:
    """What evaluation at these steps will ask for."""
    match node:
        case Recorded():
            for left in unrecorded(steps, reads.recorded.get((node, steps))):
                yield from needed(node.expr, left, settings, reads)
        case Select():
            yield read_of(node, steps, settings.lookback_ms)
        case Range():
            yield read_of(node.select, steps, node.range_ms)
        case Subquery():
            if (inner := inner_steps(node, steps, settings)).count:
                yield from needed(node.expr, inner, settings, reads)
        case Invariant():
            yield from needed(node.expr, steps.first, settings, reads)
        case _:
            for each in children(node):
                yield from needed(each, steps, settings, reads)


def read_of(select: Select, steps: Steps, range_ms: int) -> Read:
    """The samples in the last `range_ms` of each step."""
    ends = looked_at(select.offset_ms, select.at_ms, steps)
    return Read(select.selector, ends.start_ms - range_ms, ends.end_ms)


def looked_at(offset_ms: int, at_ms: int | None, steps: Steps) -> Steps:
    """Where a selector with these modifiers looks at: with an `@`, all steps are one."""
    if at_ms is not None:
        return Steps(at_ms - offset_ms, at_ms - offset_ms, steps.step_ms, steps.instant)
    last = steps.start_ms + (steps.count - 1) * steps.step_ms
    return Steps(steps.start_ms - offset_ms, last - offset_ms, steps.step_ms, steps.instant)


def inner_steps(subquery: Subquery, steps: Steps, settings: Settings) -> Steps:
    """The multiples of a sub-query's own step that the windows of all steps need."""
    ends = looked_at(subquery.offset_ms, subquery.at_ms, steps)
    step = subquery.step_ms or settings.default_step_ms
    before = ends.start_ms - subquery.range_ms
    start = before - before % step if before >= 0 else before + -before % step  # towards zero, as Go divides
    if start <= before:
        start += step
    return Steps(start, ends.end_ms, step)


def merged(reads: list[Read]) -> list[Read]:
    """Those of one selector whose times overlap become one read; those far apart stay apart."""
    found: list[Read] = []
    for read in sorted(set(reads), key=lambda each: (list(map(repr, each.selector)), each.start_ms)):
        last = found[-1] if found else None
        if last and last.selector == read.selector and read.start_ms <= last.end_ms:
            found[-1] = Read(last.selector, last.start_ms, max(last.end_ms, read.end_ms))
        else:
            found.append(read)
    return found
