"""What tail-sampling policies cost on columns, with the scan and the grouping by trace; the floor is the scan alone."""

from __future__ import annotations

from benchmarks import payloads
from benchmarks.harness import Table, in_turn, measure
from otelhouse.sampling.config import TailSampling, parse_yaml
from otelhouse.sampling.decide import decide
from otelhouse.sampling.traces import Traces
from schema.signal import Signal
from schema.wire import Scan, join, scan

SPANS, A_CALL, ROUNDS = 50_000, 512, 7

POLICIES = {
    "no policy that looks at spans": "[{name: a, type: always_sample}]",
    "status, latency and a share": """
      [{name: e, type: status_code, status_code: {status_codes: [ERROR]}},
       {name: s, type: latency, latency: {threshold_ms: 500}},
       {name: p, type: probabilistic, probabilistic: {sampling_percentage: 10}}]""",
    "an attribute, exact": """
      [{name: a, type: string_attribute, string_attribute: {key: http.request.method, values: [PUT]}}]""",
    "an attribute, by pattern": """
      [{name: a, type: string_attribute,
        string_attribute: {key: url.path, values: ['/health$'], enabled_regex_matching: true}}]""",
    "OTTL: an attribute and a duration": """
      [{name: o, type: ottl_condition, ottl_condition: {span: [
        'attributes["http.response.status_code"] >= 500
         and end_time_unix_nano - start_time_unix_nano > 100000000']}}]""",
}


def main() -> None:
    """Print the table."""
    data, bounds = join(payloads.traces(A_CALL, SPANS))
    wanted = {name: parse_yaml(f"policies: {text}") for name, text in POLICIES.items()}

    def scanned() -> Scan:
        return scan(Signal.TRACES, data, bounds)

    def decided(sampling: TailSampling) -> None:
        decide(sampling, Traces.of(scanned()))

    for sampling in wanted.values():
        decided(sampling)
    count = len(scanned().items)
    with in_turn(table := Table("tail-sampling policies, with the scan", "spans"), ROUNDS) as rounds:
        for _ in rounds:
            table.add("scan alone (floor)", measure(count, scanned))
            table.add("and grouped by trace", measure(count, lambda: Traces.of(scanned())))
            for name, sampling in wanted.items():
                table.add(name, measure(count, lambda sampling=sampling: decided(sampling)))  # type: ignore[misc]
