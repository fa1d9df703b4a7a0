"""Against a real Prometheus: what scripts expect, and what thousands of expressions yield over difficult series."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelhouse.promql.engine import evaluate
from otelhouse.promql.errors import ExecutionError, PromQLError
from otelhouse.promql.settings import Settings, Steps
from tests.otelhouse.promql.differential.answers import difference, rows_of, rows_of_api, type_name
from tests.otelhouse.promql.differential.peer import Peer
from tests.otelhouse.promql.differential.queries import Expressions
from tests.otelhouse.promql.differential.series import INTERVAL_MS, SAMPLES, generated
from tests.otelhouse.promql.memory import MemoryStorage
from tests.otelhouse.promql.script import SCRIPTS, read
from tests.otelhouse.promql.scripted import lines, same

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]
START_MS = 1_763_000_000_000
EXPRESSIONS = int(os.environ.get("PROMQL_EXPRESSIONS", "3000"))
SEED = int(os.environ.get("PROMQL_SEED", "1"))
SETTINGS = Settings(enable_experimental=True)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Knows the series of all scripts, which are days apart. Older ones first: while it compacts its head, Prometheus
    loses sight of samples that came out of order."""
    series = [each for path in SCRIPTS for each in read(path).series]
    with Peer(tmp_path_factory.mktemp("scripted")) as started:
        started.write(sorted(series, key=lambda each: each.times[0]))
        yield started


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_prometheus_does_what_the_script_says(path: Path, scripted: Peer) -> None:
    script = read(path)
    wrong = []
    for case in script.cases:
        code, answer = scripted.ask(case.query, case.steps)
        if case.fails:
            good = answer["status"] == "error" and case.expected[0].startswith(str(code))
        else:
            good = answer["status"] == "success" and same(case.expected, lines(rows_of_api(answer["data"]), case))
        if not good:
            wrong.append(f"line {case.line}: {case.query}: {answer}")
    assert not wrong, "\n".join(["", *wrong])


def test_expressions_yield_the_same(tmp_path: Path) -> None:
    with Peer(tmp_path / "peer") as peer:
        _compare(peer)


def _compare(peer: Peer) -> None:
    series = generated(SEED, START_MS)
    peer.write(series)
    storage, dice = MemoryStorage(series), random.Random(SEED)
    expressions = Expressions(SEED, START_MS / 1e3, (START_MS + SAMPLES * INTERVAL_MS) / 1e3)
    wrong, full = [], 0
    for _ in range(EXPRESSIONS):
        at = _steps(dice)
        query = expressions.matrix(2) if at.instant and dice.random() < 0.1 else expressions.any()
        code, answer = peer.ask(query, at)
        try:
            result = asyncio.run(evaluate(query, storage, at, SETTINGS))
        except (PromQLError, ExecutionError) as error:
            ours = 400 if isinstance(error, PromQLError) else 422
            found = "" if ours == code else f"{code} {answer}, but {ours} {error}"
        else:
            found = str(answer.get("error", ""))
            if not found and answer["data"]["resultType"] != type_name(result, at):
                found = f"{answer['data']['resultType']}, but {type_name(result, at)}"
            elif not found:
                full += bool(result.labels)
                found = difference(rows_of_api(answer["data"]), rows_of(result, at))
        if found:
            wrong.append(f"{query}\n  {at}\n  {found}")
    # Functions of the C library differ in the last digit, and some expressions blow that up.
    assert len(wrong) <= EXPRESSIONS / 500, "\n".join(["", *wrong])
    assert full > EXPRESSIONS / 2


def _steps(dice: random.Random) -> Steps:
    if dice.random() < 0.4:
        return Steps.at(START_MS + dice.randint(-60_000, SAMPLES * INTERVAL_MS + 400_000))
    step = dice.choice((1_000, 7_000, 15_000, 30_000, 60_000))
    start = START_MS + dice.randint(-100_000, SAMPLES * INTERVAL_MS // 2)
    return Steps(start, start + step * dice.randint(0, 60) + dice.randint(0, step - 1), step)
