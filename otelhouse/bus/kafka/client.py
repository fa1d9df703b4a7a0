"""What all Kafka clients of ours share: configuration, errors, and where librdkafka's own log goes."""

from __future__ import annotations

import threading

import structlog
from confluent_kafka import KafkaError, KafkaException

from otelhouse.bus.contract import MAX_VALUE_BYTES, LogError, LogFenced, LogUnavailable, RecordTooLarge
from otelhouse.clock import Clock

MAX_MESSAGE_BYTES = MAX_VALUE_BYTES + (100 << 10)
"""A value with its headers and Kafka's own framing; topics are created with it as max.message.bytes."""
REQUEST_SECONDS = 5.0
"""How long a question to the brokers may take."""
METADATA_SECONDS = 2.0
"""How old our knowledge of a topic's partitions may be."""

_FENCED = {
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.FENCED_MEMBER_EPOCH,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError.STALE_MEMBER_EPOCH,
    KafkaError._ASSIGNMENT_LOST,
}
_QUIET_SECONDS = 30.0


def configuration(brokers: str, log: LibraryLog, **more: object) -> dict[str, object]:
    """Settings of any client."""
    return {
        "bootstrap.servers": brokers,
        "client.id": "otelhouse",
        "socket.keepalive.enable": True,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": int(METADATA_SECONDS * 1000),
        "log.connection.close": False,
        "logger": log,
        "error_cb": log.on_error,
        **{name.replace("_", "."): value for name, value in more.items()},
    }


def log_error(error: KafkaError | KafkaException) -> LogError:
    """Our error for one of Kafka's."""
    cause = error.args[0] if isinstance(error, KafkaException) else error
    if not isinstance(cause, KafkaError):
        return LogUnavailable(f"kafka: {cause}")
    if cause.code() in (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE):
        return RecordTooLarge(f"kafka: {cause.str()}")
    if cause.code() in _FENCED:
        return LogFenced(f"kafka: {cause.str()}")
    return LogUnavailable(f"kafka: {cause.str()}")


def is_fatal(error: KafkaError) -> bool:
    """Whether the client that says so will do nothing more. The flag is not always set."""
    return error.fatal() or error.code() == KafkaError._FATAL


class LibraryLog:
    """Takes librdkafka's log lines and errors to ours; the same kind of line once in half a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, float] = {}
        self._log = structlog.get_logger(__name__)

    def log(self, level: int, template: str, *values: object) -> None:
        """The method of a `logging.Logger` that confluent-kafka calls."""
        text = template % values if values else template
        # A line begins with its kind: "FAIL [client#producer-1] [thrd:...]: ..."
        if self._is_new(text.partition(" ")[0]):
            self._log.log(level, "kafka client", detail=text)

    def on_error(self, error: KafkaError) -> None:
        """Errors of the connection, which the client mends by itself; check() tells /readyz."""
        if self._is_new(error.name()):
            self._log.warning("kafka client", error=error.name(), detail=error.str())

    def _is_new(self, kind: str) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if now - self._said.get(kind, float("-inf")) < _QUIET_SECONDS:
                return False
            self._said[kind] = now
            return True
