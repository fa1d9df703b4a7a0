"""The recording rules of one tenant in one partition, and what they read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from otelhouse.recording.groups import RecordingRules
from otelhouse.recording.rule import StreamRule
from processor.recording.inputs import Arrived, Input
from processor.recording.recorded import Points, Recorded


class TenantRules:
    """By metric. One thread uses it."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.retention_class = 0
        self.inputs: dict[str, Input] = {}

    @property
    def longest_ms(self) -> int:
        """How far any rule looks back from the time at which it is evaluated."""
        rules = [each.rule for each in self.rules]
        return max((rule.range_ms + rule.interval_ms + rule.grace_ms + rule.late_ms for rule in rules), default=0)

    @property
    def rules(self) -> list[Recorded]:
        """All of them."""
        return [each for read in self.inputs.values() for each in read.rules]

    @property
    def due_ms(self) -> int | None:
        """Log time at which something is due."""
        return min((due for each in self.inputs.values() if (due := each.due_ms) is not None), default=None)

    def put(self, rules: RecordingRules, most: int, log_ms: int) -> None:
        """Put a version into force. Before `log_ms`, nothing was held for what is new of it. `most`: series of a
        metric."""
        self._use(rules, most, lambda rule: _first_complete(rule, log_ms), log_ms)

    def put_back(self, rules: RecordingRules, most: int, since: Mapping[int, int]) -> None:
        """Begin with a version that is in force. `since` when each rule, by its id, has seen all samples."""
        self._use(rules, most, lambda rule: since.get(rule.id, 0), 0)

    def _use(self, rules: RecordingRules, most: int, since: Callable[[StreamRule], int], log_ms: int) -> None:
        held = {each.rule: each for each in self.rules}
        inputs: dict[str, Input] = {}
        for metric, places in rules.by_metric.items():
            read = inputs[metric] = self.inputs.get(metric) or Input(most)
            chosen = []
            for rule in (rules.rules[place] for place in places):
                if (known := held.get(rule)) is None:
                    known = Recorded(rule, self.tenant, since(rule))
                    known.wake(log_ms)
                chosen.append(known)
            read.use(chosen)
        self.inputs = inputs

    def feed(self, arrived: Mapping[str, Arrived], log_ms: int) -> Iterator[Points]:
        """Take what came of each metric, and evaluate what is due by this log time."""
        for metric, each in self.inputs.items():
            yield from each.feed(arrived[metric], log_ms)


def _first_complete(rule: StreamRule, log_ms: int) -> int:
    """The first time at which a rule has seen all samples, if it sees those that come from this log time on."""
    return -(-(log_ms + rule.grace_ms + rule.range_ms) // rule.interval_ms) * rule.interval_ms
