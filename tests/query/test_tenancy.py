"""Who is answered, and as whom."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from otelhouse import postgres
from otelhouse.keys import Scope, create_key, revoke_key
from tests.query.house import House, Tenant, serving

TENANT = {"query": "{ tenant }"}


def ask(http: str, authorization: str | None = None, host: str | None = None) -> httpx.Response:
    headers = {"authorization": authorization, "host": host}
    given = {name: value for name, value in headers.items() if value is not None}
    return httpx.post(f"http://{http}/graphql", json=TENANT, headers=given, timeout=20, verify=False)


@pytest.fixture(scope="module")
def public(house: House) -> Iterator[str]:
    """The same house on an address that others can reach."""
    with serving(house.settings, "0.0.0.0:0") as http:
        yield http.replace("0.0.0.0", "127.0.0.1")


def test_on_loopback_no_key_is_the_default_tenant(house: House) -> None:
    assert ask(house.http).json() == {"data": {"tenant": "default"}}


def test_a_key_is_its_tenant_wherever_it_is_shown(house: House, public: str, tenant: Tenant) -> None:
    for http in (house.http, public):
        for scheme in ("Bearer", "bearer"):
            assert ask(http, f"{scheme} {tenant.key}").json() == {"data": {"tenant": tenant.name}}


def test_elsewhere_a_key_is_needed(public: str) -> None:
    answer = ask(public)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    (error,) = answer.json()["errors"]
    assert (error["extensions"]["code"], "Bearer KEY" in error["message"]) == ("UNAUTHENTICATED", True)


@pytest.mark.parametrize("authorization", ["Bearer ohk_nonsense", "Bearer", "Basic YTpi", "x", "Bearer é"])
def test_a_wrong_key_is_refused_even_where_none_is_needed(house: House, public: str, authorization: str) -> None:
    for http in (house.http, public):
        answer = httpx.post(
            f"http://{http}/graphql", json=TENANT, headers=[(b"authorization", authorization.encode())], timeout=20
        )
        assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


def test_a_key_that_may_not_read_is_told_so(house: House, public: str, tenant: Tenant) -> None:
    with postgres.connect(house.settings.postgres) as connection:
        sends = create_key(connection, tenant.name, scopes=[Scope.INGEST]).key
    for http in (house.http, public):
        answer = ask(http, f"Bearer {sends}")
        (error,) = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (403, "FORBIDDEN")
        assert error["message"] == "this caller may not read data: it lacks the scope 'query'"


def test_a_revoked_key_dies_within_five_seconds(house: House, public: str) -> None:
    tenant = house.tenant()
    assert ask(public, f"Bearer {tenant.key}").status_code == 200
    with postgres.connect(house.settings.postgres) as connection:
        revoke_key(connection, tenant.key[:12])
    for _ in range(50):
        if (answer := ask(public, f"Bearer {tenant.key}")).status_code == 401:
            break
        time.sleep(0.1)
    assert answer.status_code == 401


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1", "127.8.0.1:80", "[::1]", "[::1]:8080"])
def test_a_client_that_names_this_machine_needs_no_key(house: House, host: str) -> None:
    assert ask(house.http, host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", "[::2]:1", ""]
)
def test_a_page_whose_name_was_bent_to_this_machine_needs_one(house: House, tenant: Tenant, host: str) -> None:
    assert ask(house.http, host=host).status_code == 401
    assert ask(house.http, f"Bearer {tenant.key}", host).status_code == 200
