"""Numbers as Prometheus writes and reads them in labels."""

from __future__ import annotations

import math

import numpy as np


def shortest(value: float) -> str:
    """The fewest digits that mean the value, without an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(np.format_float_positional(value, trim="-"))


def general(value: float) -> str:
    """The fewest digits that mean the value, with an exponent where that is large or small: Go's %g."""
    if value == 0 or not math.isfinite(value):
        return shortest(value)
    if 1e-4 <= abs(value) < 1e6:
        return shortest(value)
    mantissa, exponent = np.format_float_scientific(value, trim="-").split("e")
    return f"{mantissa}e{int(exponent):+03d}"


def read(text: str) -> float | None:
    """None if it is no number."""
    if text != text.strip() or "_" in text:
        return None
    try:
        return float.fromhex(text) if "0x" in text.lower() else float(text)
    except (ValueError, OverflowError):
        return None
