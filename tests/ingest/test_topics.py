"""Topics are asked for in the background; one that cannot be had is no obstacle to the others."""

from __future__ import annotations

from ingest.topics import Topics
from otelhouse.bus.contract import LogUnavailable
from schema.signal import Signal
from tests.support.graphql import eventually


class Broker:
    """A log that will not have one topic."""

    def ensure_topic(self, topic: str, partitions: int) -> None:
        if topic == "forbidden":
            raise LogUnavailable("not authorized")

    def partitions(self, topic: str) -> int:
        return 4


def test_a_topic_that_the_log_refuses_does_not_keep_other_tenants_from_theirs() -> None:
    broker = Broker()
    topics = Topics(broker, broker, 4)  # type: ignore[arg-type]
    topics.want("forbidden", Signal.LOGS)
    topics.want("fine", Signal.LOGS)
    topics.start()
    try:
        eventually(lambda: topics.want("fine", Signal.LOGS), bool, 5)
        assert topics.partitions(Signal.TRACES) == 4
        assert not topics.want("forbidden", Signal.LOGS)
    finally:
        topics.close()
