"""`otelhouse sampling`: what tail-sampling policies do, without running anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from otelhouse.errors import StartupError
from otelhouse.otlp_files import documents
from otelhouse.rules.errors import InvalidRule

sampling_app = typer.Typer(no_args_is_help=True, help="Tail-sampling policies.")


@sampling_app.callback()
def sampling() -> None:
    """Tail-sampling policies."""


@sampling_app.command()
def decide(
    policy: Annotated[Path, typer.Option(help="YAML: a Collector configuration, its tail_sampling block or its body.")],
    spans: Annotated[Path, typer.Option(help="Traces in OTLP JSON: one document, or one a line.")],
) -> None:
    """Print what a policy does with traces, a JSON line a trace: {"traceId", "sampled", "policy", "reason"}."""
    from otelhouse.sampling.config import parse_yaml
    from otelhouse.sampling.decide import decide as decide_all
    from otelhouse.sampling.traces import Traces
    from schema.signal import Signal
    from schema.wire import join, scan

    try:
        wanted = parse_yaml(_read(policy))
    except InvalidRule as error:
        raise StartupError(f"{policy}: {error}") from None
    traces = Traces.of(scan(Signal.TRACES, *join(_requests(spans))))
    verdicts = decide_all(wanted, traces)
    reasons, why = verdicts.reasons()
    for trace, trace_id in enumerate(traces.ids.tolist()):
        named = verdicts.named(trace)
        line = {
            "traceId": bytes(trace_id).hex(),
            "sampled": bool(verdicts.sampled[trace]),
            "policy": named.name if named else None,
            "reason": reasons[int(why[trace])],
        }
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"{path}: cannot be read: {error}") from None


def _requests(path: Path) -> list[bytes]:
    """Each request of the file as protobuf. Raises StartupError."""
    from schema.signal import Signal
    from schema.wire.from_json import JsonRejected, from_json

    found = []
    for where, text in documents(path):
        try:
            found.append(from_json(Signal.TRACES, text))
        except JsonRejected as error:
            raise StartupError(f"{where}: is no OTLP JSON of traces: {error}") from None
    return found
