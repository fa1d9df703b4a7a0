"""The rules in force, held in memory and followed in PostgreSQL: told of changes, and asking each second in case.

While PostgreSQL is down the last known rules hold. Each new connection reads everything again, so that neither a lost
notification nor a database that was restored to an earlier day leaves anything behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import psycopg

from otelhouse import postgres
from otelhouse.clock import Clock
from otelhouse.config import PostgresSettings
from otelhouse.postgres import CHANGES_CHANNEL, Connection
from otelhouse.rules.errors import RulesError, RulesUnavailable
from otelhouse.rules.rule import HashKey, Kind, OnChange, Rule
from otelhouse.rules.store import ConfigRule, RuleStore
from otelhouse.telemetry import get_logger

POLL_SECONDS = 1.0
"""How often changes are looked for when nobody tells of them."""
RETRY_SECONDS = 1.0
_WAIT_SECONDS = 0.2

_log = get_logger(__name__)


class RuleFeed:
    """See `Rules`. A thread of its own does all the asking."""

    def __init__(self, settings: PostgresSettings, clock: Clock, config_rules: Sequence[ConfigRule] = ()) -> None:
        self._settings = settings
        self._clock = clock
        self._config_rules = config_rules
        # Replaced as a whole or by single entries: readers take no lock.
        self._rules: dict[Kind, dict[str, Rule]] = {kind: {} for kind in Kind}
        self._hash_keys: dict[str, HashKey] = {}
        self._number = 0
        self._callbacks: list[OnChange] = []
        self._loaded = threading.Event()
        self._tried = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rules", daemon=True)

    @property
    def loaded(self) -> bool:
        return self._loaded.is_set()

    def rule(self, kind: Kind, tenant: str) -> Rule | None:
        return self._rules[kind].get(tenant)

    def hash_key(self, tenant: str) -> HashKey | None:
        return self._hash_keys.get(tenant)

    def tenants(self, kind: Kind) -> list[str]:
        return sorted(self._rules[kind])

    def on_change(self, callback: OnChange) -> None:
        self._callbacks.append(callback)

    def start(self) -> None:
        """Begin to read and follow."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Return when rules are there, PostgreSQL turned out to be down, or the time is up."""
        self._tried.wait(seconds)

    def check(self) -> None:
        """For /readyz: raises RulesUnavailable while no rules were ever read."""
        if not self.loaded:
            raise RulesUnavailable("the rules were not read yet")

    def close(self) -> None:
        """Stop following."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * _WAIT_SECONDS)

    def _run(self) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                with postgres.connect(self._settings) as connection:
                    connection.execute(f"LISTEN {CHANGES_CHANNEL}")
                    self._apply_config_rules(connection)
                    self._load(connection)
                    said = ""
                    self._follow(connection)
            except (psycopg.Error, RulesError) as error:
                if said != (said := str(error).strip().partition("\n")[0]):
                    _log.warning("rules cannot be read; the last known ones hold", error=said, known=self.loaded)
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread, or no change would ever be seen
                _log.exception("following the rules failed")
            self._tried.set()
            self._stop.wait(RETRY_SECONDS)

    def _apply_config_rules(self, connection: Connection) -> None:
        """Before anything is read for the first time: a setting holds from the first call on."""
        if self.loaded:
            return
        store = RuleStore(connection)
        for wanted in self._config_rules:
            store.apply_config_rule(wanted)

    def _follow(self, connection: Connection) -> None:
        asked = self._clock.monotonic()
        while not self._stop.is_set():
            told = any(True for _ in connection.notifies(timeout=_WAIT_SECONDS, stop_after=1))
            if told or self._clock.monotonic() >= asked + POLL_SECONDS:
                asked = self._clock.monotonic()
                self._catch_up(connection)

    def _load(self, connection: Connection) -> None:
        """Read everything, as of one moment."""
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()
            rules = RuleStore(connection).list()
            hash_keys = _hash_keys(connection)
        before = self._rules
        found: dict[Kind, dict[str, Rule]] = {kind: {} for kind in Kind}
        for rule in rules:  # the same object for the same rule: what was compiled from it stays
            held = before[rule.kind].get(rule.tenant)
            found[rule.kind][rule.tenant] = held if held == rule else rule
        self._number = row[0] if row else 0
        self._hash_keys = hash_keys
        self._rules = found
        self._loaded.set()
        self._tried.set()
        names = {(kind, tenant) for held in (before, found) for kind in Kind for tenant in held[kind]}
        self._tell(name for name in names if before[name[0]].get(name[1]) is not found[name[0]].get(name[1]))

    def _catch_up(self, connection: Connection) -> None:
        rows = connection.execute(
            "SELECT number, subject, tenant, kind FROM changes WHERE number > %s ORDER BY number", (self._number,)
        ).fetchall()
        if not rows:
            return
        tenants = sorted({tenant for _, subject, tenant, _ in rows if subject == "hash_keys"})
        if tenants:
            found = _hash_keys(connection, tenants)
            self._hash_keys = {**{t: key for t, key in self._hash_keys.items() if t not in tenants}, **found}
        changed = {
            (Kind(kind), tenant) for _, subject, tenant, kind in rows if subject == "rules" and kind in list(Kind)
        }
        store = RuleStore(connection)
        for kind, tenant in changed:
            rule = store.get(kind, tenant)
            if rule is not None:
                self._rules[kind][tenant] = rule
        self._number = rows[-1][0]
        self._tell(changed)

    def _tell(self, changed: Iterable[tuple[Kind, str]]) -> None:
        for kind, tenant in sorted(changed):
            for callback in self._callbacks:
                callback(kind, tenant)


def _hash_keys(connection: Connection, tenants: Sequence[str] | None = None) -> dict[str, HashKey]:
    """The newest secret of each tenant that was not destroyed."""
    rows = connection.execute(
        "SELECT DISTINCT ON (tenant) tenant, id, secret FROM hash_keys WHERE secret IS NOT NULL"
        " AND (%s::text[] IS NULL OR tenant = ANY(%s)) ORDER BY tenant, id DESC",
        (tenants, tenants),
    )
    return {tenant: HashKey(number, bytes(secret)) for tenant, number, secret in rows}
