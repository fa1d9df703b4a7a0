"""`otelhouse rules try`: what control rules would change, on a sample or on what is in the log. Nothing is stored."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from otelhouse import config_sources
from otelhouse.errors import StartupError
from otelhouse.metadata_cli import ConfigOption
from otelhouse.otlp_files import documents
from schema.signal import Signal

if TYPE_CHECKING:
    from ingest.control.trial import Tried
    from otelhouse.config import Settings

Sample = list[tuple[Signal, bytes]]

_SIGNALS = {"resourceSpans": Signal.TRACES, "resourceMetrics": Signal.METRICS, "resourceLogs": Signal.LOGS}
_READ_SECONDS = 10.0


def try_rules(
    files: Annotated[
        list[Path], typer.Argument(help="YAML or TOML files with control rules.", exists=True, metavar="FILE...")
    ],
    sample: Annotated[
        list[Path] | None, typer.Option(help="OTLP JSON, a request a line or one a file; may be given again.")
    ] = None,
    from_log: Annotated[
        int, typer.Option(help="The tenant's among the last N records of each partition.", min=0, metavar="N")
    ] = 0,
    signal: Annotated[str, typer.Option(help="With --from-log: traces, metrics or logs.")] = "traces",
    examples: Annotated[int, typer.Option(help="Items to show for each rule.", min=0)] = 3,
    config: ConfigOption = None,
) -> None:
    """Print what control rules would drop, route or change; nothing is stored."""
    if bool(sample) == bool(from_log):
        raise StartupError("give either --sample FILE or --from-log N")
    if signal.upper() not in Signal.__members__:
        raise StartupError("--signal must be traces, metrics or logs")
    from ingest.control import trial
    from otelhouse.rules import files as rule_files
    from otelhouse.rules.documents import control
    from otelhouse.rules.errors import InvalidRule
    from otelhouse.rules.rule import Kind

    try:
        found = [change for change in rule_files.read(files) if change.kind is Kind.CONTROL]
        parsed = [(change, control.parse(change.document).rules) for change in found]
    except InvalidRule as error:
        raise StartupError(str(error)) from None
    if not found:
        raise StartupError("the files hold no rule of kind control")
    for change, rules in parsed:
        taken = (
            _read(sample) if sample else _last(config_sources.load(config, os.environ), change.tenant, signal, from_log)
        )
        typer.echo(f"{change.tenant}: {len(taken)} requests")
        for tried in trial.try_rules(rules, taken, examples):
            _print(tried)


def _print(tried: Tried) -> None:
    rule = tried.rule
    typer.echo(f"{rule.name}\t{rule.signal.name.lower()}\t{tried.hits} of {tried.items} items")
    for example in tried.examples:
        typer.echo(f"  before  {_json(rule.signal, example.before)}")
        typer.echo(f"  after   {'-' if example.after is None else _json(rule.signal, example.after)}")


def _read(paths: list[Path]) -> Sample:
    """Requests of files. Raises StartupError, naming file and line."""
    from ingest.answer import Refused
    from ingest.receivers.otlp_json import to_protobuf

    found: Sample = []
    for path in paths:
        for where, text in documents(path):
            try:
                kind = next((_SIGNALS[key] for key in json.loads(text) if key in _SIGNALS), None)
                if kind is None:
                    raise StartupError(f"{where}: has none of {', '.join(_SIGNALS)}")
                found.append((kind, to_protobuf(kind, text)))
            except (ValueError, TypeError) as error:
                raise StartupError(f"{where}: is not JSON: {error}") from None
            except Refused as error:
                raise StartupError(f"{where}: {error.message}") from None
    return found


def _last(settings: Settings, tenant: str, signal: str, count: int) -> Sample:
    """A tenant's among the last records of each partition, by a group that commits nothing and is gone afterwards."""
    from otelhouse.bus import open_log
    from otelhouse.bus.contract import LogError, Record, TopicPartition
    from otelhouse.clock import SystemClock
    from schema.record import Framing, parse_headers

    clock = SystemClock()
    wanted = Signal[signal.upper()]
    ends: dict[TopicPartition, int] = {}
    records: list[Record] = []
    log = open_log(settings.log, clock)
    consumer = log.consumer(f"otelhouse-try-{uuid.uuid4()}")

    def begin(partitions: Any) -> None:
        for partition in partitions:
            ends[partition] = consumer.end(partition)
            consumer.seek(partition, max(ends[partition] - count, 0))

    try:
        consumer.subscribe([wanted.topic], begin, lambda _: None)
        until = clock.monotonic() + _READ_SECONDS
        while not ends or any(consumer.position(partition) < end for partition, end in ends.items()):
            if clock.monotonic() > until:
                raise StartupError(f"log.url: {wanted.topic} could not be read in {_READ_SECONDS:.0f} s")
            records += consumer.poll(0.1)
    except LogError as error:
        raise StartupError(f"log.url: {error}") from None
    finally:
        consumer.close()
        log.close()
    framed = ((parse_headers(record.headers), record) for record in records)
    own = [record for framing, record in framed if isinstance(framing, Framing) and framing.tenant == tenant]
    return [(wanted, record.value) for record in sorted(own, key=lambda record: record.append_ms)[-count:]]


def _json(signal: Signal, body: bytes) -> str:
    """A request in OTLP JSON: ids in hexadecimal, enums as numbers."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    kind = (ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest)[signal]
    fields = MessageToDict(kind.FromString(body), use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(fields), ensure_ascii=False)


def _with_hex_ids(value: Any) -> Any:
    import base64

    if isinstance(value, Mapping):
        return {
            key: base64.b64decode(each).hex() if key in ("traceId", "spanId", "parentSpanId") else _with_hex_ids(each)
            for key, each in value.items()
        }
    return [_with_hex_ids(each) for each in value] if isinstance(value, list) else value
