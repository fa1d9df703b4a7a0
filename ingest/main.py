"""Ingest: OTLP in, records of the log out. The steps that a call goes through are listed in `_commits()`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import uvloop
from starlette.applications import Starlette

from ingest.accounts import Accounts
from ingest.accounts_table import AccountsTable
from ingest.budget import Budget
from ingest.group_commit import GroupCommit
from ingest.limits.heartbeat import Heartbeat, Sharing
from ingest.limits.limiter import Limiter
from ingest.limits.policy import CompileLimits, default_limits
from ingest.policies import Policies
from ingest.prepare import Prepare
from ingest.receivers.grpc import GrpcFront
from ingest.receivers.http import otlp_routes
from ingest.receivers.otlp import OtlpReceiver
from ingest.steps.admit import Admit
from ingest.steps.authenticate import Authenticate
from ingest.steps.control import Control, compile_rules
from ingest.steps.publish import Publish
from ingest.steps.scan import scan
from ingest.steps.split import Split
from ingest.steps.validate import validate
from ingest.topics import Topics
from otelhouse import postgres
from otelhouse.address import Address
from otelhouse.bus import open_log
from otelhouse.bus.contract import Log, Producer
from otelhouse.clock import Clock
from otelhouse.component import Ready
from otelhouse.config import Settings
from otelhouse.health import Readiness, health_routes
from otelhouse.http_server import bind, listening_address, serve_here
from otelhouse.key_ring import KeyRing
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Kind
from otelhouse.telemetry import get_logger
from schema.signal import Signal

IN_FLIGHT_BYTES = 128 << 20
"""Clients' data held at a time; what is above is refused as UNAVAILABLE. At least one request of the largest size."""
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
    with ExitStack() as parts:
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
        rules = RuleFeed(settings.postgres, clock)
        parts.callback(rules.close)
        topics.start()
        keys.start()
        rules.start()
        accounts = Accounts(clock)
        table = AccountsTable(accounts, pool, clock)
        table.start()
        parts.callback(table.close)
        serving = _serve(settings, clock, stop, ready, log, producer, topics, keys, rules, pool, accounts)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serving)


def _commits(
    producer: Producer,
    topics: Topics,
    budget: Budget,
    workers: ThreadPoolExecutor,
    clock: Clock,
    accounts: Accounts,
    rules: RuleFeed,
) -> Mapping[Signal, GroupCommit]:
    """What a call goes through once it is authenticated, with all calls that wait beside it."""
    steps = (
        validate,
        Control(Policies(rules, Kind.CONTROL, compile_rules).of, topics.want),
        Split(topics),
    )
    publish = Publish(producer)
    return {
        signal: GroupCommit(signal, Prepare(signal, scan, steps, clock), publish, budget, workers, clock, accounts)
        for signal in Signal
    }


async def _serve(
    settings: Settings,
    clock: Clock,
    stop: threading.Event,
    ready: Ready,
    log: Log,
    producer: Producer,
    topics: Topics,
    keys: KeyRing,
    rules: RuleFeed,
    pool: postgres.Pool,
    accounts: Accounts,
) -> None:
    limit = settings.ingest.max_request_bytes
    budget = Budget(max(IN_FLIGHT_BYTES, 2 * limit))
    workers = ThreadPoolExecutor(WORKERS, "prepare")
    authenticate = Authenticate(keys, rules)
    limits = Policies(rules, Kind.LIMITS, CompileLimits(default_limits(settings.ingest)))
    limiter = Limiter(limits.of, clock)
    admit = Admit(limiter, accounts)
    sharing = Sharing(limiter, Heartbeat(pool))
    sharing.start()
    commits = _commits(producer, topics, budget, workers, clock, accounts, rules)

    def receiver(protocol: str, address: Address) -> OtlpReceiver:
        keyless = address.is_loopback
        return OtlpReceiver(protocol, authenticate, admit, commits, budget, keyless=keyless, max_request_bytes=limit)

    readiness = Readiness()
    readiness.add("log", log.check)
    readiness.add("topics", topics.check)
    readiness.add("postgres", lambda: postgres.check(settings.postgres))
    readiness.add("rules", rules.check)

    grpc_address = listening_address(settings.ingest.otlp_grpc, "ingest.otlp_grpc")
    http_address = listening_address(settings.ingest.otlp_http, "ingest.otlp_http")
    routes = [*otlp_routes(receiver("http", http_address), budget), *health_routes(readiness)]
    with bind(http_address, "ingest.otlp_http") as http_socket:
        grpc = GrpcFront(receiver("grpc", grpc_address))
        bound_grpc = await grpc.start(grpc_address)

        def serving(bound_http: str) -> None:
            ready({"otlp_grpc": str(bound_grpc), "otlp_http": bound_http})

        await asyncio.to_thread(topics.wait, FIRST_LOOK_SECONDS)
        await asyncio.to_thread(rules.wait, FIRST_LOOK_SECONDS)
        http = asyncio.create_task(serve_here(Starlette(routes=routes), http_socket, stop, serving))
        await asyncio.to_thread(stop.wait)
        await asyncio.gather(grpc.stop(DRAIN_SECONDS), http)
    with suppress(TimeoutError):  # a log that hangs shall not hold up the end; nothing of it was acknowledged
        await asyncio.wait_for(asyncio.gather(*(commit.drain() for commit in commits.values())), 0.5)
    await sharing.close()
    authenticate.close()
    workers.shutdown(wait=False)
