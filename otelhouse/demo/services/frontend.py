"""The shop's website, and its visitors: a steady load of two or three requests a second."""

from __future__ import annotations

import http.client
import json
import threading
import time

from otelhouse.demo.services.catalog import PRODUCTS
from otelhouse.demo.shop import Body, Routes, Shop

_PAUSE_SECONDS = 0.35


def routes(shop: Shop) -> Routes:
    """The pages."""
    threading.Thread(target=_visitors, args=(shop,), daemon=True, name="visitors").start()

    def home(_: Body) -> Body:
        products = shop.call("catalog", "GET /products")["products"]
        with shop.sdk.tracer.start_as_current_span("render home"):
            return {"page": "home", "products": sorted(products)}

    def add(body: Body) -> Body:
        return shop.call("cart", "POST /add", body)

    def checkout(body: Body) -> Body:
        placed = shop.call("checkout", "POST /order", body)
        shop.sdk.log.info("thank you page shown", extra={"fields": {"shop.tracking": placed["tracking"]}})
        return placed

    return {"GET /": home, "POST /cart": add, "POST /checkout": checkout}


def _visitors(shop: Shop) -> None:
    number = 0
    while True:
        number += 1
        visitor = f"visitor-{number}"
        _request(shop, "GET /", {})
        for _ in range(shop.random.randint(1, 3)):
            _request(shop, "POST /cart", {"visitor": visitor, "sku": shop.random.choice(sorted(PRODUCTS))})
        if shop.random.random() < 0.7:
            _request(shop, "POST /checkout", {"visitor": visitor})


def _request(shop: Shop, route: str, body: Body) -> None:
    """As a browser that is not instrumented: the trace begins in the frontend."""
    time.sleep(shop.random.uniform(0.5, 1.5) * _PAUSE_SECONDS)
    method, path = route.split(" ", 1)
    connection = http.client.HTTPConnection(*shop.address, timeout=10)
    try:
        connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return  # the next visitor may have more luck
    finally:
        connection.close()
