"""Which forms of PromQL stream, and which queries a rule answers: `python -m otelhouse.recording.forms` prints it.

The tables stand in docs/recording-rules.md; a test compares them.
"""

from __future__ import annotations

import sys

from otelhouse.promql.building import build
from otelhouse.promql.settings import Settings, Steps
from otelhouse.promql.tree import Node, Recorded, children
from otelhouse.recording.cover import covered
from otelhouse.recording.rule import DoesNotStream, stream_rule

_RULES = (
    "sum by (job) (rate(x[5m]))",
    "avg without (pod) (increase(x[1h]))",
    "min by (job) (x)",
    "max(max_over_time(x[5m]))",
    "count by (job) (x > 0)",
    "group by (job) (up)",
    "1 - avg by (instance) (rate(x[5m]))",
    "100 * sum(x) / 1024 + 1",
    "sum by (le) (rate(x_bucket[5m]))",
    "sum(quantile_over_time(0.9, x[5m]))",
    "rate(x[5m]) * 8",
    "sum(a) / sum(b)",
    "1 / sum(x)",
    "sum(x) > 5",
    "topk(5, x)",
    "quantile(0.9, x)",
    "stddev(x)",
    "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
    "max_over_time(rate(x[5m])[1h:1m])",
    "sum(rate(x[5m] offset 1h))",
    'sum({job="a"})',
    "sum(rate(x[1d]))",
    "sum(abs(x))",
)
_QUERIES = (
    ("sum by (job) (rate(x[5m]))", "sum by (job) (rate(x[5m])) / 60"),
    ("sum by (job, code) (rate(x[5m]))", "sum by (job) (rate(x[5m]))"),
    ("sum by (job, code) (rate(x[5m]))", "topk(3, sum by (job) (rate(x[5m])))"),
    ("sum by (job, code) (rate(x[5m]))", "max_over_time(sum(rate(x[5m]))[1h:1m])"),
    ("sum by (job, code) (rate(x[5m]))", "sum by (pod) (rate(x[5m]))"),
    ("sum by (job, code) (rate(x[5m]))", "sum without (code) (rate(x[5m]))"),
    ("sum by (job, code) (rate(x[5m]))", "avg by (job) (rate(x[5m]))"),
    ("sum by (job, code) (rate(x[5m]))", "sum(rate(x[1m]))"),
    ("sum by (job, code) (rate(x[5m]))", 'sum(rate(x{job="a"}[5m]))'),
    ("sum by (job, code) (rate(x[5m]))", 'sum(rate(x{pod="a"}[5m]))'),
    ("avg without (pod) (rate(x[5m]))", "avg by (job) (rate(x[5m]))"),
    ("1 - avg without (cpu) (rate(x[5m]))", "100 * avg by (job) (rate(x[5m]))"),
    ("sum by (le, job) (rate(x_bucket[5m]))", "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))"),
    ("count by (job) (x)", "count(x)"),
    ("rate(x[5m])", "sum(rate(x[5m]))"),
)


def tables() -> str:
    """Both, as Markdown."""
    lines = ["| rule | streams |", "|---|---|"]
    lines += [f"| `{text}` | {_streams(text)} |" for text in _RULES]
    lines += ["", "| with the rule | the query | reads |", "|---|---|---|"]
    lines += [f"| `{rule}` | `{query}` | {_reads(rule, query)} |" for rule, query in _QUERIES]
    return "\n".join(lines) + "\n"


def _streams(text: str) -> str:
    try:
        stream_rule("r", {}, 60_000, 10_000, text)
    except DoesNotStream as error:
        return f"no: {error.why}"
    return "yes"


def _reads(rule: str, query: str) -> str:
    tree = build(query, Steps.at(0), Settings())
    return "what was recorded" if _recorded(covered(tree, [stream_rule("r", {}, 60_000, 10_000, rule)])) else "samples"


def _recorded(node: Node) -> bool:
    return isinstance(node, Recorded) or any(map(_recorded, children(node)))


if __name__ == "__main__":
    sys.stdout.write(tables())
