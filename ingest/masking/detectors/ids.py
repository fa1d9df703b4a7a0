"""Numbers of the detectors: a rule's number in hits, and its bit in a policy's mask."""

from __future__ import annotations

from enum import IntEnum


class Detector(IntEnum):
    """A built-in detector; the name in lower case is what a rule document calls it."""

    CARD = 0
    IBAN = 1
    EMAIL = 2
    SSN = 3
    JWT = 4
    AUTHORIZATION = 5
    ACCESS_KEY = 6
    PRIVATE_KEY = 7
    URL_CREDENTIALS = 8
    ASSIGNMENT = 9
    PHONE = 10
    IPV4 = 11
    IPV6 = 12
    KEY_NAME = 13


USER_RULES = 16
"""Rules of a document (keys, then patterns) count from here."""

LENIENT_CARD = 1 << 20
LENIENT_SSN = 1 << 21
EVERY_LEAF = 1 << 22
"""Bits of a policy's mask beside the detectors': no checksum is asked for; leaves without hits are listed, too."""
