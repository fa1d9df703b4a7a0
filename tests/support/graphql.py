"""Asking the query service, and waiting for what was sent to become visible."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


def ask(http: str, query: str, variables: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
    """POST a query to host:port; returns `data`, raises AssertionError with the errors otherwise."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    answer = httpx.post(
        f"http://{http}/graphql",
        json={"query": query, "variables": variables or {}},
        headers=headers,
        timeout=20,
        verify=False,
    )
    body = answer.json()
    if answer.status_code != 200 or body.get("errors"):
        raise AssertionError(f"{answer.status_code}: {body}")
    data: dict[str, Any] = body["data"]
    return data


def last_hour() -> dict[str, str]:
    """A TimeRange around now."""
    now = datetime.now(UTC)
    return {"start": (now - timedelta(hours=1)).isoformat(), "end": (now + timedelta(minutes=5)).isoformat()}


def eventually(look: Callable[[], T], until: Callable[[T], bool], seconds: float) -> T:
    """Look again and again until it holds; AssertionError with the last sight after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if until(seen):
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {seconds} s; last: {seen!r}")
        time.sleep(0.05)
