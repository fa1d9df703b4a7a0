"""Ingest: OTLP in, records of the log out. The steps that a call goes through are listed in `_commits()`."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import uvloop

from ingest.accounts import Accounts
from ingest.accounts_table import AccountsTable
from ingest.budget import Budget
from ingest.degrade.monitor import Monitor
from ingest.front.cors import Cors
from ingest.front.routes import Routes
from ingest.front.server import Server
from ingest.group_commit import GroupCommit
from ingest.limits.heartbeat import Heartbeat, Sharing
from ingest.limits.limiter import Limiter
from ingest.limits.policy import CompileLimits, default_limits
from ingest.masking.rules import compile_masking
from ingest.policies import Policies
from ingest.prepare import Prepare
from ingest.receivers import remote_write
from ingest.receivers.grpc import GrpcFront
from ingest.receivers.http import otlp_exports
from ingest.receivers.otlp import OtlpReceiver
from ingest.receivers.reading import Inflating
from ingest.rule_effects import RuleEffects
from ingest.steps.admit import Admit
from ingest.steps.authenticate import Authenticate
from ingest.steps.control import Control, compile_rules
from ingest.steps.degrade import Degrade
from ingest.steps.label_limits import LabelLimits, compile_label_limits
from ingest.steps.mask import Mask
from ingest.steps.publish import Publish
from ingest.steps.scan import scan
from ingest.steps.split import Split
from ingest.steps.validate import validate
from ingest.steps.vote import Vote
from ingest.topics import Topics
from otelhouse import postgres
from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, Producer
from otelhouse.clock import Clock
from otelhouse.component import Ready
from otelhouse.config import Settings
from otelhouse.errors import StartupError
from otelhouse.health import Readiness, health_pages
from otelhouse.key_ring import KeyRing
from otelhouse.keys import DEFAULT_TENANT
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import ConfigRule
from otelhouse.telemetry import get_logger
from schema.signal import Signal

IN_FLIGHT_BYTES = 96 << 20
"""Clients' data held at a time; what is above is refused as UNAVAILABLE. At least one and a half of the largest."""
DRAIN_SECONDS = 7.0
"""What calls under way have to end; the log's producer has the rest of the ten seconds."""
PRODUCER_SECONDS = 2.0
FIRST_LOOK_SECONDS = 2.0
"""How long being ready waits for the log, so that where all is well the first call is taken."""
WORKERS = 2
"""Threads that prepare batches. They hold the interpreter's lock for a small part of it."""

_log = get_logger(__name__)


def run(settings: Settings, clock: Clock, stop: threading.Event, ready: Ready) -> None:
    """Serve OTLP until `stop` is set, then drain and return within ten seconds. Raises StartupError."""
    wanted = _config_rules(settings)
    with ExitStack() as parts:
        server = Server(settings.ingest, clock)
        parts.callback(server.close)
        log = open_log(settings.log, clock)
        parts.callback(log.close)
        producer = log.producer()
        parts.callback(producer.close, PRODUCER_SECONDS)
        admin = log.admin()
        parts.callback(admin.close)
        topics = Topics(admin, producer, settings.log.partitions)
        parts.callback(topics.close)
        pool = postgres.open_pool(settings.postgres)
        parts.callback(pool.close, 0.2)
        keys = KeyRing(pool, clock)
        parts.callback(keys.close)
        rules = RuleFeed(settings.postgres, clock, wanted)
        parts.callback(rules.close)
        topics.start()
        keys.start()
        effects = RuleEffects(settings.postgres, rules, topics, producer)
        parts.callback(effects.close)
        rules.start()
        effects.start()
        accounts = Accounts(clock)
        table = AccountsTable(accounts, pool, clock)
        table.start()
        parts.callback(table.close)
        serving = _serve(settings, clock, stop, ready, server, log, producer, topics, keys, rules, pool, accounts)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)


def _config_rules(settings: Settings) -> list[ConfigRule]:
    """Rules of the tenant `default` that settings put into force at start. Raises StartupError."""
    found = []
    if settings.masking.profile:
        wanted = {"profile": settings.masking.profile}
        found.append(ConfigRule(Kind.MASKING, DEFAULT_TENANT, wanted, "masking.profile", merge=True))
    # Imported where they are used: with all policies, or all of PromQL, which nothing else here needs.
    if name := settings.sampling.policy_file:
        from otelhouse.sampling.config import body as policies

        document = _document("sampling.policy_file", name, policies)
        found.append(ConfigRule(Kind.SAMPLING, DEFAULT_TENANT, document, "sampling.policy_file"))
    if name := settings.recording.rules_file:
        from otelhouse.recording.groups import body as groups

        document = _document("recording.rules_file", name, groups)
        found.append(ConfigRule(Kind.RECORDING, DEFAULT_TENANT, document, "recording.rules_file"))
    return found


def _document(setting: str, name: str, read: Callable[[str], Mapping[str, object]]) -> Mapping[str, object]:
    """Of a file. Raises StartupError, which names the setting and the file."""
    path = Path(name)
    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidRule) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise StartupError(f"{setting}: {path}: {why}") from None


def _commits(
    producer: Producer,
    topics: Topics,
    budget: Budget,
    workers: ThreadPoolExecutor,
    clock: Clock,
    accounts: Accounts,
    rules: RuleFeed,
    monitor: Monitor,
) -> Mapping[Signal, GroupCommit]:
    """What a call goes through once it is authenticated, with all calls that wait beside it."""
    steps = (
        validate,
        Control(Policies(rules, Kind.CONTROL, compile_rules).of, topics.want),
        LabelLimits(Policies(rules, Kind.LIMITS, compile_label_limits).of),
        Degrade(lambda: monitor.level),
        Mask(Policies(rules, Kind.MASKING, compile_masking).of, rules.hash_key),
        Split(topics),
        Vote(topics, rules),
    )
    publish = Publish(producer)
    return {
        signal: GroupCommit(signal, Prepare(signal, scan, steps, clock), publish, budget, workers, clock, accounts)
        for signal in Signal
    }


def _readiness(settings: Settings, log: Log, topics: Topics, rules: RuleFeed) -> Readiness:
    """What must be there for a call to be taken."""
    readiness = Readiness()
    readiness.add("log", log.check)
    readiness.add("topics", topics.check)
    readiness.add("postgres", lambda: postgres.check(settings.postgres))
    readiness.add("rules", rules.check)
    return readiness


def _spare_the_collector() -> None:
    """What is there at start stays: Python's cycle collector shall not walk it over and over for each few calls."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


async def _serve(
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    ready: Ready,
    server: Server,
    log: Log,
    producer: Producer,
    topics: Topics,
    keys: KeyRing,
    rules: RuleFeed,
    pool: postgres.Pool,
    accounts: Accounts,
) -> None:
    limit = settings.ingest.max_request_bytes
    budget = Budget(max(IN_FLIGHT_BYTES, limit + limit // 2))
    workers = ThreadPoolExecutor(WORKERS, "prepare")
    authenticate = Authenticate(keys, rules)
    limits = Policies(rules, Kind.LIMITS, CompileLimits(default_limits(settings.ingest)))
    limiter = Limiter(limits.of, clock)
    admit = Admit(limiter, accounts)
    sharing = Sharing(limiter, Heartbeat(pool))
    sharing.start()
    monitor = Monitor(settings.ingest, lambda: budget.share, threading.get_ident(), clock)
    monitor.start()
    commits = _commits(producer, topics, budget, workers, clock, accounts, rules, monitor)

    inflating = Inflating(budget, settings.ingest.max_inflation_ratio)

    def receiver(protocol: str) -> OtlpReceiver:
        return OtlpReceiver(protocol, authenticate, admit, commits, inflating, limit)

    routes = Routes(
        GrpcFront(receiver("grpc"), budget, inflating),
        {
            **otlp_exports(receiver("http"), budget, inflating),
            remote_write.PATH: remote_write.RemoteWriteReceiver(
                authenticate, admit, commits[Signal.METRICS], budget, accounts, limit
            ),
        },
        health_pages(_readiness(settings, log, topics, rules)),
        Cors.of(settings.ingest.cors_origins),
    )
    await asyncio.to_thread(topics.wait, FIRST_LOOK_SECONDS)
    await asyncio.to_thread(rules.wait, FIRST_LOOK_SECONDS)
    _spare_the_collector()
    ready(await server.serve(routes))
    await asyncio.to_thread(stop.wait)
    routes.drain()
    await server.drain(DRAIN_SECONDS)
    with suppress(TimeoutError):  # a log that hangs shall not hold up the end; nothing of it was acknowledged
        await asyncio.wait_for(asyncio.gather(*(commit.drain() for commit in commits.values())), 0.5)
    await sharing.close()
    await asyncio.to_thread(monitor.close)
    authenticate.close()
    workers.shutdown(wait=False)
