"""The scanner against the official protobuf library: what it accepts, and what it reads."""

from __future__ import annotations

import random
import time

import pytest

from schema.signal import Signal
from schema.wire import ErrorCode, join, scan
from tests.schema.wire.mutate import mutate
from tests.schema.wire.official import REQUEST, differences, parse, random_message


def check(signal: Signal, bodies: list[bytes]) -> int:
    """Scan the bodies in one pass; everything must be as the library has it. Returns how many were accepted."""
    result = scan(signal, *join(bodies))
    requests = [parse(signal, body) for body in bodies]
    for body, request, code in zip(bodies, requests, result.status, strict=True):
        assert (request is None) == (code != ErrorCode.OK), f"{signal.name} {ErrorCode(code).name} {body.hex()}"
    accepted = [(call, request) for call, request in enumerate(requests) if request is not None]
    found = differences(result, accepted)
    assert not found, f"{signal.name} {found[:5]} {[body.hex() for body in bodies]}"
    return len(accepted)


def fuzz(signal: Signal, cases: int, seed: int) -> tuple[int, int]:
    """(accepted, rejected) of random mutated requests, a few joined in each scan."""
    rng = random.Random(seed)
    accepted = done = 0
    while done < cases:
        whole = random_message(REQUEST[signal](), rng).SerializeToString()
        for _ in range(8):
            bodies = [mutate(whole, rng) for _ in range(6)]
            accepted += check(signal, [whole, *bodies]) - 1
            done += len(bodies)
    return accepted, done - accepted


@pytest.mark.parametrize("signal", Signal)
def test_random_requests_are_read_as_the_official_library_reads_them(signal: Signal) -> None:
    rng = random.Random(11)
    for _ in range(40):
        bodies = [random_message(REQUEST[signal](), rng).SerializeToString() for _ in range(3)]
        assert check(signal, bodies) == 3


@pytest.mark.parametrize("signal", Signal)
def test_mutated_requests_are_accepted_and_read_as_by_the_official_library(signal: Signal) -> None:
    accepted, rejected = fuzz(signal, 1500, seed=signal + 1)
    assert accepted > 200
    assert rejected > 200


@pytest.mark.slow
@pytest.mark.parametrize("signal", Signal)
def test_a_million_mutated_requests_agree_with_the_official_library(signal: Signal) -> None:
    seed = time.monotonic_ns()  # another corner each night; the seed is in the failure's name
    for part in range(100):
        accepted, _ = fuzz(signal, 3400, seed + part)
        assert accepted > 0, f"seed {seed + part}"
