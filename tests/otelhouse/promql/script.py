"""Scripts of series and expressions with what they yield, readable in a minute; see those in `scripts/`.

    begin 1764000000                    seconds since the epoch; all times below are from there
    load 30s
      metric{a="b"} 1 2 _ stale 3+1x3 2x2       a sample each 30 s; `_`: none; 3+1x3: 3 4 5 6; 2x2: 2 2 2
    delta                               the series that are loaded next are of delta temporality
    eval at 5m: rate(metric[5m])
      {a="b"} 0.1
    eval from 0s to 2m step 1m: metric
      metric{a="b"} 1 _ 3
    fail at 5m: metric + on() metric
      422 duplicate series

What an `eval` expects was recorded from Prometheus 3.5.3, and the slow tests compare it again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from otelhouse.promql.durations import seconds
from otelhouse.promql.settings import Steps
from tests.otelhouse.promql.memory import STALE, Series

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))
_EVAL = re.compile(r"(eval|fail) (?:at (\S+)|from (\S+) to (\S+) step (\S+)): (.*)")
_LABEL = re.compile(r'([\w.]+)="((?:[^"\\]|\\.)*)"')
_RUN = re.compile(r"([^x]+?)(?:([+-][\d.]+))?x(\d+)")


@dataclass
class Case:
    """`expected`: the lines below the expression, as they are."""

    query: str
    steps: Steps
    fails: bool
    line: int
    expected: list[str] = field(default_factory=list)


@dataclass
class Script:
    series: list[Series] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)


def read(path: Path) -> Script:
    script, begin_ms, step_ms, delta = Script(), 0, 0, False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        word, _, rest = line.partition(" ")
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("  ") and script.cases:
            script.cases[-1].expected.append(line.strip())
        elif line.startswith("  "):
            script.series.append(_series(line.strip(), begin_ms, step_ms, delta))
        elif word == "begin":
            begin_ms = int(rest) * 1000
        elif word == "load":
            step_ms = _ms(rest)
        elif word == "delta":
            delta = True
        elif found := _EVAL.fullmatch(line):
            script.cases.append(_case(found, begin_ms, number))
        else:
            raise ValueError(f"{path.name}:{number}: {line}")
    return script


def written(labels: dict[str, str]) -> str:
    """As series are written in scripts."""
    name = labels.get("__name__", "")
    rest = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()) if key != "__name__")
    return f"{name}{{{rest}}}" if rest or not name else name


def _case(found: re.Match[str], begin_ms: int, line: int) -> Case:
    kind, at, start, end, step, query = found.groups()
    if at is not None:
        return Case(query, Steps.at(begin_ms + _ms(at)), kind == "fail", line)
    return Case(query, Steps(begin_ms + _ms(start), begin_ms + _ms(end), _ms(step)), kind == "fail", line)


def _series(line: str, begin_ms: int, step_ms: int, delta: bool) -> Series:
    head, _, values = line.partition("} ") if "{" in line else line.partition(" ")
    name, _, inside = head.partition("{")
    labels = dict(_LABEL.findall(inside))
    times, found = [], []
    for i, each in enumerate(_values(values)):
        if each is not None:
            times.append(begin_ms + i * step_ms)
            found.append(each)
    return Series(({"__name__": name} if name else {}) | labels, times, np.array(found), delta)


def _values(text: str) -> list[float | None]:
    found: list[float | None] = []
    for word in text.split():
        if run := _RUN.fullmatch(word):
            first, by, count = run.groups()
            start = None if first == "_" else float(first)
            found += [None if start is None else start + i * float(by or 0) for i in range(int(count) + 1)]
        else:
            found.append(None if word == "_" else float(STALE) if word == "stale" else float(word))
    return found


def _ms(text: str) -> int:
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * round((seconds(text) or 0) * 1000)
