"""Our evaluator does what the scripts say, which is what Prometheus does."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from otelhouse.promql.engine import evaluate
from otelhouse.promql.errors import ExecutionError, PromQLError
from otelhouse.promql.settings import Settings
from tests.otelhouse.promql.differential.answers import rows_of
from tests.otelhouse.promql.memory import MemoryStorage
from tests.otelhouse.promql.script import SCRIPTS, Case, read
from tests.otelhouse.promql.scripted import lines, same

SETTINGS = Settings(enable_experimental=True)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_script(path: Path) -> None:
    script = read(path)
    storage = MemoryStorage(script.series)
    wrong = [text for case in script.cases if (text := _wrong(case, storage))]
    assert not wrong, "\n".join(["", *wrong])


def _wrong(case: Case, storage: MemoryStorage) -> str:
    where = f"line {case.line}: {case.query}"
    try:
        found = lines(rows_of(asyncio.run(evaluate(case.query, storage, case.steps, SETTINGS)), case.steps), case)
    except PromQLError as error:
        found = [f"400 {error}"]
    except ExecutionError as error:
        found = [f"422 {error}"]
    if case.fails:
        code, _, part = case.expected[0].partition(" ")
        return "" if found and found[0].startswith(code) and part in found[0] else f"{where}: {found}"
    return "" if same(case.expected, found) else f"{where}:\n  expected {case.expected}\n  found    {found}"
