"""Puts versions of rules into force in the log: a control record in each partition that a rule concerns.

The record says what; `rule_effects` in PostgreSQL says which record counts. Who is killed between the two, or doubts
whether a record was appended, appends another: the one that the table does not name says nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import psycopg

from ingest.answer import Refused
from ingest.topics import Topics
from otelhouse import postgres
from otelhouse.bus.contract import LogError, Outgoing, Producer
from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection
from otelhouse.rules.effects import Effect, effects, record
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Kind, Rule
from otelhouse.telemetry import get_logger
from schema.record import RuleChange
from schema.signal import Signal

CONCERNS: Mapping[Kind, tuple[Signal, ...]] = {
    Kind.CONTROL: tuple(Signal),
    Kind.MASKING: tuple(Signal),
    Kind.RETENTION: tuple(Signal),
    Kind.SAMPLING: (Signal.TRACES, Signal.LOGS),
    Kind.SPAN_METRICS: (Signal.TRACES,),
    Kind.SERIES: (Signal.METRICS,),
    Kind.RECORDING: (Signal.METRICS,),
}
"""Kinds that mean something to who reads the log. Limits do not: they decide what comes into it."""

LOOK_SECONDS = 5.0
"""How often is looked for new partitions, and whether the replica that does this work has gone."""
_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
APPEND_SECONDS = 30.0
_LOCK = 8031170734301012340
"""Advisory lock of the one replica that does this work; it ends with its connection."""
_AT_A_TIME = 1000

_log = get_logger(__name__)


class RuleEffects:
    """A thread. Of all replicas one works; another takes over when its connection to PostgreSQL ends."""

    def __init__(self, settings: PostgresSettings, rules: RuleFeed, topics: Topics, producer: Producer) -> None:
        self._settings = settings
        self._rules = rules
        self._topics = topics
        self._producer = producer
        # (kind, tenant) -> version and partitions of its topics that are dealt with.
        self._complete: dict[tuple[Kind, str], tuple[int, tuple[int, ...]]] = {}
        self._retry = _FIRST_RETRY
        self._woken = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rule-effects", daemon=True)
        rules.on_change(lambda _, __: self._woken.set())

    def start(self) -> None:
        """Begin, once rules and topics are known."""
        self._thread.start()

    def close(self) -> None:
        """Stop; what is under way is given up and done again by whoever comes next."""
        self._stop.set()
        self._woken.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                with postgres.connect(self._settings) as connection:
                    self._work(connection)
            except (psycopg.Error, LogError, TimeoutError) as error:
                if said != (said := str(error).strip().partition("\n")[0]):
                    _log.warning("rules cannot be put into force in the log yet", error=said)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread, or no rule took effect any more
                _log.exception("putting rules into force in the log failed")
            # Longer each time: if only writing down fails, every attempt leaves records in the log.
            self._stop.wait(self._retry)
            self._retry = min(2 * self._retry, _LAST_RETRY)

    def _work(self, connection: Connection) -> None:
        """Until told to stop, once it is our turn."""
        while not _taken(connection):
            if self._stop.wait(LOOK_SECONDS):
                return
        self._complete.clear()  # another may have worked since
        while not self._stop.is_set():
            self._woken.clear()
            while (due := self._due(connection)) and not self._stop.is_set():
                self._append(connection, due)
            self._woken.wait(LOOK_SECONDS)
            connection.execute("SELECT 1")  # the lock is ours as long as the connection lives

    def _due(self, connection: Connection) -> list[tuple[Rule, Outgoing]]:
        """Some of the records that are missing; none if all is done, or nothing can be done yet."""
        due: list[tuple[Rule, Outgoing]] = []
        try:
            counts = {signal: self._topics.partitions(signal) for signal in Signal}
        except Refused:
            return due
        for rule, signals in self._rules_in_force():
            partitions = tuple(counts[signal] for signal in signals)
            if self._complete.get((rule.kind, rule.tenant)) == (rule.version, partitions):
                continue
            there = {(each.topic, each.partition) for each in effects(connection, rule.kind, rule.tenant, rule.version)}
            wanted = {(signal.topic, number) for signal in signals for number in range(counts[signal])}
            if wanted <= there:
                self._complete[rule.kind, rule.tenant] = (rule.version, partitions)
            headers = RuleChange(rule.kind, rule.tenant, rule.version).headers()
            due += [(rule, Outgoing(topic, number, b"", headers)) for topic, number in sorted(wanted - there)]
            if len(due) >= _AT_A_TIME:
                break
        return due

    def _rules_in_force(self) -> Iterator[tuple[Rule, tuple[Signal, ...]]]:
        for kind, signals in CONCERNS.items():
            for tenant in self._rules.tenants(kind):
                rule = self._rules.rule(kind, tenant)
                if rule is not None:
                    yield rule, signals

    def _append(self, connection: Connection, due: list[tuple[Rule, Outgoing]]) -> None:
        """Raises LogError for the first record that the log did not take, after the others are written down."""
        answers = self._producer.publish([record for _, record in due]).result(APPEND_SECONDS)
        record(
            connection,
            [
                Effect(rule.kind, rule.tenant, rule.version, sent.topic, sent.partition, offset)
                for (rule, sent), offset in zip(due, answers, strict=True)
                if isinstance(offset, int)
            ],
        )
        for answer in answers:
            if isinstance(answer, LogError):
                raise answer
        self._retry = _FIRST_RETRY


def _taken(connection: Connection) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    return row is not None and bool(row[0])
