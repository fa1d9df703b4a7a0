"""Charges cards. Some are declined, and the bank is slow at times."""

from __future__ import annotations

from otelhouse.demo.shop import Body, Failure, Routes, Shop


def routes(shop: Shop) -> Routes:
    """Charge a card."""

    def charge(body: Body) -> Body:
        slow = shop.random.random() < 0.08
        shop.query("bank", "POST /authorize", shop.random.uniform(0.6, 1.5) if slow else 0.03)
        if slow:
            shop.sdk.log.warning("the bank answered late", extra={"fields": {"shop.order.amount": body["amount"]}})
        if shop.random.random() < 0.08:
            shop.sdk.log.error("card declined", extra={"fields": {"shop.order.amount": body["amount"]}})
            raise Failure(502, "card declined")
        payment = f"pay-{shop.random.getrandbits(32):08x}"
        shop.sdk.log.info("charged", extra={"fields": {"shop.payment.id": payment}})
        return {"payment": payment}

    return {"POST /charge": charge}
