"""Measuring: several runs in turn, medians, and ratios of two things measured in the same run.

Machines are noisy, so no absolute figure passes or fails. Each benchmark names a floor (the least that
any implementation must do: an empty handler, a raw insert) or a peer, runs both A B A B ..., and prints
items per wall second, items per CPU second (of every process that took part) and the ratio to the floor.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What one run took: items done, wall seconds, CPU seconds (user + system)."""

    items: int
    wall: float
    cpu: float

    @property
    def per_wall_second(self) -> float:
        return self.items / self.wall if self.wall else 0.0

    @property
    def per_cpu_second(self) -> float:
        return self.items / self.cpu if self.cpu else 0.0


def numbers(text: str) -> dict[str, int]:
    """Settings of a benchmark from its environment variable: `rounds=3 spans=1000`. Raises ValueError."""
    return {name: int(value) for name, _, value in (word.partition("=") for word in text.split())}


def cpu_of(pid: int) -> float:
    """CPU seconds that a process (all its threads, not its children) has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def own_cpu() -> float:
    """CPU seconds of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(items: int, work: Callable[[], object], pids: Sequence[int] = ()) -> Cost:
    """Run `work` once; CPU is this process's, or that of `pids` (servers under test) when given."""

    def spent() -> float:
        return sum(map(cpu_of, pids)) if pids else own_cpu()

    cpu, wall = spent(), time.perf_counter()
    work()
    return Cost(items, time.perf_counter() - wall, spent() - cpu)


@dataclass
class Table:
    """Rows of one benchmark; the first row named is the floor that the others are compared to."""

    title: str
    unit: str
    runs: dict[str, list[Cost]] = field(default_factory=dict)

    def add(self, name: str, cost: Cost) -> None:
        """One more run of `name`."""
        self.runs.setdefault(name, []).append(cost)

    def show(self) -> None:
        """Print medians and ratios."""
        out = sys.stdout
        out.write(f"\n{self.title}\n")
        out.write(
            f"  {'':34} {self.unit + '/s wall':>16} {self.unit + '/s CPU':>16} {'us CPU each':>12} {'of floor':>9}\n"
        )
        floor = None
        for name, costs in self.runs.items():
            wall = statistics.median(c.per_wall_second for c in costs)
            cpu = statistics.median(c.per_cpu_second for c in costs)
            floor = floor or cpu
            each = f"{1e6 / cpu:12.2f}" if cpu else f"{'-':>12}"
            out.write(f"  {name:34} {wall:16,.0f} {cpu:16,.0f} {each} {cpu / floor if floor else 0:8.2f}x\n")
        out.flush()


@contextmanager
def in_turn(table: Table, rounds: int = 5) -> Iterator[range]:
    """Yield the rounds to loop over, then print the table."""
    yield range(rounds)
    table.show()
