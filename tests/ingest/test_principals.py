"""Who a call is taken for, by its key, its certificate and where it came in."""

from __future__ import annotations

import asyncio

import pytest

from ingest.answer import Code, Refused
from ingest.policies import Policies
from ingest.steps.authenticate import Authenticate
from otelhouse.certificates import add
from otelhouse.clock import ManualClock
from otelhouse.key_ring import KeyRing
from otelhouse.keys import Scope, create_key
from otelhouse.postgres import Connection, Pool
from otelhouse.rules.errors import InvalidRule
from otelhouse.rules.memory import MemoryRules
from otelhouse.rules.rule import Kind, Rule

ACME, BETA, READS, NOBODY = (
    "URI:spiffe://acme/agent",
    "DNS:agent.beta",
    "URI:spiffe://acme/reader",
    "DNS:nobody.example",
)


@pytest.fixture
def keys(store: Connection) -> dict[str, str]:
    """Keys of acme and beta, one that may only read, and certificates' names."""
    made = {name: create_key(store, name, create_tenant=True).key for name in ("acme", "beta")}
    made["reads"] = create_key(store, "acme", scopes=[Scope.QUERY]).key
    add(store, ACME, "acme", [Scope.INGEST], "test")
    add(store, READS, "acme", [Scope.QUERY], "test")
    add(store, BETA, "beta", [Scope.INGEST], "test")
    return made


KEYLESS, NEEDED = True, False


@pytest.mark.parametrize(
    ("key", "sans", "keyless", "outcome"),
    [
        ("acme", (), NEEDED, "acme"),
        ("", (), KEYLESS, "default"),
        ("", (), NEEDED, Code.UNAUTHENTICATED),
        ("nonsense", (), KEYLESS, Code.UNAUTHENTICATED),
        ("reads", (), NEEDED, Code.FORBIDDEN),
        ("", (ACME,), NEEDED, "acme"),
        ("", (ACME,), KEYLESS, "acme"),
        ("", ("DNS:Agent.BETA",), NEEDED, "beta"),
        ("", (NOBODY, BETA), NEEDED, "beta"),
        ("", (READS,), NEEDED, Code.FORBIDDEN),
        ("", (ACME, BETA), NEEDED, Code.FORBIDDEN),
        ("", (NOBODY,), NEEDED, Code.UNAUTHENTICATED),
        ("", (NOBODY,), KEYLESS, "default"),
        ("acme", (ACME,), NEEDED, "acme"),
        ("acme", (READS,), NEEDED, "acme"),
        ("reads", (ACME,), NEEDED, Code.FORBIDDEN),
        ("acme", (BETA,), NEEDED, Code.FORBIDDEN),
        ("acme", (NOBODY,), NEEDED, "acme"),
        ("nonsense", (ACME,), NEEDED, Code.UNAUTHENTICATED),
    ],
)
def test_key_and_certificate_must_agree(
    pool: Pool, keys: dict[str, str], key: str, sans: tuple[str, ...], keyless: bool, outcome: str | Code
) -> None:
    authenticate = Authenticate(KeyRing(pool, ManualClock()), MemoryRules())
    authorization = f"Bearer {keys.get(key, key)}" if key else None
    for _ in range(2):  # looked up, then from memory
        try:
            found: str | Code = asyncio.run(authenticate(authorization, keyless, sans)).id
        except Refused as refused:
            found = refused.code
        assert found == outcome
    authenticate.close()


def test_known_certificates_hold_while_postgres_is_away_and_new_ones_wait(pool: Pool, keys: dict[str, str]) -> None:
    authenticate = Authenticate(KeyRing(pool, ManualClock()), MemoryRules())
    assert asyncio.run(authenticate(None, NEEDED, (ACME,))).id == "acme"
    pool.close()
    assert asyncio.run(authenticate(None, NEEDED, (ACME,))).id == "acme"
    with pytest.raises(Refused) as refusal:
        asyncio.run(authenticate(None, NEEDED, (BETA,)))
    assert refusal.value.code is Code.UNAVAILABLE
    authenticate.close()


def test_a_certificate_of_nobody_forbids_nothing_while_postgres_is_away(pool: Pool, keys: dict[str, str]) -> None:
    clock = ManualClock()
    authenticate = Authenticate(KeyRing(pool, clock), MemoryRules())
    known = f"Bearer {keys['acme']}"
    assert asyncio.run(authenticate(known, NEEDED, (NOBODY,))).id == "acme"
    pool.close()
    for _ in range(2):
        clock.advance(60)
        assert asyncio.run(authenticate(known, NEEDED, (NOBODY,))).id == "acme"
    authenticate.close()


def test_nobody_is_let_in_before_rules_were_read(pool: Pool, keys: dict[str, str]) -> None:
    rules = MemoryRules()
    rules.loaded = False
    authenticate = Authenticate(KeyRing(pool, ManualClock()), rules)
    with pytest.raises(Refused) as refusal:
        asyncio.run(authenticate(f"Bearer {keys['acme']}", NEEDED))
    assert refusal.value.code is Code.UNAVAILABLE
    authenticate.close()


class Compiler:
    """Compiles retention; refuses what it is told not to understand."""

    def __init__(self) -> None:
        self.calls = 0
        self.refuses: int | None = None

    def __call__(self, rule: Rule | None, tenant: str) -> str:
        self.calls += 1
        version = rule.version if rule else 0
        if version == self.refuses:
            raise InvalidRule("logs", "is from the future")
        return f"{tenant} {version}"


def test_a_policy_is_compiled_once_for_each_version() -> None:
    rules, compiler = MemoryRules(), Compiler()
    policies = Policies(rules, Kind.RETENTION, compiler)
    assert [policies.of("acme"), policies.of("acme"), policies.of("beta")] == ["acme 0", "acme 0", "beta 0"]
    assert compiler.calls == 2
    rules.apply(Kind.RETENTION, "acme", {"logs": 1})
    assert [policies.of("acme"), policies.of("acme"), policies.of("beta")] == ["acme 1", "acme 1", "beta 0"]
    assert compiler.calls == 3


def test_what_a_release_does_not_understand_leaves_the_policy_before_or_refuses() -> None:
    rules, compiler = MemoryRules(), Compiler()
    compiler.refuses = 1
    policies = Policies(rules, Kind.RETENTION, compiler)
    assert policies.of("acme") == "acme 0"
    for tenant in ("acme", "beta"):
        rules.apply(Kind.RETENTION, tenant, {"logs": 1})
    assert [policies.of("acme"), policies.of("acme")] == ["acme 0", "acme 0"]
    assert compiler.calls == 2  # not again for each call
    with pytest.raises(Refused, match="not understood"):
        policies.of("beta")
    rules.apply(Kind.RETENTION, "acme", {"logs": 2})
    assert policies.of("acme") == "acme 2"


def test_without_rules_there_is_no_policy() -> None:
    rules = MemoryRules()
    rules.loaded = False
    with pytest.raises(Refused) as refusal:
        Policies(rules, Kind.RETENTION, Compiler()).of("acme")
    assert refusal.value.code is Code.UNAVAILABLE
