"""One statement, from its request to its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from starlette.types import Receive

from otelhouse.clickhouse_server import metrics
from otelhouse.clickhouse_server.body import Body
from otelhouse.clickhouse_server.engine import MARK, READ_LIMITS, WRITE_LIMITS, Engine, Progress, Session
from otelhouse.clickhouse_server.errors import NOT_IMPLEMENTED, QUERY_WAS_CANCELLED, SYNTAX_ERROR, ServerError
from otelhouse.clickhouse_server.kill import Kill, report
from otelhouse.clickhouse_server.parameters import Ask
from otelhouse.clickhouse_server.pipe import DataPipe, ResultPipe
from otelhouse.clickhouse_server.respond import Responder
from otelhouse.clickhouse_server.running import Running, RunningRequests
from otelhouse.clickhouse_server.statement import Kind, Statement, parse

T = TypeVar("T")

_MAX_STATEMENT = 16 << 20
# How much of a result is held back, and how long, so that an error can still be answered with its own status.
_HOLD, _HOLD_WAITING, _HOLD_SECONDS = 1 << 20, 32 << 20, 0.1
_TAIL = 64 << 10
_KILL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """What all exchanges share. Every step that blocks runs on `threads`."""

    engine: Engine
    threads: Executor
    running: RunningRequests

    async def call(self, work: Callable[[], T]) -> T:
        """Run blocking work on a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)


class Exchange:
    """Runs a request's statement. `kind` says what it does as soon as that is known."""

    def __init__(self, server: Server, ask: Ask, running: Running, respond: Responder) -> None:
        self._server = server
        self._ask = ask
        self._running = running
        self._respond = respond
        self.kind: Kind | None = None

    async def run(self, body: Body, receive: Receive) -> None:
        """Answer. Raises ServerError before the answer has begun, BrokenResponse after; ClientDisconnect any time."""
        statement = await self._read_statement(body)
        self.kind = statement.kind
        session = await self._server.call(self._server.engine.session)
        try:
            await self._server.call(lambda: self._prepare(session, statement.kind))
            if statement.kind is Kind.SELECT:
                gone = partial(self._server.call, self._running.stop)
                with self._server.running.reading():
                    async with _watched(receive, gone):
                        await self._select(session, statement)
            elif statement.kind is Kind.INSERT:
                await self._insert(session, statement, body)
            elif statement.kind is Kind.KILL:
                await self._kill(session, statement)
            else:
                await self._command(session, statement)
        finally:
            await self._server.call(session.close)

    async def _read_statement(self, body: Body) -> Statement:
        """The statement may be in the URL, in the body, or begin there and end here."""
        text = self._ask.query
        head = await body.read()
        text += b"\n" * bool(text and head) + head
        statement = parse(text)
        if statement.kind is Kind.INSERT or body.complete:
            return statement
        async for piece in body.pieces():
            text += piece
            if len(text) > _MAX_STATEMENT:
                raise ServerError(SYNTAX_ERROR, f"The statement is longer than {_MAX_STATEMENT} bytes", "SYNTAX_ERROR")
        return parse(text)

    def _prepare(self, session: Session, kind: Kind) -> None:
        settings = {**self._ask.settings, MARK: self._ask.query_id}
        limits = READ_LIMITS if kind is Kind.SELECT else WRITE_LIMITS
        session.prepare(self._ask.database, settings, self._ask.parameters, limits)
        if self._ask.read_only:
            session.forbid_writes()

    async def _command(self, session: Session, statement: Statement) -> None:
        if statement.kind is Kind.STATE:
            message = "Requests share no session: give database and settings with each request"
            raise ServerError(NOT_IMPLEMENTED, message, "NOT_IMPLEMENTED")
        form = statement.format or self._ask.default_format
        out, progress = await self._server.call(lambda: session.run(statement.text, form))
        await self._respond.whole(out, form, progress)

    async def _kill(self, session: Session, statement: Statement) -> None:
        kill = Kill.parse(statement)
        found = await self._server.call(lambda: kill.victims(session, self._ask.query_id))
        rows = [(await self._end(query_id, kill.mode), query_id, user, query) for query_id, user, query in found]
        form = statement.format or self._ask.default_format
        out = (await self._server.call(lambda: session.run(report(rows), form)))[0] if rows else b""
        await self._respond.whole(out, form, Progress())

    async def _end(self, query_id: str, mode: bytes) -> str:
        """Stop one request and say how far it is."""
        victim = self._server.running.get(query_id)
        if mode == b"TEST" or victim is None:
            return "finished" if victim is None else "unknown_status"
        await self._server.call(victim.stop)
        done = mode == b"SYNC" and await self._server.call(lambda: victim.ended.wait(_KILL_SECONDS))
        return "finished" if done else "waiting"

    async def _insert(self, session: Session, statement: Statement, body: Body) -> None:
        pipe = DataPipe()
        done = self._start(session, statement.from_file(pipe.path), pipe.release)
        feed = asyncio.ensure_future(self._feed(pipe, statement.data, body))
        loop = asyncio.get_running_loop()
        self._running.on_stop = lambda: loop.call_soon_threadsafe(feed.cancel)
        whole = False
        try:
            await asyncio.wait([feed])
            whole = not feed.cancelled() and feed.exception() is None
        finally:
            feed.cancel()
            # What is cut short must not be taken for the end of the data.
            if not whole and not done.done():
                await self._server.call(lambda: self._running.stop_surely(done.done))
            pipe.close()
            await asyncio.wait([done])
        if not feed.cancelled():
            feed.result()
        progress = await self._outcome(done)
        metrics.WRITTEN_ROWS.inc(progress.written_rows)
        await self._respond.whole(b"", statement.format, progress)

    async def _feed(self, pipe: DataPipe, first: bytes, body: Body) -> None:
        """Bring an INSERT's data to the engine, all or until the engine has failed, which `_outcome` then tells."""
        if not await pipe.write(first):
            return
        async for piece in body.pieces():
            if not await pipe.write(piece):
                return

    def _start(self, session: Session, sql: bytes, end: Callable[[], None]) -> asyncio.Future[Progress]:
        """Run a statement whose rows pass through a pipe."""

        def work() -> Progress:
            try:
                return session.run(sql, "Null")[1]
            finally:
                end()

        return asyncio.get_running_loop().run_in_executor(self._server.threads, work)

    async def _select(self, session: Session, statement: Statement) -> None:
        pipe = ResultPipe()
        loop = asyncio.get_running_loop()
        self._running.on_stop = lambda: loop.call_soon_threadsafe(pipe.close)
        form = statement.format or self._ask.default_format
        done = self._start(session, statement.into_file(pipe.path, form), pipe.release)
        try:
            await self._carry(pipe, done, form)
        finally:
            pipe.close()
            if not done.done():
                await self._server.call(self._running.stop)
                await asyncio.wait([done])

    async def _carry(self, pipe: ResultPipe, done: asyncio.Future[Progress], form: str) -> None:
        """Bring the result from the pipe to the client."""
        held, whole = await self._hold(pipe)
        if whole:
            progress = await self._outcome(done)
            await self._respond.whole(held, form, progress)
            return
        await self._respond.start(form)
        tail = held
        while data := await pipe.read():
            tail = await self._forward(tail, data)
        try:
            await self._outcome(done)
        except ServerError as error:
            await self._respond.fail(error)
        await self._respond.write(tail)
        await self._respond.finish()

    async def _forward(self, tail: bytes, data: bytes) -> bytes:
        """Send what is surely not the end, and keep the rest.

        The engine completes its document even when the query failed. Without its last bytes, which the error takes
        the place of, nobody can take an Arrow stream or a JSON document for whole.
        """
        if len(data) >= _TAIL:
            await self._respond.write(tail)
            return data
        whole = tail + data
        if len(whole) >= 2 * _TAIL:
            await self._respond.write(whole[:-_TAIL])
            return whole[-_TAIL:]
        return whole

    async def _hold(self, pipe: ResultPipe) -> tuple[bytes, bool]:
        """The first bytes of the result, and whether they are all."""
        limit = _HOLD_WAITING if self._ask.wait_end else _HOLD
        held = bytearray()
        try:
            async with asyncio.timeout(None if self._ask.wait_end else _HOLD_SECONDS):
                while len(held) < limit:
                    data = await pipe.read()
                    if not data:
                        return bytes(held), True
                    held += data
        except TimeoutError:
            held += b"" if held else await pipe.read()
        return bytes(held), not held

    async def _outcome(self, done: asyncio.Future[Progress]) -> Progress:
        """How the engine ended. A request that was stopped says so, whatever the engine says of its broken pipe."""
        try:
            progress = await done
        except ServerError:
            self._check_stopped()
            raise
        self._check_stopped()
        return progress

    def _check_stopped(self) -> None:
        if self._running.stopped.is_set():
            raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled", "QUERY_WAS_CANCELLED")


@contextlib.asynccontextmanager
async def _watched(receive: Receive, gone: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """While inside, call `gone` when the client hangs up. The request's body must have been read."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await gone()

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
