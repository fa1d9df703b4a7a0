"""Rows of `spans`, `trace_index` and `resources` as the processor would write them; the same seed, the same rows.

40 services of 12 operations and 6 instances each; traces of 8-20 spans in 3-6 services, RATE spans a second; 11
attributes a span (of four sorts: HTTP server, HTTP client, database, internal), some with a handful of values (methods,
routes, status codes), some with tens of thousands (users, orders, peers, paths, statements with literals); 2 % of the
traces hold an error, whose span has an exception with its stack; 0.5 % of the spans have a link.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schema.arrow import RESOURCES, SPANS, TRACE_INDEX

TENANT = "acme"
DAY = 20_000
START = DAY * 86_400 * 10**9
RATE = 500
"""Spans a second."""
WINDOW = 50_000
"""Spans of a block, about."""

SERVICES, OPERATIONS, INSTANCES = 40, 12, 6
USERS, PEERS, ORDERS = 100_000, 20_000, 1_000_000
_ATTRIBUTES = 11

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """What one window of the log becomes."""

    spans: pa.Table
    trace_index: pa.Table


def service(number: int) -> str:
    """Name of a service."""
    return f"{('shop', 'pay', 'ship', 'ads')[number % 4]}-service-{number:02d}"


def operation(number: int, which: int) -> str:
    """Name of a service's operation, or of its span: `which` says the sort, too."""
    noun = ("orders", "carts", "items", "users", "prices")[(number + which) % 5]
    match which % 4:
        case 0:
            return f"{('GET', 'POST')[which % 3 > 0]} /api/v1/{noun}/{{id}}/{which}"
        case 1:
            return f"SELECT {noun}_{number}.{noun}{which}"
        case 2:
            return f"GET {service((number + which) % SERVICES)}"
        case _:
            return f"{noun}.Handler{which}.process"


def user(number: int) -> str:
    """Value of the attribute `user.id`: each of USERS is as frequent as the others."""
    return f"u-{number:06d}"


def resources() -> pa.Table:
    """Every resource once."""
    rng, rows = np.random.default_rng(3), []
    for number in range(SERVICES):
        for _ in range(INSTANCES):
            rows.append(
                {
                    "service.name": service(number),
                    "service.version": f"1.{number % 7}.{rng.integers(3)}",
                    "service.instance.id": rng.bytes(16).hex(),
                    "service.namespace": "shop",
                    "host.name": f"ip-10-0-{rng.integers(8)}-{rng.integers(256)}.eu-central-1.compute.internal",
                    "k8s.pod.name": f"{service(number)}-{rng.bytes(5).hex()}-{rng.bytes(3).hex()[:5]}",
                    "k8s.namespace.name": "shop",
                    "k8s.node.name": f"node-{rng.integers(30)}",
                    "deployment.environment.name": "production",
                    "telemetry.sdk.language": ("java", "go", "python")[number % 3],
                }
            )
    count = len(rows)
    columns = _place(count) | {
        "resource": pa.array(_resource_ids()),
        "service": pa.array([row["service.name"] for row in rows]),
        "schema_url": pa.array([""] * count),
        "attributes": pa.array([list(row.items()) for row in rows], RESOURCES.field("attributes").type),
        "attributes_json": pa.array([[]] * count, RESOURCES.field("attributes_json").type),
    }
    return _table(columns, RESOURCES)


def windows(spans: int, seed: int = 1) -> Iterator[Window]:
    """About so many spans, window by window."""
    rng = np.random.default_rng(seed)
    length = WINDOW * 10**9 // RATE
    for number in range(max(round(spans / WINDOW), 1)):
        yield _window(rng, number, START + number * length, length)


def _resource_ids() -> NDArray[np.uint64]:
    return np.random.default_rng(2).integers(2**64, size=SERVICES * INSTANCES, dtype=np.uint64)


def _window(rng: np.random.Generator, number: int, start: int, length: int) -> Window:
    sizes = rng.integers(8, 21, WINDOW // 14)
    trace, first = np.repeat(np.arange(len(sizes)), sizes), np.repeat(np.cumsum(sizes) - sizes, sizes)
    count = len(trace)
    position = np.arange(count) - first
    within = (rng.integers(3, 7, len(sizes))[trace] * rng.random(count)).astype(np.int64)
    within[position == 0] = 0
    services = (rng.integers(SERVICES, size=len(sizes))[trace] + within * 7) % SERVICES
    operations = np.minimum(rng.geometric(0.2, count) - 1, OPERATIONS - 1)
    instances = (rng.integers(2**31, size=len(sizes))[trace] // (within + 1)) % INSTANCES
    lengths = np.where(position == 0, 1.0, rng.random(count)) * rng.lognormal(17.5, 1, len(sizes))[trace]
    times = start + rng.integers(length, size=len(sizes))[trace]
    times += np.where(position == 0, 0.0, rng.random(count) * rng.lognormal(17, 1, len(sizes))[trace]).astype(np.int64)
    failed = (rng.random(len(sizes)) < 0.02)[trace] & (position == 1)
    span_ids = rng.integers(2**63, size=count)
    parents = np.where(position == 0, 0, span_ids[first + (rng.random(count) * position).astype(np.int64)])
    trace_ids = np.frombuffer(rng.bytes(16 * len(sizes)), dtype="S16")
    order = np.argsort(times + lengths.astype(np.int64), kind="stable")  # a span is sent when it has ended

    block = np.full(count, number + 1)
    columns = _place(count) | {
        "time": pa.array(times).cast(pa.timestamp("ns", "UTC")),
        "duration_ns": pa.array(lengths.astype(np.int64)),
        "trace_id": _fixed(trace_ids[trace], 16),
        "span_id": _fixed(span_ids.astype(">i8"), 8),
        "parent_id": _fixed(parents.astype(">i8"), 8),
        "trace_state": pa.array([""] * count),
        "flags": pa.array(np.full(count, 257, np.uint32)),
        "service": pa.array([service(n) for n in range(SERVICES)]).take(pa.array(services)),
        "name": _names().take(pa.array(services * OPERATIONS + operations)),
        "kind": pa.array(np.array((2, 3, 3, 1), np.uint8)[operations % 4]),
        "status": pa.array(np.where(failed, 2, 0).astype(np.uint8)),
        "status_message": pa.array(["", "internal error"]).take(pa.array(failed.astype(np.int64))),
        "adjusted_count": pa.array(np.ones(count)),
        "resource": pa.array(_resource_ids()[services * INSTANCES + instances]),
        "scope_name": pa.array([f"io.opentelemetry.{name}" for name in ("http", "jdbc", "grpc", "app")]).take(
            pa.array(operations % 4)
        ),
        "scope_version": pa.array(["2.9.0-alpha"] * count),
        "scope_attributes": pa.array([[]] * count, SPANS.field("scope_attributes").type),
        "scope_attributes_json": pa.array([[]] * count, SPANS.field("scope_attributes_json").type),
        "block": pa.array(block.astype(np.uint64)),
    }
    columns |= _span_attributes(rng, services, operations, failed)
    columns |= _events(rng, times, failed) | _links(rng, count)
    spans = _table(columns, SPANS).take(pa.array(order))
    return Window(spans, _index(number, trace_ids, times, np.flatnonzero(position == 0)))


def _index(number: int, trace_ids: NDArray[np.bytes_], times: Numbers, begins: Numbers) -> pa.Table:
    """Rows of `trace_index` of traces whose spans begin there in `times`."""
    count = len(trace_ids)
    ends = np.append(begins[1:], len(times))
    columns = _place(count) | {
        "trace_id": _fixed(trace_ids, 16),
        "min_time": pa.array(np.minimum.reduceat(times, begins)).cast(pa.timestamp("ns", "UTC")),
        "max_time": pa.array(np.maximum.reduceat(times, begins)).cast(pa.timestamp("ns", "UTC")),
        "spans": pa.array((ends - begins).astype(np.uint32)),
        "partition": pa.array(np.zeros(count, np.uint16)),
        "first_offset": pa.array((number * 100 + begins // 512).astype(np.uint64)),
        "last_offset": pa.array((number * 100 + ends // 512).astype(np.uint64)),
        "pending": pa.array(np.zeros(count, bool)),
        "block": pa.array(np.full(count, number + 1, np.uint64)),
    }
    return _table(columns, TRACE_INDEX)


def _names() -> pa.Array:
    return pa.array([operation(s, o) for s in range(SERVICES) for o in range(OPERATIONS)])


def _span_attributes(
    rng: np.random.Generator, services: Numbers, operations: Numbers, failed: NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """All values sort by sort and key by key, then put into the rows' order."""
    pieces, keys, json = [], [], []
    at = np.empty((len(services), _ATTRIBUTES), np.int64)
    key_at = np.empty_like(at)
    base = 0
    for sort in range(4):
        rows = np.flatnonzero(operations % 4 == sort)
        values = _values(rng, sort, services[rows], operations[rows], failed[rows])
        for column, (key, texts) in enumerate(values.items()):
            at[rows, column] = base + np.arange(len(rows))
            key_at[rows, column] = len(keys)
            base += len(rows)
            keys.append(key)
            pieces.append(texts.cast(pa.string()))
        json.append([key for key in values if key in _JSON])
    offsets = pa.array(np.arange(len(services) + 1, dtype=np.int32) * _ATTRIBUTES)
    texts = pa.concat_arrays(pieces).take(pa.array(at.ravel()))
    return {
        "attributes": pa.MapArray.from_arrays(offsets, pa.array(keys).take(pa.array(key_at.ravel())), texts),
        "attributes_json": pa.array(json, pa.list_(pa.string())).take(pa.array(operations % 4)),
    }


_JSON = {
    "http.response.status_code", "server.port", "thread.id", "db.response.returned_rows", "app.latency_ms",
    "app.cached", "code.line.number",
}  # fmt: skip


def _values(
    rng: np.random.Generator, sort: int, services: Numbers, operations: Numbers, failed: NDArray[np.bool_]
) -> dict[str, pa.Array]:
    count = len(services)

    def some(prefix: str, most: int) -> pa.Array:
        return _joined(prefix, rng.integers(most, size=count))

    def one(*values: str) -> pa.Array:
        return pa.array(values).take(pa.array((services * OPERATIONS + operations) % len(values)))

    statuses = np.where(failed, 500, np.array((200, 200, 200, 201, 404))[(rng.random(count) ** 3 * 5).astype(int)])
    threads = {"thread.id": some("", 200), "thread.name": some("http-nio-8080-exec-", 200)}
    route = one(*(f"/api/v1/{noun}/{{id}}/{n}" for n in range(12) for noun in ("orders", "carts", "items", "users")))
    match sort:
        case 0:
            return {
                "http.request.method": one("GET", "POST", "GET"),
                "http.response.status_code": pa.array(statuses),
                "http.route": route,
                "url.path": _joined("/api/v1/orders/", rng.integers(10_000, size=count)),
                "url.scheme": one("https"),
                "server.address": _joined("shop-", services, ".example.com"),
                "server.port": one("8080"),
                "client.address": some("10.7.", PEERS),
                "user.id": pa.array([user(n) for n in range(USERS)]).take(pa.array(rng.integers(USERS, size=count))),
                "user_agent.original": _joined(
                    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.", rng.integers(40, size=count), " Chrome/126"
                ),
                "network.protocol.version": one("1.1", "2"),
            }
        case 1:
            literal = _joined(" AND id = ", rng.integers(ORDERS, size=count))
            statement = _joined("SELECT id, name, price, created FROM orders_", services * 12 + operations)
            bound = pa.array(["", " WHERE tenant = $1 AND id = $2"]).take(pa.array((rng.random(count) < 0.8) * 1))
            return {
                "db.system.name": one("postgresql", "mysql"),
                "db.namespace": _joined("shop_", services),
                "db.operation.name": one("SELECT"),
                "db.collection.name": _joined("orders_", operations),
                "db.query.text": pc.if_else(
                    pc.equal(bound, ""),
                    pc.binary_join_element_wise(statement, " WHERE tenant = 7", literal, ""),
                    pc.binary_join_element_wise(statement, bound, ""),
                ),
                "db.response.returned_rows": some("", 100),
                "server.address": _joined("db-", services % 5, ".example.com"),
                "server.port": one("5432"),
                "network.peer.address": some("10.8.0.", 20),
                **threads,
            }
        case 2:
            return {
                "http.request.method": one("GET"),
                "http.response.status_code": pa.array(statuses),
                "url.full": pc.binary_join_element_wise(
                    _joined("https://shop-", services, ".example.com"), some("/api/v1/items/", 10_000), ""
                ),
                "url.template": route,
                "server.address": _joined("shop-", services, ".example.com"),
                "server.port": one("443"),
                "peer.service": _joined("shop-service-", (services + operations) % SERVICES),
                "network.peer.address": some("10.9.", 250),
                "network.protocol.version": one("2"),
                **threads,
            }
        case _:
            return {
                "code.function.name": _joined("process", operations),
                "code.file.path": _joined("/app/src/main/java/com/example/shop/Handler", services, ".java"),
                "code.line.number": some("", 400),
                "app.order.id": some("o-", ORDERS),
                "app.latency_ms": pa.array(np.round(rng.random(count) * 100, 3)),
                "app.cached": one("true", "false"),
                "app.region": some("eu-", 4),
                "app.flag": some("flag-", 12),
                "app.build": _joined("2025.11.", services),
                **threads,
            }


def _joined(prefix: str, numbers: Numbers, suffix: str = "") -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), suffix, "")


def _events(rng: np.random.Generator, times: Numbers, failed: NDArray[np.bool_]) -> dict[str, pa.Array]:
    rows = np.flatnonzero(failed | (rng.random(len(times)) < 0.02))
    frames = "".join(f"\n\tat com.example.shop.Handler{n}.process(Handler{n}.java:{n * 37})" for n in range(12))
    attributes = [
        [
            ("exception.type", "java.lang.IllegalStateException"),
            ("exception.message", f"order {n % 5000} is not open"),
            ("exception.stacktrace", f"java.lang.IllegalStateException: order {n % 5000} is not open{frames}"),
        ]
        for n in rng.integers(ORDERS, size=len(rows))
    ]
    at = _offsets(rows, len(times))
    return {
        "events_time": pa.ListArray.from_arrays(at, pa.array(times[rows]).cast(pa.timestamp("ns", "UTC"))),
        "events_name": pa.ListArray.from_arrays(at, pa.array(["exception"] * len(rows), pa.string())),
        "events_attributes": pa.ListArray.from_arrays(at, pa.array(attributes, pa.map_(pa.string(), pa.string()))),
        "events_attributes_json": pa.ListArray.from_arrays(at, pa.array([[]] * len(rows), pa.list_(pa.string()))),
    }


def _links(rng: np.random.Generator, count: int) -> dict[str, pa.Array]:
    rows = np.flatnonzero(rng.random(count) < 0.005)
    number, at = len(rows), _offsets(rows, count)
    attributes = [[("messaging.operation.type", "receive")]] * number
    return {
        "links_trace_id": pa.ListArray.from_arrays(at, _fixed(np.frombuffer(rng.bytes(16 * number), dtype="S16"), 16)),
        "links_span_id": pa.ListArray.from_arrays(at, _fixed(np.frombuffer(rng.bytes(8 * number), dtype="S8"), 8)),
        "links_trace_state": pa.ListArray.from_arrays(at, pa.array([""] * number, pa.string())),
        "links_attributes": pa.ListArray.from_arrays(at, pa.array(attributes, pa.map_(pa.string(), pa.string()))),
        "links_attributes_json": pa.ListArray.from_arrays(at, pa.array([[]] * number, pa.list_(pa.string()))),
    }


def _offsets(rows: Numbers, count: int) -> pa.Array:
    """Of lists that have one element in these rows and none in the others."""
    return pa.array(np.searchsorted(rows, np.arange(count + 1)).astype(np.int32))


def _place(count: int) -> dict[str, pa.Array]:
    return {
        "tenant": pa.array([TENANT] * count),
        "class": pa.array(np.ones(count, np.uint8)),
        "day": pa.array(np.full(count, DAY, np.int32)).cast(pa.date32()),
    }


def _fixed(values: NDArray[np.generic], size: int) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(size), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
    )


def _table(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.Table:
    arrays = []
    for field in schema:
        array = columns[field.name]
        if pa.types.is_dictionary(field.type):
            array = array.dictionary_encode()
        arrays.append(array.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=schema)
