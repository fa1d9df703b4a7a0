"""OTLP without a server: (signal, encoding, caller, body) in, (code, headers, body) out. gRPC and HTTP are fronts."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ingest import metrics
from ingest.answer import Accepted, Code, Refused
from ingest.exchange import Caller, Disconnected
from ingest.group_commit import GroupCommit
from ingest.limits.limiter import Limited
from ingest.receivers.encoding import Encoding, encode_accepted, encode_refused
from ingest.receivers.reading import Inflating
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


_WHOLE = {encoding: Answer(Code.OK, (), encode_accepted(Signal.TRACES, encoding, Accepted())) for encoding in Encoding}
"""The answer where nothing was rejected, the same for all signals."""

Body = Callable[[], Awaitable[bytes]]
"""Reads and inflates the body. Raises Refused. It is called for callers that may send, and for no others."""


class OtlpReceiver:
    """The calls of one protocol."""

    def __init__(
        self,
        protocol: str,
        authenticate: Authenticate,
        admit: Admit,
        commits: Mapping[Signal, GroupCommit],
        inflating: Inflating,
        max_request_bytes: int,
    ) -> None:
        self.max_request_bytes = max_request_bytes
        self._protocol = protocol
        self._authenticate = authenticate
        self._admit = admit
        self._commits = commits
        self._inflating = inflating
        # Looked up once: a call pays for the count alone.
        self._answered = [
            {code: metrics.requests.labels(protocol, signal.name.lower(), code.name.lower()) for code in Code}
            for signal in Signal
        ]
        self._accepted = [by_code[Code.OK] for by_code in self._answered]

    async def handle(self, signal: Signal, encoding: Encoding, caller: Caller, body: Body) -> Answer:
        """Answer one export call. Raises what `body` raises, but for Refused."""
        try:
            accepted = await self._export(signal, encoding, caller, body)
        except Refused as refused:
            # Frames that hold the body, and hold this in turn: the cycle collector may be long in coming.
            refused.__traceback__ = refused.__context__ = None
            return self.refuse(signal, encoding, refused)
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - a fault of ours ends one call, not the process
            _log.exception("a call failed", protocol=self._protocol, signal=signal.name.lower())
            return self.refuse(signal, encoding, Refused(Code.INTERNAL, "the request could not be processed"))
        self._accepted[signal].inc()
        if not accepted.rejected:
            return _WHOLE[encoding]
        return Answer(Code.OK, (), encode_accepted(signal, encoding, accepted))

    def refuse(self, signal: Signal, encoding: Encoding, refused: Refused) -> Answer:
        """The answer to a call that is not accepted; fronts use it for what they find out themselves."""
        self._answered[signal][refused.code].inc()
        headers: list[tuple[str, str]] = []
        if refused.retry_seconds:
            headers.append(("retry-after", str(math.ceil(refused.retry_seconds))))
        if refused.code is Code.UNAUTHENTICATED:
            headers.append(("www-authenticate", "Bearer"))
        return Answer(refused.code, tuple(headers), encode_refused(encoding, refused), refused.message)

    async def _export(self, signal: Signal, encoding: Encoding, caller: Caller, body: Body) -> Accepted:
        authorization = caller.headers.get(b"authorization")
        tenant = await self._authenticate(
            authorization.decode("latin-1") if authorization else None, caller.keyless, caller.sans
        )
        size = min(declared_bytes(caller.headers), self.max_request_bytes)  # what is above is a claim, and never read
        read = body if encoding is Encoding.PROTOBUF else partial(self._from_json, signal, body)
        try:
            ticket = self._admit(tenant, signal, size)
        except Limited as limited:
            await self._admit.limited(tenant, signal, limited, size, read)
            raise
        try:
            try:
                request = await read()
            except Refused as refused:
                self._admit.refused(tenant, signal, refused, size)
                raise
            return await self._commits[signal].submit(tenant, request, ticket)
        finally:
            if ticket is not None:
                ticket.leave()

    async def _from_json(self, signal: Signal, body: Body) -> bytes:
        """The body as protobuf. Raises Refused."""
        request = await body()
        if not request:
            return request
        # Here, because only those who send JSON shall pay for what reads it.
        from ingest.receivers.otlp_json import to_protobuf

        return await self._inflating(request, partial(to_protobuf, signal, limit=self.max_request_bytes))


def declared_bytes(headers: Mapping[bytes, bytes]) -> int:
    """Bytes of the body as the client says, 0 if it does not."""
    length = headers.get(b"content-length", b"")
    return int(length) if length.isdigit() else 0
