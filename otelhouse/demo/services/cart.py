"""What visitors want to buy, kept in memory."""

from __future__ import annotations

from otelhouse.demo.shop import Body, Routes, Shop

_MAX_CARTS = 1000


def routes(shop: Shop) -> Routes:
    """Add to a cart, empty it."""
    carts: dict[str, list[Body]] = {}
    items = shop.sdk.meter.create_up_down_counter("shop.cart.items", "{item}", "Items in all carts.")

    def add(body: Body) -> Body:
        shop.query("redis", "HSET cart", 0.001)
        found = shop.call("catalog", "POST /product", {"sku": body["sku"]})
        if len(carts) >= _MAX_CARTS:  # visitors who never came back
            items.add(-len(carts.pop(next(iter(carts)))))
        cart = carts.setdefault(body["visitor"], [])
        cart.append(found)
        items.add(1)
        return {"items": len(cart)}

    def take(body: Body) -> Body:
        shop.query("redis", "GETDEL cart", 0.001)
        cart = carts.pop(body["visitor"], [])
        items.add(-len(cart))
        return {"items": cart}

    return {"POST /add": add, "POST /take": take}
