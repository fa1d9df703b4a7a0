"""Prometheus remote write: its requests become OTLP and go the way of OTLP's.

(method, caller, body) in, an answer out; `__call__` is the front of it.
Sources: Prometheus Remote-Write 1.0 and 2.0 specifications.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from functools import partial

from ingest import metrics
from ingest.accounts import Accounts
from ingest.answer import Accepted, Code, Refused
from ingest.budget import Budget
from ingest.exchange import Caller, Disconnected, Exchange, Headers
from ingest.expansion import expansion
from ingest.group_commit import GroupCommit
from ingest.limits.limiter import Limited
from ingest.receivers.content import too_large
from ingest.receivers.otlp import Body, declared_bytes
from ingest.receivers.reading import INFLATIONS, read_body
from ingest.remote_write.content import check_coding, inflate, inflated_bytes, version_of
from ingest.remote_write.metadata import Metadata
from ingest.steps.admit import Admit
from ingest.steps.authenticate import Authenticate
from otelhouse.keys import Tenant
from otelhouse.telemetry import get_logger
from schema.remote_write.convert import Converted, Counts, Malformed, TooLarge, convert
from schema.remote_write.layout import Reason, Version
from schema.signal import Signal

PATH = "/api/v1/write"
MAX_INFLATED_BYTES = 32 << 20
"""Prometheus sends 2,000 samples at a time, which is less than 1 MiB."""
_SPACE = 8
"""Bytes of memory that converting takes for each byte of a request."""
_INLINE_BYTES = 32 << 10
"""Inflated bytes that are converted on the event loop; a thread costs more than that."""
_WRITTEN = "x-prometheus-remote-write-{}-written"
_NOTHING = Counts(0, 0, 0)

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WriteAnswer:
    """What goes back. `headers`: names in lower case; `body`: what is wrong, in words."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class RemoteWriteReceiver:
    """All remote-write requests."""

    def __init__(
        self,
        authenticate: Authenticate,
        admit: Admit,
        commit: GroupCommit,
        budget: Budget,
        accounts: Accounts,
        max_request_bytes: int,
    ) -> None:
        self._authenticate = authenticate
        self._admit = admit
        self._commit = commit
        self._budget = budget
        self._accounts = accounts
        self._limit = max_request_bytes
        self._metadata = Metadata()
        self._places = asyncio.Semaphore(INFLATIONS)

    async def __call__(self, exchange: Exchange) -> None:
        """Answer one call."""
        answer = await self.handle(exchange.method, exchange, partial(self._body, exchange))
        body = answer.body.encode()
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        if body:
            headers.append((b"content-type", b"text/plain; charset=utf-8"))
        if answer.status != 204:  # which has no length (RFC 9110)
            headers.append((b"content-length", b"%d" % len(body)))
        exchange.answer(answer.status, tuple(headers), body)

    async def handle(self, method: str, caller: Caller, body: Body) -> WriteAnswer:
        """Answer one call; `body` reads it as it came, compressed. Raises what `body` raises, but for Refused."""
        version = Version.V1
        code = Code.OK
        try:
            if method != "POST":
                raise Refused(Code.METHOD_NOT_ALLOWED, "only POST is allowed")
            version = version_of(_header(caller.headers, b"content-type"))
            check_coding(_header(caller.headers, b"content-encoding"))
            converted, accepted = await self._write(version, caller, body)
        except Refused as refused:
            code = refused.code
            answer = _refusal(version, refused)
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours ends one call, not the process
            _log.exception("a call failed", protocol="remote_write")
            code = Code.INTERNAL
            answer = _refusal(version, Refused(code, "the request could not be processed"))
        else:
            answer = _outcome(version, converted, accepted)
            code = Code.OK if answer.status == 204 else Code.INVALID
        metrics.requests.labels("remote_write", "metrics", code.name.lower()).inc()
        return answer

    async def _write(self, version: Version, caller: Caller, body: Body) -> tuple[Converted, Accepted]:
        authorization = _header(caller.headers, b"authorization")
        tenant = await self._authenticate(authorization or None, caller.keyless, caller.sans)
        size = min(declared_bytes(caller.headers), self._limit)  # what is above is a claim, and never read
        try:
            ticket = self._admit(tenant, Signal.METRICS, size)
        except Limited as limited:
            await self._admit.limited(tenant, Signal.METRICS, limited, size)
            raise
        try:
            try:
                converted = await self._convert(version, tenant, await body())
            except Refused as refused:
                self._admit.refused(tenant, Signal.METRICS, refused, size)
                raise
            accepted = await self._commit.submit(tenant, converted.body, ticket)
        finally:
            if ticket is not None:
                ticket.leave()
        for reason, lost in converted.rejected.items():
            self._accounts.rejected(tenant.id, Signal.METRICS, reason.name.lower(), lost.samples + lost.histograms)
        self._metadata.hear(tenant.id, converted.families)
        return converted, accepted

    async def _convert(self, version: Version, tenant: Tenant, body: bytes) -> Converted:
        size = inflated_bytes(body, min(self._limit, MAX_INFLATED_BYTES))
        work = partial(self._converted, version, tenant, body, size)
        if size <= _INLINE_BYTES:
            return work()
        self._budget.take(_SPACE * size)
        try:
            async with self._places:
                return await asyncio.to_thread(work)
        finally:
            self._budget.give(_SPACE * size)

    def _converted(self, version: Version, tenant: Tenant, body: bytes, size: int) -> Converted:
        try:
            with expansion(size):
                return convert(version, inflate(body, size), self._limit, partial(self._metadata.family_of, tenant.id))
        except Malformed as malformed:
            raise Refused(Code.INVALID, f"not a valid remote-write request: {malformed}") from None
        except TooLarge:
            raise Refused(Code.TOO_LARGE, f"the request is larger than {self._limit} bytes in OTLP") from None

    async def _body(self, exchange: Exchange) -> bytes:
        if declared_bytes(exchange.headers) > self._limit:
            raise too_large(self._limit)
        return await read_body(exchange, self._limit, self._limit, self._budget)


def _header(headers: Headers, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")


def _written(version: Version, counts: Counts) -> tuple[tuple[str, str], ...]:
    """The headers that 2.0 demands of every answer to its message."""
    if version is Version.V1:
        return ()
    return tuple((_WRITTEN.format(name), str(count)) for name, count in counts._asdict().items())


def _refusal(version: Version, refused: Refused) -> WriteAnswer:
    headers = list(_written(version, _NOTHING))
    if refused.retry_seconds:
        headers.append(("retry-after", str(math.ceil(refused.retry_seconds))))
    if refused.code is Code.UNAUTHENTICATED:
        headers.append(("www-authenticate", "Bearer"))
    if refused.code is Code.METHOD_NOT_ALLOWED:
        headers.append(("allow", "POST"))
    return WriteAnswer(refused.code.http, tuple(headers), refused.message)


def _outcome(version: Version, converted: Converted, accepted: Accepted) -> WriteAnswer:
    written = _without(converted.written, accepted.rejected)
    wrong = [_words(reason, lost) for reason, lost in converted.rejected.items()]
    if accepted.rejected:
        wrong.append(accepted.message)
    return WriteAnswer(400 if wrong else 204, _written(version, written), "; ".join(wrong))


def _without(written: Counts, rejected: int) -> Counts:
    """What is left when later steps reject data points: samples first, of which there are most."""
    samples = max(0, written.samples - rejected)
    histograms = max(0, written.histograms - max(0, rejected - written.samples))
    return Counts(samples, histograms, written.exemplars)


def _words(reason: Reason, lost: Counts) -> str:
    items = " and ".join(f"{count} {name}" for name, count in lost._asdict().items() if count)
    return f"{items} {reason.text}"
