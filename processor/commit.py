"""What a partition's owner commits: two positions and the checkpoint, as the text that the log keeps.

The log's `Position.resume` is X, the oldest offset that open state needs. C, up to which everything was stored,
log time at C, and the limits by which windows are cut stand in the metadata::

    {"v": 1, "c": C, "t": log time, "w": [[offset, span_ms, rows, value_bytes], ...], "x": log time at X, "g": G}

`x` and `g` are there if X is before C: the service graph needs records from G on.

The limits are part of it because blocks that were stored after C must be produced again, identical, even if the
operator changed a setting meanwhile: an entry of `w` holds for windows that begin at or after its offset. A change
is committed before any window is cut by it. A fifth number, `until`, is there where a window ends at an offset
whatever its size: the newest block that was stored by a group whose commits are lost. A sixth is the number of the
topic's partitions, a seventh how long a request waits for its other side, an eighth what waiting traces may hold,
each if it or one behind it is not the usual one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from otelhouse.bus.contract import Position
from processor.stored import Stored
from processor.window import BUFFER_BYTES, EDGE_MS, MS_PER_DAY, Limits

_VERSION = 1


class CommitError(ValueError):
    """The commit cannot be understood or contradicts the log; the partition cannot be resumed safely."""


@dataclass(frozen=True, slots=True)
class Regime:
    """Limits in force for windows that begin at offset `start` or later."""

    start: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Opened:
    """A record that open state goes back to, and log time at it."""

    offset: int
    log_ms: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State to resume from. `resume` is X, `emitted` C, `log_ms` log time before C; regimes ascend by offset.

    `resume_log_ms` is log time at X if that is before C; `graph` the oldest offset that the service graph needs.
    """

    resume: int
    emitted: int
    log_ms: int
    regimes: tuple[Regime, ...]
    resume_log_ms: int = 0
    graph: int = 0

    def limits_at(self, offset: int) -> Limits:
        """Limits of a window that begins at `offset`."""
        held = self.regimes[0]
        for regime in self.regimes:
            if regime.start <= offset:
                held = regime
        return held.limits

    def under(self, limits: Limits, end: int) -> Checkpoint:
        """The same, with `limits` for windows that begin at `end` or later: what the log holds by now keeps its own."""
        return (
            self if self.regimes[-1].limits == limits else replace(self, regimes=(*self.regimes, Regime(end, limits)))
        )

    def moved(self, emitted: int, log_ms: int) -> Checkpoint:
        """The checkpoint at a later C, without the regimes that ended before it."""
        first = max((i for i, regime in enumerate(self.regimes) if regime.start <= emitted), default=0)
        return Checkpoint(emitted, emitted, log_ms, self.regimes[first:], graph=emitted)

    def since(self, opened: Opened | None, graph: int | None = None) -> Checkpoint:
        """The same with X at the oldest record that is still needed; at C if there is none, or it is not before C."""
        graph = self.emitted if graph is None else min(graph, self.emitted)
        if opened is None or opened.offset >= self.emitted:
            return replace(self, graph=graph)
        return replace(self, resume=opened.offset, resume_log_ms=opened.log_ms, graph=graph)

    def position(self) -> Position:
        """As the log keeps it."""
        regimes = [[r.start, *_numbers(r.limits)] for r in self.regimes]
        text = {"v": _VERSION, "c": self.emitted, "t": self.log_ms, "w": regimes}
        if self.resume < self.emitted:
            text["x"], text["g"] = self.resume_log_ms, self.graph
        return Position(self.resume, json.dumps(text, separators=(",", ":")))


def first_checkpoint(offset: int, limits: Limits) -> Checkpoint:
    """Where a group begins that has never committed."""
    return Checkpoint(offset, offset, 0, (Regime(offset, limits),), graph=offset)


def stored_checkpoint(stored: Stored, oldest: int, limits: Limits) -> Checkpoint:
    """Where a group begins that has lost its commits: at the newest block, which is cut as it was.

    `oldest` is the first offset that the log still has. Log time begins with the block's day, so that it is that day's
    again even if the broker's clock had stepped back.
    """
    start = min(oldest if stored.previous is None else max(stored.previous, oldest), stored.end)
    then = Regime(stored.end, limits)
    regimes = (Regime(start, replace(limits, until=stored.end)), then) if start < stored.end else (then,)
    return Checkpoint(start, start, stored.day * MS_PER_DAY, regimes, graph=start)


def _numbers(limits: Limits) -> tuple[int, ...]:
    numbers = [limits.span_ms, limits.rows, limits.value_bytes, limits.until, limits.partitions, limits.edge_ms,
               limits.buffer_bytes]  # fmt: skip
    usual = [0, 1, EDGE_MS, BUFFER_BYTES]
    while usual and numbers[-1] == usual[-1]:
        numbers.pop()
        usual.pop()
    return tuple(numbers)


def read_position(position: Position) -> Checkpoint:
    """Read what position() wrote. Raises CommitError."""
    try:
        text = json.loads(position.metadata)
        if text["v"] != _VERSION:
            raise CommitError(f"commit metadata has version {text['v']}, this release reads {_VERSION}")
        regimes = tuple(Regime(start, Limits(*limits)) for start, *limits in text["w"])
        emitted = int(text["c"])
        checkpoint = Checkpoint(position.resume, emitted, int(text["t"]), regimes, graph=emitted)
        if not regimes or checkpoint.resume > emitted:
            raise CommitError(f"commit metadata contradicts itself: X={position.resume}, {position.metadata!r}")
        if checkpoint.resume < emitted:
            checkpoint = replace(checkpoint, resume_log_ms=int(text["x"]), graph=int(text["g"]))
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise CommitError(f"commit metadata is not ours: {position.metadata!r} ({error})") from None
    return checkpoint
