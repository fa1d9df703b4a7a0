"""The products. Now and then its database is slow."""

from __future__ import annotations

from otelhouse.demo.shop import Body, Failure, Routes, Shop

PRODUCTS = {
    "telescope": 249.0,
    "compass": 29.5,
    "lantern": 39.0,
    "tent": 189.0,
    "kettle": 24.9,
    "map": 12.0,
}


def routes(shop: Shop) -> Routes:
    """All products, and one of them."""
    shown = shop.sdk.meter.create_counter("shop.products.shown", "{product}", "Products shown to visitors.")

    def products(_: Body) -> Body:
        slow = shop.random.random() < 0.06
        if slow:
            shop.sdk.log.warning("the query planner chose a full scan", extra={"fields": {"db.table": "products"}})
        shop.query("postgresql", "SELECT sku, price FROM products", shop.random.uniform(0.4, 1.2) if slow else 0.008)
        shown.add(len(PRODUCTS))
        return {"products": PRODUCTS}

    def product(body: Body) -> Body:
        shop.query("postgresql", "SELECT price FROM products WHERE sku = $1", 0.003)
        if body["sku"] not in PRODUCTS:
            raise Failure(404, f"no product {body['sku']}")
        shown.add(1, {"sku": body["sku"]})
        return {"sku": body["sku"], "price": PRODUCTS[body["sku"]]}

    return {"GET /products": products, "POST /product": product}
