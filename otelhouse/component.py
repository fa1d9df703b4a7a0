"""Runs a component as a process: signals, the ready line, exit codes.

Exit codes: 0 stopped as asked, 1 could not start (one line on standard error says why), 70 a fault of ours
(logged with its trace) or a drain that took too long, 128 + n ended at once by a second signal n.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping

from otelhouse.errors import StartupError
from otelhouse.memory import forget_start, return_large_blocks
from otelhouse.telemetry import get_logger

Ready = Callable[[Mapping[str, str]], None]
"""Call once with the bound addresses, when the component serves."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_SECONDS = 14.0
"""A stop promises to end within 15 seconds, whatever hangs."""

EXIT_CANNOT_START = 1
EXIT_FAULT = 70

_log = get_logger(__name__)


def hold_stop_signals() -> None:
    """Leave the signals that stop us to the thread that waits for them; the main thread may be in native code.

    Every thread must have them blocked, so this comes before libraries that start threads are imported (numpy's does,
    at import): any one that is missed takes a SIGTERM as the order to die at once, without a drain.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def run_component(run: Callable[[threading.Event, Ready], None]) -> int:
    """Run until it returns, or a signal sets its stop event and it has drained. Returns the exit code."""
    stop = threading.Event()
    return_large_blocks()
    hold_stop_signals()
    threading.Thread(target=_wait_for_signals, args=(stop,), daemon=True, name="signals").start()
    try:
        run(stop, print_ready)
    except StartupError as error:
        return report_startup_error(error)
    except Exception as error:  # noqa: BLE001 - the last place where it can be said, by log and exit code
        return report_fault(error)
    return 0


def print_ready(addresses: Mapping[str, str]) -> None:
    """The one line on standard output that says where we serve; the start is over then."""
    sys.stdout.write(f"ready {json.dumps(dict(addresses))}\n")
    sys.stdout.flush()
    forget_start()


def report_startup_error(error: StartupError) -> int:
    """One line for the operator; returns the exit code."""
    _say(str(error))
    return EXIT_CANNOT_START


def report_fault(error: Exception) -> int:
    """A fault of ours: its trace to the log, one line for the operator; returns the exit code."""
    _log.error("failed", exc_info=error)
    _say(f"internal fault: {type(error).__name__}: {error}")
    return EXIT_FAULT


def _say(text: str) -> None:
    sys.stderr.write(f"otelhouse: error: {' '.join(text.split())}\n")
    sys.stderr.flush()


def _wait_for_signals(stop: threading.Event) -> None:
    first = signal.sigwait(STOP_SIGNALS)
    _log.info("stopping", signal=signal.Signals(first).name)
    stop.set()
    second = signal.sigtimedwait(STOP_SIGNALS, DRAIN_SECONDS)
    if second is not None:
        os._exit(128 + second.si_signo)
    _log.error("the drain took too long", seconds=DRAIN_SECONDS)
    os._exit(EXIT_FAULT)
