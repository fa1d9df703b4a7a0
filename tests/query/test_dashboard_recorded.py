"""A dashboard's queries are answered the same with rules that cover them as without."""

from __future__ import annotations

import pytest

from tests.query.house import House, Tenant
from tests.query.test_recorded import ask
from tests.support.dashboard import QUERIES, RULES, T0, windows
from tests.support.recorded import store

MINUTES = 15


@pytest.fixture(scope="module")
def recorded(house: House) -> Tenant:
    tenant = house.tenant()
    store(house.settings, tenant.name, RULES, windows(6, MINUTES, tenant.name))
    return tenant


@pytest.mark.parametrize("query", QUERIES)
def test_the_answer_is_that_without_the_rules_and_takes_fewer_samples(recorded: Tenant, query: str) -> None:
    times = T0 + 7 * 60_000, T0 + (MINUTES - 2) * 60_000, 60_000
    got, wanted = ask(recorded, query, *times), ask(recorded, query, *times, recorded="false")
    assert got["found"].keys() == wanted["found"].keys()
    assert wanted["found"] or ">" in query
    for labels, values in wanted["found"].items():
        assert got["found"][labels] == pytest.approx(values, rel=1e-9, abs=1e-12, nan_ok=True)
    taken, all_of_them = (each["stats"]["samples"]["totalQueryableSamples"] for each in (got, wanted))
    assert taken < all_of_them / 2
