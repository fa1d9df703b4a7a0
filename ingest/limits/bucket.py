"""A token bucket with debt: what was let in is charged by its real size afterwards; nothing more until that is paid."""

from __future__ import annotations


class Bucket:
    """Fills by `rate` a second up to `burst`. Whoever uses it passes the time in, in seconds that never step back.

    In any stretch of T seconds at most burst + rate * T is charged, and beyond that what was let in while the balance
    was not negative.
    """

    __slots__ = ("_at", "_balance", "_burst", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._balance = burst
        self._at = now

    def wait(self, now: float, reserved: float = 0.0) -> float:
        """Seconds until the balance, less what is `reserved`, is not negative; 0.0 if it is so now."""
        self._fill(now)
        short = reserved - self._balance
        return short / self._rate if short > 0 else 0.0

    def charge(self, now: float, amount: float) -> None:
        """Take this much, into debt if need be."""
        self._fill(now)
        self._balance -= amount

    def resize(self, now: float, rate: float, burst: float) -> None:
        """Go on at another rate. Debt stays; what is above the new burst is lost."""
        self._fill(now)
        self._rate = rate
        self._burst = burst
        self._balance = min(self._balance, burst)

    def is_full(self, now: float) -> bool:
        """Whether a new bucket would be no different."""
        self._fill(now)
        return self._balance >= self._burst

    def _fill(self, now: float) -> None:
        self._balance = min(self._burst, self._balance + (now - self._at) * self._rate)
        self._at = now
