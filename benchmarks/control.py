"""What control rules and degrading cost: each after the scan of 40 calls, against the scan alone."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from benchmarks import payloads
from benchmarks.harness import Table, in_turn, measure
from ingest.batch import Batch, Call
from ingest.steps.control import Control, compile_rules
from ingest.steps.degrade import Degrade
from ingest.steps.scan import scan
from otelhouse.keys import Tenant
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind
from schema.signal import Signal

TENANT = Tenant("bench")
SPANS, A_CALL, ROUNDS = 20_480, 512, 7

RULES = {
    "deny by name, no hit": "{match: {name: {in: [GET /healthz, GET /readyz]}}, action: deny}",
    "deny by pattern of the name, no hit": "{match: {name: {regex: 'healthz?$'}}, action: deny}",
    "deny by attribute, no hit": "{match: {attributes.user_agent.original: nobody}, action: deny}",
    "drop an attribute of each span": "{action: {drop_attributes: {keys: [user_agent.original]}}}",
    "replace in an attribute of each span": r"{action: {normalise: {keys: [url.path], regex: '\d+', replace: '{id}'}}}",
    "rename each span": "{action: {rename: {to: GET}}}",
}


def _rules(text: str) -> Control:
    known = MemoryRules()
    rule = {"name": "r", "signal": "traces", **yaml.safe_load(text)}
    compiled = compile_rules(known.apply(Kind.CONTROL, TENANT.id, {"rules": [rule]}), TENANT.id)
    return Control(lambda _: compiled, lambda topic, signal: True)


def main() -> None:
    """Print the table."""
    calls = [Call(TENANT, body) for body in payloads.traces(A_CALL, SPANS)]
    steps: dict[str, Callable[[Batch], None]] = {
        "scan alone (floor)": lambda batch: None,
        "no rules": Control(lambda _: ((), (), ()), lambda topic, signal: True),
        **{name: _rules(text) for name, text in RULES.items()},
        "degrade: 1 trace in 2 stays": Degrade(lambda: 2),
        "degrade: 1 trace in 16 stays": Degrade(lambda: 5),
    }
    for step in steps.values():
        step(scan(Signal.TRACES, calls))
    with in_turn(table := Table("control rules and degrading, with the scan", "spans"), ROUNDS) as rounds:
        for _ in rounds:
            for name, step in steps.items():
                table.add(name, measure(SPANS, lambda step=step: step(scan(Signal.TRACES, calls))))  # type: ignore[misc]
