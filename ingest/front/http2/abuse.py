"""Frames that cost us and lead nowhere: how many a client may send.

Pings, settings, empty frames, streams that are reset at once: each is legal, and floods of them are known attacks
(CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2024-27316). Answered calls and time earn a client more of them.
"""

from __future__ import annotations

CONTROLS = 1000
CONTROLS_A_SECOND = 50
CONTROLS_A_CALL = 10
RESETS = 1000
"""As many as calls may be under way: a client may give all of them up at once."""
RESETS_A_SECOND = 50


class Abuse:
    """What one client may still do."""

    def __init__(self) -> None:
        self._controls: float = CONTROLS
        self._resets: float = RESETS
        self._seen = 0.0

    def control(self, now: float) -> bool:
        """Another frame that leads nowhere; whether it was within bounds."""
        self._earn(now)
        self._controls -= 1
        return self._controls >= 0

    def reset(self, now: float) -> bool:
        """Another call that its client gave up; whether it was within bounds."""
        self._earn(now)
        self._resets -= 1
        return self._resets >= 0

    def progress(self) -> None:
        """A call was answered."""
        self._controls = min(self._controls + CONTROLS_A_CALL, CONTROLS)

    def _earn(self, now: float) -> None:
        if now > self._seen:
            passed, self._seen = now - self._seen, now
            self._controls = min(self._controls + passed * CONTROLS_A_SECOND, CONTROLS)
            self._resets = min(self._resets + passed * RESETS_A_SECOND, RESETS)
