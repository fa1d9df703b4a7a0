"""The feed of rules, on a real PostgreSQL: told at once, finds out in any case, and holds what it knew."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from pydantic import SecretStr

from otelhouse import postgres
from otelhouse.clock import SystemClock
from otelhouse.config import PostgresSettings
from otelhouse.postgres import Connection
from otelhouse.rules import feed as feed_module
from otelhouse.rules.feed import RuleFeed
from otelhouse.rules.rule import Kind
from otelhouse.rules.store import Change, ConfigRule, RuleStore
from tests.support.postgres import PostgresServer

RETENTION = Kind.RETENTION


@contextmanager
def following(settings: PostgresSettings, *config_rules: ConfigRule) -> Iterator[RuleFeed]:
    feed = RuleFeed(settings, SystemClock(), config_rules)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


def until(true: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait; returns the seconds that it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + seconds, "did not come true in time"
        time.sleep(0.01)
    return time.monotonic() - began


def version(feed: RuleFeed, tenant: str = "default") -> int:
    rule = feed.rule(RETENTION, tenant)
    return rule.version if rule else 0


def apply(connection: Connection, traces: int, tenant: str = "default") -> None:
    RuleStore(connection).apply([Change(tenant, RETENTION, {"traces": traces})], "test")


def test_what_is_there_is_loaded_and_what_changes_is_told_at_once(
    settings: PostgresSettings, connection: Connection
) -> None:
    apply(connection, 1)
    with following(settings) as feed:
        feed.wait(5)
        assert feed.loaded
        assert version(feed) == 1
        assert feed.tenants(RETENTION) == ["default"]
        told: list[tuple[Kind, str]] = []
        feed.on_change(lambda kind, tenant: told.append((kind, tenant)))
        apply(connection, 2)
        assert until(lambda: version(feed) == 2) < feed_module.POLL_SECONDS
        until(lambda: told == [(RETENTION, "default")])


def test_a_lost_notification_is_made_good_by_asking(
    settings: PostgresSettings, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "CHANGES_CHANNEL", "nobody_speaks_here")
    with following(settings) as feed:
        feed.wait(5)
        apply(connection, 2)
        until(lambda: version(feed) == 1, feed_module.POLL_SECONDS + 2)


def test_changes_become_visible_in_the_order_of_their_numbers(
    settings: PostgresSettings, connection: Connection
) -> None:
    """A change that began first and commits last must not be passed over by who has seen the later one."""
    connection.execute("INSERT INTO tenants (id) VALUES ('a'), ('b')")
    with following(settings) as feed, postgres.connect(settings) as other:
        feed.wait(5)
        slow = threading.Thread(target=apply, args=(other, 1, "b"))
        with connection.transaction():
            apply(connection, 1, "a")
            slow.start()
            time.sleep(1.3)  # past a poll
            assert version(feed, "a") == version(feed, "b") == 0
        slow.join()
        until(lambda: version(feed, "a") == version(feed, "b") == 1)
        numbers = connection.execute("SELECT tenant FROM changes WHERE subject = 'rules' ORDER BY number").fetchall()
        assert numbers == [("a",), ("b",)]


def test_last_known_rules_hold_while_postgres_is_away_and_the_feed_catches_up_afterwards(
    settings: PostgresSettings, connection: Connection, postgres_server: PostgresServer
) -> None:
    database = connection.info.dbname
    apply(connection, 1)
    with following(settings) as feed, psycopg.connect(postgres_server.url, autocommit=True) as admin:
        feed.wait(5)
        known = feed.rule(RETENTION, "default")
        admin.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        others = "pid <> %s AND datname = %s"
        admin.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}",
            (connection.info.backend_pid, database),
        )
        time.sleep(1.2)  # past an attempt that fails
        assert feed.rule(RETENTION, "default") is known
        apply(connection, 2)  # by a session that the outage spared
        admin.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        until(lambda: version(feed) == 2)


def test_nothing_is_loaded_until_postgres_was_reached(settings: PostgresSettings) -> None:
    with following(PostgresSettings(url=SecretStr("postgresql://nobody@127.0.0.1:1/x"))) as feed:
        feed.wait(10)
        assert not feed.loaded
        with pytest.raises(Exception, match="not read yet"):
            feed.check()


def test_a_setting_s_rule_is_in_force_before_the_feed_says_that_it_is_loaded(
    settings: PostgresSettings, connection: Connection
) -> None:
    wanted = ConfigRule(RETENTION, "default", {"logs": 4}, "OTELHOUSE_SOMETHING")
    for _ in range(2):  # a second start changes nothing
        with following(settings, wanted) as feed:
            feed.wait(5)
            rule = feed.rule(RETENTION, "default")
            assert rule is not None
            assert (rule.version, rule.document, rule.author) == (1, {"logs": 4}, "config")


def test_every_tenant_has_a_hash_key_and_a_new_one_is_followed(
    settings: PostgresSettings, connection: Connection
) -> None:
    with following(settings) as feed:
        feed.wait(5)
        first = feed.hash_key("default")
        assert first is not None
        assert (first.id, len(first.secret)) == (1, 32)
        assert first.secret.hex() not in repr(first)
        assert feed.hash_key("new") is None
        connection.execute("INSERT INTO tenants (id) VALUES ('new')")  # as the release before does it
        until(lambda: feed.hash_key("new") is not None)
        assert feed.hash_key("new") != first


def test_a_kind_that_only_a_newer_release_knows_does_no_harm(
    settings: PostgresSettings, connection: Connection
) -> None:
    insert = "INSERT INTO rules (tenant, kind, version, document, author) VALUES ('default', %s, 1, '{}', 'x')"
    connection.execute(insert, ("future",))
    with following(settings) as feed:
        feed.wait(5)
        connection.execute(insert, ("further",))
        apply(connection, 3)
        until(lambda: version(feed) == 1)
