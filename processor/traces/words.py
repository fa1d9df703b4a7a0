"""Texts as small numbers that stay the same from window to window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from schema.arrays import I64


class Words:
    """Numbers texts, and forgets those that are no longer used. A number means nothing outside."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, number: int) -> str:
        return self._texts[number]

    def numbers(self, texts: Iterable[str]) -> I64:
        """The number of each text."""
        return np.array([self._number(text) for text in texts], np.int64)

    def texts(self, numbers: Iterable[int]) -> list[str]:
        """The text of each number."""
        return [self._texts[number] for number in numbers]

    def keep(self, used: Sequence[int]) -> I64:
        """Forget all but these; returns the new number by old number."""
        moved = np.full(len(self._texts), -1, np.int64)
        moved[used] = np.arange(len(used))
        self._texts = [self._texts[number] for number in used]
        self._numbers = {text: number for number, text in enumerate(self._texts)}
        return moved

    def _number(self, text: str) -> int:
        found = self._numbers.setdefault(text, len(self._texts))
        if found == len(self._texts):
            self._texts.append(text)
        return found
