"""/status/..., and lists of what we do not have: what Grafana and others look at before they ask."""

from __future__ import annotations

import platform
from importlib.metadata import version

from query import timestamps
from query.prometheus.answer import Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import bad_data
from query.prometheus.parameters import integer
from query.read.tsdb import Named, head
from query.source import Range

_LIKE = "3.5.0"
"""The Prometheus whose language and API these are: clients choose what they ask for by it."""
_HOUR_NS = 3_600_000_000_000


async def buildinfo(asked: Asked) -> Answer:
    ours = version("otelhouse")
    return Answer.of(
        {
            "version": _LIKE,
            "revision": f"otelhouse-{ours}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": f"python{platform.python_version()}",
        }
    )


async def tsdb(asked: Asked) -> Answer:
    """Of the series that were active in this hour or the one before."""
    now = asked.house.clock.now_ns()
    found = await head(asked.house.database, asked.tenant, Range(now - _HOUR_NS, now), _first(asked))
    return Answer.of(
        {
            "headStats": {
                "numSeries": found.series,
                "numLabelPairs": found.label_pairs,
                "chunkCount": 0,
                "minTime": (now - _HOUR_NS) // 1_000_000,
                "maxTime": now // 1_000_000,
            },
            "seriesCountByMetricName": _named(found.by_metric),
            "labelValueCountByLabelName": _named(found.values_by_label),
            "memoryInBytesByLabelName": _named(found.bytes_by_label),
            "seriesCountByLabelValuePair": _named(found.by_pair),
        }
    )


async def config(asked: Asked) -> Answer:
    """Nothing is scraped here."""
    return Answer.of({"yaml": ""})


async def flags(asked: Asked) -> Answer:
    """Those of Prometheus that mean something here."""
    limits = asked.house.expressions.settings
    return Answer.of(
        {
            "query.lookback-delta": f"{limits.lookback_seconds:g}s",
            "query.max-concurrency": str(limits.concurrent_queries),
            "query.max-samples": str(limits.max_samples),
            "query.timeout": f"{limits.timeout_seconds:g}s",
        }
    )


async def runtimeinfo(asked: Asked) -> Answer:
    started = timestamps.render(asked.house.started_ns)
    return Answer.of(
        {
            "startTime": started,
            "serverTime": timestamps.render(asked.house.clock.now_ns()),
            "reloadConfigSuccess": True,
            "lastConfigTime": started,
            "corruptionCount": 0,
            "storageRetention": "",
        }
    )


async def alerts(asked: Asked) -> Answer:
    return Answer.of({"alerts": []})


async def targets(asked: Asked) -> Answer:
    """Nothing is scraped here."""
    return Answer.of({"activeTargets": [], "droppedTargets": [], "droppedTargetCounts": {}})


async def alertmanagers(asked: Asked) -> Answer:
    return Answer.of({"activeAlertmanagers": [], "droppedAlertmanagers": []})


def _first(asked: Asked) -> int:
    text = asked.parameters.text("limit")
    try:
        first = integer(text) if text else 10
    except ValueError:
        first = 0
    if first < 1:
        raise bad_data("limit must be a positive number")
    return min(first, 10_000)


def _named(found: list[Named]) -> list[dict[str, str | int]]:
    return [{"name": each.name, "value": each.value} for each in found]
