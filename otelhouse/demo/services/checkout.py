"""Turns a cart into an order: price, payment, shipping."""

from __future__ import annotations

from opentelemetry import trace

from otelhouse.demo.shop import Body, Failure, Routes, Shop


def routes(shop: Shop) -> Routes:
    """Place an order."""
    orders = shop.sdk.meter.create_counter("shop.orders", "{order}", "Orders placed.")
    value = shop.sdk.meter.create_histogram("shop.order.value", "EUR", "Value of the orders placed.")

    def order(body: Body) -> Body:
        items = shop.call("cart", "POST /take", {"visitor": body["visitor"]})["items"]
        if not items:
            raise Failure(409, "the cart is empty")
        amount = round(sum(item["price"] for item in items), 2)
        span = trace.get_current_span()
        span.set_attributes({"shop.order.amount": amount, "shop.order.items": len(items)})
        try:
            paid = shop.call("payment", "POST /charge", {"amount": amount, "visitor": body["visitor"]})
        except Failure as failure:
            orders.add(1, {"outcome": "declined"})
            shop.sdk.log.warning("order not paid: %s", failure, extra={"fields": {"shop.order.amount": amount}})
            raise
        span.add_event("paid", {"shop.payment.id": paid["payment"]})
        shipped = shop.call("shipping", "POST /ship", {"items": len(items)})
        orders.add(1, {"outcome": "placed"})
        value.record(amount)
        shop.sdk.log.info(
            "order placed", extra={"fields": {"shop.order.amount": amount, "shop.tracking": shipped["tracking"]}}
        )
        return {"tracking": shipped["tracking"], "amount": amount}

    return {"POST /order": order}
