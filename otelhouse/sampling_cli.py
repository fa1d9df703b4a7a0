"""`otelhouse sampling`: what tail-sampling policies do, without running anything."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from otelhouse import config_sources
from otelhouse.errors import StartupError
from otelhouse.metadata_cli import ConfigOption, TenantOption, ago
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


@sampling_app.command()
def backtest(
    policy: Annotated[Path, typer.Option(help="YAML, as for `decide`.")],
    since: Annotated[str, typer.Option(help="How far back, such as 30m, 12h or 7d.")] = "1h",
    tenant: TenantOption = "default",
    config: ConfigOption = None,
) -> None:
    """Print what a policy would have kept and dropped of the traces still in the log, a JSON line a policy."""
    far = ago(since)
    settings = config_sources.load(config, os.environ)
    from otelhouse.bus import open_log
    from otelhouse.bus.contract import LogError
    from otelhouse.clock import SystemClock
    from otelhouse.sampling.config import parse_yaml
    from processor.sampling.backtest import backtest as run
    from processor.window import Limits
    from schema.signal import Signal

    try:
        wanted = parse_yaml(_read(policy))
    except InvalidRule as error:
        raise StartupError(f"{policy}: {error}") from None
    clock = SystemClock()
    began = clock.now_ns() // 1_000_000 - int(far.total_seconds() * 1000)
    limits = Limits.of(Signal.TRACES, settings.processor, settings.log.partitions)
    try:
        log = open_log(settings.log, clock)
        try:
            found = run(log, limits, wanted, tenant, began)
        finally:
            log.close()
    except LogError as error:
        raise StartupError(f"log.url: {error}") from None
    for (name, kept), volume in sorted(found.items(), key=lambda each: (not each[0][1], -each[1].spans, each[0][0])):
        line = {"policy": name or None, "kept": kept, **dataclasses.asdict(volume)}
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
