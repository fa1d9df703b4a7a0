"""OTLP without a server: (signal, encoding, metadata, body) in, (code, headers, body) out. gRPC and HTTP are fronts."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ingest import metrics
from ingest.answer import Accepted, Code, Refused
from ingest.budget import Budget
from ingest.group_commit import GroupCommit
from ingest.receivers.encoding import Encoding, encode_accepted, encode_refused
from ingest.steps.admit import Admit
from ingest.steps.authenticate import Authenticate
from otelhouse.telemetry import get_logger
from schema.signal import Signal

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client.

    `body`: an Export*ServiceResponse, or a google.rpc.Status unless the code is OK; `message` is that of the Status.
    `headers`: names in lower case.
    """

    code: Code
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    message: str = ""


class OtlpReceiver:
    """The calls of one listener. `keyless`: whether calls without a key are the default tenant's there."""

    def __init__(
        self,
        protocol: str,
        authenticate: Authenticate,
        admit: Admit,
        commits: Mapping[Signal, GroupCommit],
        budget: Budget,
        keyless: bool,
        max_request_bytes: int,
    ) -> None:
        self.max_request_bytes = max_request_bytes
        self._protocol = protocol
        self._authenticate = authenticate
        self._admit = admit
        self._commits = commits
        self._budget = budget
        # One at a time: it holds the interpreter's lock throughout, and its objects are many times the body's size.
        self._converting = asyncio.Semaphore(1)
        self._keyless = keyless
        self._answered = {
            (signal, code): metrics.requests.labels(protocol, signal.name.lower(), code.name.lower())
            for signal in Signal
            for code in Code
        }

    async def handle(self, signal: Signal, encoding: Encoding, metadata: Mapping[str, str], body: bytes) -> Answer:
        """Answer one export call. Never raises; `metadata` has names in lower case, `body` is not compressed."""
        try:
            accepted = await self._export(signal, encoding, metadata, body)
        except Refused as refused:
            return self.refuse(signal, encoding, refused)
        except Exception:  # noqa: BLE001 - a fault of ours ends one call, not the process
            _log.exception("a call failed", protocol=self._protocol, signal=signal.name.lower())
            return self.refuse(signal, encoding, Refused(Code.INTERNAL, "the request could not be processed"))
        self._count(signal, Code.OK)
        return Answer(Code.OK, (), encode_accepted(signal, encoding, accepted))

    def refuse(self, signal: Signal, encoding: Encoding, refused: Refused) -> Answer:
        """The answer to a call that is not accepted; fronts use it for what they find out themselves."""
        self._count(signal, refused.code)
        headers: list[tuple[str, str]] = []
        if refused.retry_seconds:
            headers.append(("retry-after", str(math.ceil(refused.retry_seconds))))
        if refused.code is Code.UNAUTHENTICATED:
            headers.append(("www-authenticate", "Bearer"))
        return Answer(refused.code, tuple(headers), encode_refused(encoding, refused), refused.message)

    async def _export(self, signal: Signal, encoding: Encoding, metadata: Mapping[str, str], body: bytes) -> Accepted:
        tenant = await self._authenticate(metadata.get("authorization"), self._keyless)
        size = len(body)
        ticket = self._admit(tenant, signal, size, body if encoding is Encoding.PROTOBUF else None)
        try:
            try:
                if size > self.max_request_bytes:
                    raise Refused(Code.TOO_LARGE, f"the request is larger than {self.max_request_bytes} bytes")
                if encoding is Encoding.JSON and body:
                    body = await self._from_json(signal, body)
            except Refused as refused:
                self._admit.refused(tenant, signal, refused, size)
                raise
            return await self._commits[signal].submit(tenant, body, ticket)
        finally:
            if ticket is not None:
                ticket.leave()

    async def _from_json(self, signal: Signal, body: bytes) -> bytes:
        # Here, because only those who send JSON shall pay for the protobuf library.
        from ingest.receivers.otlp_json import to_protobuf

        self._budget.take(len(body))
        try:
            async with self._converting:
                return await asyncio.to_thread(to_protobuf, signal, body)
        finally:
            self._budget.give(len(body))

    def _count(self, signal: Signal, code: Code) -> None:
        self._answered[signal, code].inc()
