"""Ships parcels, and loses its label printer now and then. Exports over OTLP/HTTP, the others over gRPC."""

from __future__ import annotations

from otelhouse.demo.shop import Body, Routes, Shop


def routes(shop: Shop) -> Routes:
    """Ship an order."""
    parcels = shop.sdk.meter.create_counter("shop.parcels", "{parcel}", "Parcels handed to a carrier.")

    def ship(body: Body) -> Body:
        with shop.sdk.tracer.start_as_current_span("print label", attributes={"shop.items": body["items"]}):
            if shop.random.random() < 0.04:
                raise RuntimeError("label printer is out of paper")
        carrier = shop.random.choice(("pigeon", "mule", "sail"))
        parcels.add(1, {"carrier": carrier})
        tracking = f"{carrier}-{shop.random.getrandbits(24):06x}"
        shop.sdk.log.info("parcel handed over", extra={"fields": {"shop.tracking": tracking}})
        return {"tracking": tracking}

    return {"POST /ship": ship}
