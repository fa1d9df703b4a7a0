"""One statement from its request to its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from typing import TypeVar

from starlette.types import Receive

from otelhouse.clickhouse_server.body import Body
from otelhouse.clickhouse_server.engine import MARK, Engine, Progress, Session
from otelhouse.clickhouse_server.errors import (
    NOT_IMPLEMENTED,
    QUERY_WAS_CANCELLED,
    SYNTAX_ERROR,
    ServerError,
)
from otelhouse.clickhouse_server.parameters import Ask
from otelhouse.clickhouse_server.pipe import Pipe
from otelhouse.clickhouse_server.respond import Responder
from otelhouse.clickhouse_server.running import Running
from otelhouse.clickhouse_server.statement import Kind, Statement, parse

T = TypeVar("T")


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


_MAX_STATEMENT = 16 << 20
# How much of a result is held back so that an error can still be answered with its own status and nothing else.
_HOLD, _HOLD_WAITING = 1 << 20, 32 << 20
_HOLD_SECONDS = 0.1


class Exchange:
    """Runs a request's statement. Every step that blocks runs on `threads`."""

    def __init__(self, engine: Engine, threads: Executor, ask: Ask, running: Running, responder: Responder) -> None:
        self._engine = engine
        self._threads = threads
        self._ask = ask
        self._running = running
        self._respond = responder

    async def run(self, receive: Receive) -> None:
        """Answer. Raises ServerError before the answer has begun, BrokenResponse after; ClientDisconnect any time."""
        body = Body(receive, self._ask.content_encoding)
        statement = await self._read_statement(body)
        session = await self._call(self._engine.session)
        try:
            settings = {**self._ask.settings, MARK: self._ask.query_id}
            ask = self._ask
            await self._call(lambda: session.prepare(ask.database, settings, ask.parameters, ask.read_only))
            await self._dispatch(session, statement, body, receive)
        finally:
            await self._call(session.close)

    async def _dispatch(self, session: Session, statement: Statement, body: Body, receive: Receive) -> None:
        if statement.kind is Kind.INSERT:
            await self._insert(session, statement, body)
            return
        async with _watched(receive, self._gone):
            if statement.kind is Kind.RESULT:
                await self._result(session, statement)
            else:
                await self._command(session, statement)

    async def _read_statement(self, body: Body) -> Statement:
        """The statement may be in the URL, in the body, or begin there and end here."""
        head = await body.head(1 << 20)
        text = self._ask.query + b"\n" * bool(self._ask.query and head) + head
        statement = parse(text)
        if statement.kind is Kind.INSERT or body.complete:
            return statement
        async for piece in body.pieces():
            text += piece
            if len(text) > _MAX_STATEMENT:
                raise ServerError(SYNTAX_ERROR, f"The statement is longer than {_MAX_STATEMENT} bytes", "SYNTAX_ERROR")
        return parse(text)

    async def _command(self, session: Session, statement: Statement) -> None:
        if statement.kind is Kind.STATE:
            raise ServerError(NOT_IMPLEMENTED, "Requests share no session: give settings and database with each", "NOT_IMPLEMENTED")
        form = statement.format or self._ask.default_format
        sql = statement.text.decode("utf-8", "surrogateescape")
        out, progress = await self._call(lambda: session.run(sql, form))
        await self._respond.whole(out, form, progress)

    async def _insert(self, session: Session, statement: Statement, body: Body) -> None:
        sql = statement.text.decode("utf-8", "surrogateescape")
        insert = await self._call(lambda: session.begin_insert(sql, statement.format))
        try:
            await self._call(lambda: insert.append(statement.data))
            async for piece in body.pieces():
                self._check_stopped()
                await self._call(lambda data=piece: insert.append(data))
        except BaseException:
            with contextlib.suppress(ServerError):
                await self._call(insert.cancel)
            raise
        progress = await self._call(insert.finish)
        await self._respond.whole(b"", statement.format, progress)

    async def _result(self, session: Session, statement: Statement) -> None:
        pipe = Pipe()
        loop = asyncio.get_running_loop()
        self._running.on_stop = lambda: loop.call_soon_threadsafe(pipe.close)
        form = statement.format or self._ask.default_format
        sql = statement.into(pipe.path, form)

        def work() -> Progress:
            try:
                return session.run(sql, "Null")[1]
            finally:
                pipe.close_writer()

        done = loop.run_in_executor(self._threads, work)
        try:
            await self._carry(pipe, done, form)
        finally:
            pipe.close()
            if not done.done():
                await self._call(self._running.stop)
                await asyncio.wait([done])

    async def _carry(self, pipe: Pipe, done: asyncio.Future[Progress], form: str) -> None:
        held, whole = await self._hold(pipe)
        if whole:
            progress = await done
            self._check_stopped()
            await self._respond.whole(held, form, progress)
            return
        await self._respond.start(form)
        await self._respond.write(held)
        while data := await pipe.read():
            await self._respond.write(data)
        try:
            await done
            self._check_stopped()
        except ServerError as error:
            await self._respond.fail(error)
        await self._respond.finish()

    async def _hold(self, pipe: Pipe) -> tuple[bytes, bool]:
        """The first bytes, and whether they are all."""
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
            if not held:
                held += await pipe.read()
        return bytes(held), not held

    async def _gone(self) -> None:
        await self._call(self._running.stop)

    def _check_stopped(self) -> None:
        if self._running.stopped.is_set():
            raise ServerError(QUERY_WAS_CANCELLED, "Query was cancelled", "QUERY_WAS_CANCELLED")

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
