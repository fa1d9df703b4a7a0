"""Runs planned queries on ClickHouse, off the event loop, each under limits that the client cannot lift."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from io import BufferedReader
from typing import Any, TypeVar

import structlog

from otelhouse import clickhouse
from otelhouse.config import ClickHouseSettings
from query.errors import BadInput, LimitExceeded, QueryError, Unavailable
from query.metrics import QUERIES, QUERY_SECONDS
from query.native import BrokenBlock
from query.plan.sql import statement
from query.plan.tree import Select

Row = Sequence[Any]
T = TypeVar("T")

CONCURRENT = 8
"""Queries that run on ClickHouse at once."""
WAITING = 200
"""Queries that wait for their turn; more are refused."""

_MAX_SECONDS = 30
ANSWER_SECONDS = _MAX_SECONDS + 2
"""ClickHouse ends a query by its own limit; one that does not even say so by now hangs."""

LIMITS = {
    "readonly": 2,  # no writes and no DDL, whatever the text; 1 would forbid the settings below
    "max_execution_time": _MAX_SECONDS,
    "max_memory_usage": 1 << 30,
    "max_rows_to_read": 1_000_000_000,
    "max_result_rows": 500_000,
    "max_result_bytes": 512 << 20,
    "result_overflow_mode": "throw",
    # A trace's rows and its resources lie on one shard: a sub-query never needs to look at another.
    "distributed_product_mode": "local",
}

_KILL = "KILL QUERY WHERE query_id = {id:String} ASYNC"
# A server's own ends a query by itself when its reader goes; the embedded one always does.
_UNTIL_GONE = {"cancel_http_readonly_queries_on_client_close": 1}


class Reading(Enum):
    """How ClickHouse reads for a query.

    With how many threads; whether each stream reads ahead of what is taken; whether ids that a sub-query finds are
    looked up in the index.
    """

    ALL = (4, True, True)
    FEW = (1, True, True)
    """Few granules of many columns, found by an index: one thread is faster, as each opens all the columns."""
    SCAN = (4, True, False)
    """A sub-query finds about as many ids as there are: to look each up costs more than to read all."""
    IN_ORDER = (2, False, True)
    """In the table's order, to end when enough was found: what is read ahead is read for nothing."""

    @property
    def settings(self) -> dict[str, Any]:
        threads, ahead, look_up = self.value
        return LIMITS | {
            "max_threads": threads,
            "read_in_order_use_buffering": int(ahead),
            "use_index_for_in_with_subqueries": int(look_up),
        }


# ClickHouse's error codes (src/Common/ErrorCodes.cpp).
_TOO_MUCH = frozenset({158, 159, 160, 241, 307, 396})
_NOT_MIGRATED = frozenset({60, 81})
_BAD_PATTERN = frozenset({427})

_BUFFER = 1 << 18
_AWAY = "the storage cannot be reached now: try again"


class Database:
    """ClickHouse, read only. Connects when first asked, so that it may be down at start."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="clickhouse")
        self._opening = threading.Lock()
        self._counting = threading.Lock()  # a query may come from an event loop of its own
        self._client: Any = None
        self._under_way = 0

    async def rows(self, select: Select, reading: Reading = Reading.ALL) -> Sequence[Row]:
        """All rows of the answer. Raises QueryError: Unavailable, LimitExceeded, or BadInput for a bad pattern."""
        planned = statement(select)

        def work() -> Sequence[Row]:
            result = self._connected().query(planned.sql, parameters=planned.parameters, settings=reading.settings)
            rows: Sequence[Row] = result.result_rows
            return rows

        return await self._answer(select.source.table, work)

    async def read(
        self,
        select: Select,
        form: str,
        consume: Callable[[BufferedReader], T],
        limits: Mapping[str, Any],
        seconds: float | None = None,
        explain: str = "",
    ) -> T:
        """What `consume` makes, on a thread of ours, of the answer in one of ClickHouse's formats, as it comes.

        `limits` go before ours. With `explain`, what EXPLAIN says of the query. Raises what `rows` raises, and what
        `consume` raises. Whoever is cancelled while waiting ends the query, too: ClickHouse sees its reader go, or is
        told if it has not begun to answer.
        """
        planned, stream = statement(select), _Stream()
        sql = f"EXPLAIN {explain} {planned.sql}" if explain else planned.sql
        settings = {**Reading.ALL.settings, **_UNTIL_GONE, **limits, "query_id": stream.query_id}

        def work() -> T:
            opened = self._connected().raw_stream(sql, parameters=planned.parameters, settings=settings, fmt=form)
            with stream.opened(opened):
                return consume(BufferedReader(opened, _BUFFER))

        try:
            return await self._answer(select.source.table, work, seconds)
        except BaseException:
            if stream.end():
                self._threads.submit(self._kill, stream.query_id)
            raise

    async def _answer(self, table: str, work: Callable[[], T], seconds: float | None = None) -> T:
        seconds = ANSWER_SECONDS if seconds is None else seconds
        with self._counting:
            if self._under_way >= CONCURRENT + WAITING:
                raise Unavailable("too many queries are waiting: try again")
            self._under_way += 1
        try:
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._threads, self._run, table, work)
            return await asyncio.wait_for(running, seconds)  # its turn may come late, or connecting hang
        except TimeoutError:
            structlog.get_logger(__name__).warning("query not answered", seconds=seconds)
            raise Unavailable(_AWAY) from None
        finally:
            with self._counting:
                self._under_way -= 1

    def check(self) -> None:
        """For /readyz."""
        clickhouse.check(self._settings)

    def close(self) -> None:
        """Wait for what runs, then release."""
        self._threads.shutdown()
        if self._client is not None:
            self._client.close()

    def _run(self, table: str, work: Callable[[], T]) -> T:
        with QUERY_SECONDS.labels(table).time():
            try:
                with clickhouse.translated():
                    found = work()
            except clickhouse.ClickHouseError as error:
                told = _explained(error)
                QUERIES.labels(table, told.code if told else "INTERNAL").inc()
                if told is None:
                    raise
                raise told from error
        QUERIES.labels(table, "OK").inc()
        return found

    def _kill(self, query_id: str) -> None:
        with contextlib.suppress(clickhouse.ClickHouseError), clickhouse.translated():
            self._connected().command(_KILL, parameters={"id": query_id})

    def _connected(self) -> Any:
        with self._opening:
            if self._client is None:
                self._client = clickhouse.connect(self._settings, send_seconds=ANSWER_SECONDS)
            return self._client


class _Stream:
    """An answer that is being read on one thread, which another may end."""

    def __init__(self) -> None:
        self.query_id = str(uuid.uuid4())
        self._lock = threading.Lock()
        self._response: Any = None
        self._begun = False
        self._ended = False

    @contextlib.contextmanager
    def opened(self, response: Any) -> Iterator[None]:
        """While it is read."""
        response.auto_close = False  # else it is a closed file at its end, and not an ended one
        with self._lock:
            self._response, self._begun = response, True
            ended = self._ended
        try:
            if ended:
                raise BrokenBlock("nobody waits for it")
            yield
        finally:
            with self._lock:
                self._response = None
            response.close()  # with its connection, unless it was read to its end

    def end(self) -> bool:
        """Whoever reads sees the end of it. True if the answer has not begun: then only the server can end it."""
        with self._lock:
            self._ended = True
            if self._response is not None:
                with contextlib.suppress(RuntimeError, ValueError):  # it has just been read to its end
                    self._response.shutdown()
            return not self._begun


def _explained(error: clickhouse.ClickHouseError) -> QueryError | None:
    """What the client is told, None if the fault is ours; the server's own words stay in our log."""
    code = error.code
    log = structlog.get_logger(__name__)
    if code in _BAD_PATTERN:  # the user's fault, who is told
        log.debug("query refused", code=code)
        return BadInput("a pattern is not a regular expression that RE2 accepts")
    log.warning("query failed", code=code, error=str(error))
    if code in _TOO_MUCH:
        return LimitExceeded("the query reads more than one query may: narrow its time range or add conditions")
    if code in _NOT_MIGRATED or isinstance(error, clickhouse.Retryable):
        return Unavailable(_AWAY)
    return None
