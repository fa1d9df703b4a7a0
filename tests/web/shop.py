"""The telemetry that the pages are looked at with."""

from __future__ import annotations

from tests.web.telemetry import (
    CLIENT,
    ERROR,
    MILLISECOND,
    SECOND,
    SERVER,
    Log,
    Span,
    now,
    send_logs,
    send_spans,
)

CHECKOUT = "c0ffee00" * 4
ORPHANED = "0b0e0000" * 4
LONG = "10a60000" * 4
HOSTILE = "bad00000" * 4

LONG_SPANS = 2_000
BROWSED = 60
"""Traces of the service `catalog`: more than a page of the list."""

SCRIPT = "<img src=x onerror='window.owned = true'>"


def send(otlp_http: str) -> None:
    """Send all of it; returns when it is acknowledged."""
    base = now() // SECOND * SECOND - 120 * SECOND
    send_spans(otlp_http, [*_checkout(base), *_orphaned(base), *_long(base), *_hostile(base), *_browsed(base)])
    send_logs(otlp_http, [*_checkout_logs(base), *_hostile_logs(base), *_heartbeats(base)])


def _checkout(base: int) -> list[Span]:
    at = base + 123_456_789
    return [
        Span(CHECKOUT, "a1" * 8, "shop-web", "POST /checkout", at, 400 * MILLISECOND, kind=SERVER,
             attributes={"http.route": "/checkout", "cart.items": 3, "coupon": True},
             events=(("cart validated", 20 * MILLISECOND, {"rule": "stock"}),)),
        Span(CHECKOUT, "a2" * 8, "shop-web", "charge", at + 40 * MILLISECOND, 300 * MILLISECOND, "a1" * 8, CLIENT,
             links=((LONG, f"{1:016x}"),)),
        Span(CHECKOUT, "a3" * 8, "payment", "Charge", at + 60 * MILLISECOND, 250 * MILLISECOND, "a2" * 8, SERVER,
             ERROR, "card declined", {"card.scheme": "visa"}),
        Span(CHECKOUT, "a4" * 8, "payment", "SELECT cards", at + 80 * MILLISECOND, 2_500_000, "a3" * 8, CLIENT),
    ]  # fmt: skip


def _checkout_logs(base: int) -> list[Log]:
    at = base + 123_456_789 + 200 * MILLISECOND
    return [
        Log("payment", "card declined by issuer", at, 17, CHECKOUT, "a3" * 8, {"issuer": "ACME"}),
        Log("shop-web", "order placed", at + MILLISECOND, 9, CHECKOUT, "a1" * 8),
    ]


def _orphaned(base: int) -> list[Span]:
    return [Span(ORPHANED, "b1" * 8, "payment", "Refund", base + 5 * SECOND, parent="ee" * 8, kind=SERVER)]


def _long(base: int) -> list[Span]:
    at = base + 10 * SECOND
    return [
        Span(LONG, f"{number:016x}", "batch", f"step {number}", at + number * MILLISECOND, SECOND,
             "" if number == 1 else f"{1 if number < 1000 else 500:016x}")
        for number in range(1, LONG_SPANS + 1)
    ]  # fmt: skip


def _hostile(base: int) -> list[Span]:
    at = base + 15 * SECOND
    return [
        Span(HOSTILE, "d1" * 8, SCRIPT, SCRIPT, at, kind=SERVER, status=ERROR, message=SCRIPT,
             attributes={SCRIPT: SCRIPT}, events=((SCRIPT, 0, {SCRIPT: SCRIPT}),))
    ]  # fmt: skip


def _hostile_logs(base: int) -> list[Log]:
    return [Log(SCRIPT, SCRIPT, base + 15 * SECOND, 21, HOSTILE, "d1" * 8, {SCRIPT: SCRIPT})]


def _browsed(base: int) -> list[Span]:
    return [
        Span(f"{number:032x}", f"{number:016x}", "catalog", f"GET /products/{number}", base + number * SECOND,
             number * MILLISECOND, kind=SERVER, attributes={"product": number})
        for number in range(1, BROWSED + 1)
    ]  # fmt: skip


def _heartbeats(base: int) -> list[Log]:
    return [Log("catalog", f"heartbeat {number}", base + number * SECOND, 5) for number in range(110)]
