"""A process that a test stops or kills: `child hold-write DIR`, `child hold-read DIR`, `child fill DIR LIMIT`."""

from __future__ import annotations

import resource
import signal
import sys
import time
from pathlib import Path

from otelhouse.bus.contract import LogError, Outgoing
from otelhouse.bus.embedded.log import EmbeddedLog
from otelhouse.bus.embedded.store import Store
from otelhouse.clock import SystemClock
from otelhouse.config import LogSettings

TOPIC = "topic"


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def hold(directory: Path, write: bool) -> None:
    """Stay in a transaction for ever."""
    records = Store(directory, 64 << 20).records
    with records.write() if write else records.read():
        say("holding")
        time.sleep(3600)


def fill(directory: Path, limit: int) -> None:
    """Append with room for `limit` bytes a file, until refused; then with room again. Says offsets and errors."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    log = EmbeddedLog(directory, LogSettings(), SystemClock())
    producer = log.producer()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    for _ in range(100):
        (result,) = producer.publish([Outgoing(TOPIC, 0, bytes(300_000))]).result(30)
        if isinstance(result, LogError):
            say(f"{type(result).__name__}: {result}")
            break
        say(result)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    (result,) = producer.publish([Outgoing(TOPIC, 0, b"after")]).result(30)
    say(result)
    producer.close()
    log.close()


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        hold(Path(sys.argv[2]), write=sys.argv[1] == "hold-write")
