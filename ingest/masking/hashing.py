"""Keyed hashes: the same value gives the same text, so that it can still be joined; without the key it says nothing.

`h<key id>:` and 22 characters of base64url: the first 128 bits of HMAC-SHA256 under the tenant's secret. What differs
in its writing only is written alike first: a card or telephone number by its digits, an e-mail address and an IBAN in
one case. Who destroys the key makes all its hashes irrecoverable.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from ingest.masking.compose import HASH_CHARACTERS
from ingest.masking.detectors.ids import Detector
from otelhouse.rules.rule import HashKey

_DIGITS = (Detector.CARD, Detector.SSN, Detector.PHONE)
_NO_DIGITS = bytes(byte for byte in range(256) if not 0x30 <= byte <= 0x39)
_NO_WORD = bytes(byte for byte in range(256) if byte >= 0x80 or not chr(byte).isalnum())


def plain_form(value: bytes, rule: int) -> bytes:
    """The value as it is hashed."""
    if rule in _DIGITS:
        return value.replace(b"%20", b" ").translate(None, _NO_DIGITS)
    if rule == Detector.EMAIL:
        return value.replace(b"%40", b"@").lower()
    if rule == Detector.IBAN:
        return value.replace(b"%20", b"").translate(None, _NO_WORD).upper()
    return value


def keyed_hash(key: HashKey, value: bytes, rule: int) -> bytes:
    """The text that stands for a value; `rule` says what kind of value it is."""
    digest = hmac.digest(key.secret, plain_form(value, rule), "sha256")
    return prefix(key) + urlsafe_b64encode(digest)[:HASH_CHARACTERS]


def prefix(key: HashKey) -> bytes:
    """What says which key made a hash."""
    return b"h%d:" % key.id


def width(key: HashKey) -> int:
    """Bytes of a hash under this key."""
    return len(prefix(key)) + HASH_CHARACTERS
