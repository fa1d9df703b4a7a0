"""Asks a query service's Prometheus HTTP API as one of its tenants."""

from __future__ import annotations

from typing import Any

import httpx

from tests.query.house import Tenant

Parameters = dict[str, Any] | list[tuple[str, Any]]


def get(tenant: Tenant, path: str, parameters: Parameters | None = None, **headers: str) -> httpx.Response:
    """The whole answer."""
    url = f"http://{tenant.http}/api/v1/{path}"
    key = {"authorization": f"Bearer {tenant.key}"}
    return httpx.get(url, params=parameters, headers={**key, **headers}, timeout=30, verify=False)


def ask(tenant: Tenant, path: str, parameters: Parameters | None = None) -> Any:
    """The data. AssertionError if there is an error, or a warning."""
    answer = get(tenant, path, parameters).json()
    if answer["status"] != "success" or "warnings" in answer:
        raise AssertionError(answer)
    return answer["data"]


def refused(tenant: Tenant, path: str, parameters: Parameters | None = None) -> tuple[int, str, str]:
    """Status, errorType and error."""
    answer = get(tenant, path, parameters)
    said = answer.json()
    assert said["status"] == "error"
    return answer.status_code, said["errorType"], said["error"]
