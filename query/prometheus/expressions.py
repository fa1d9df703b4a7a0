"""/query and /query_range: what an expression comes to."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import orjson

from otelhouse.promql.engine import Result
from otelhouse.promql.errors import PromQLError
from otelhouse.promql.settings import Steps
from otelhouse.promql.tree import Type
from otelhouse.recording.cover import Covered
from query.prometheus import result_text
from query.prometheus.answer import TRUNCATED, Answer
from query.prometheus.asked import Asked
from query.prometheus.errors import bad_data, invalid_parameter
from query.prometheus.parameters import check_order, duration_ms
from query.promql.run import Run

_TOO_FINE = "exceeded maximum resolution of {:,} points per timeseries. Try decreasing the query resolution (?step=XX)"
_STEP = "zero or negative query resolution step widths are not accepted. Try a positive integer"


async def query(asked: Asked) -> Answer:
    """At one time, without one now."""
    limit = asked.parameters.limit()
    at = asked.parameters.time_ms("time", asked.house.now_ms)
    return await _answer(asked, Steps.at(at), limit)


async def query_range(asked: Asked) -> Answer:
    """At steps from start to end."""
    limit = asked.parameters.limit()
    start, end = asked.parameters.time_ms("start"), asked.parameters.time_ms("end")
    check_order(start, end)
    step = int(asked.parameters.duration_ms("step"))
    if step <= 0:
        raise invalid_parameter("step", _STEP)
    most = asked.house.expressions.settings.max_steps
    if (end - start) // step > most:
        raise bad_data(_TOO_FINE.format(most))
    return await _answer(asked, Steps(start, end, step), limit)


async def _answer(asked: Asked, at: Steps, limit: int) -> Answer:
    timeout = asked.parameters.duration_ms("timeout") / 1000 if asked.parameters.text("timeout") else None
    lookback = _lookback(asked.parameters.text("lookback_delta"))
    expressions, text = asked.house.expressions, asked.parameters.text("query")
    try:
        run = await expressions.run(
            asked.tenant, text, at, timeout, lookback, asked.parameters.text("recorded") != "false"
        )
    except PromQLError as error:
        raise invalid_parameter("query", str(error)) from None
    data = await asyncio.to_thread(_text, run.result, at, limit)
    warnings = list(run.result.warnings)
    if limit and run.result.type in (Type.VECTOR, Type.MATRIX) and len(run.result.labels) > limit:
        warnings.append(TRUNCATED)
    if asked.parameters.text("stats"):
        data = [*data[:-1], b',"stats":', orjson.dumps(_stats(run)), b"}"]
    return Answer(data, warnings, list(run.result.infos))


def _lookback(text: str) -> int | None:
    if not text:
        return None
    try:
        found = int(duration_ms(text))
    except ValueError as error:
        raise bad_data(f"error parsing lookback delta duration: {error}") from None
    return found if found > 0 else None


def _text(result: Result, at: Steps, limit: int) -> list[bytes]:
    labels, values, present = result.labels, result.values, result.present
    if result.type is Type.STRING:
        return result_text.string(at.start_ms, result.text)
    if result.type is Type.SCALAR and at.instant:
        return result_text.scalar(at.start_ms, float(values[0, 0]))
    if limit and result.type is not Type.SCALAR:
        labels, values, present = labels[:limit], values[:limit], present[:limit]
    if (samples := result.samples) is not None:
        return result_text.matrix(labels, samples.offsets[: len(labels) + 1], samples.times, samples.values)
    if at.instant:
        return result_text.vector(labels, np.full(len(labels), at.start_ms, np.int64), values[:, 0])
    return result_text.dense(labels, at.times, values, present)


def _stats(run: Run) -> dict[str, Any]:
    """Prometheus' fields; what it takes within an evaluation is not told apart. And what was read as recorded."""
    timings = {
        "evalTotalTime": run.seconds,
        "resultSortTime": 0,
        "queryPreparationTime": 0,
        "innerEvalTime": run.seconds,
        "execQueueTime": run.queued_seconds,
        "execTotalTime": run.queued_seconds + run.seconds,
    }
    recorded = [
        {"expr": each.expr, "record": each.source.rule.record, "steps": each.steps, "of": each.of}
        for each in run.result.recorded
        if isinstance(each.source, Covered)
    ]
    told = {"recorded": recorded} if recorded else {}
    return told | {"timings": timings, "samples": {"totalQueryableSamples": run.samples, "peakSamples": run.samples}}
