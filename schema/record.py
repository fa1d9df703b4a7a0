"""Framing of the log's records: headers, control records, dead letters and block numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

DEAD_LETTER_TOPIC = "telemetry.dead_letter"
"""Records that yield no rows. The embedded log takes them when it is full: they let the readers that hold it go on."""

HEADER_TENANT = "tenant"
HEADER_CLASS = "class"
HEADER_MASKING = "masking"
HEADER_ITEMS = "items"
HEADER_MINUTE = "minute"
HEADER_CONTROL = "control"
HEADER_KIND = "kind"
HEADER_VERSION = "version"
HEADER_TRACES = "traces"


class FramingError(ValueError):
    """A record's headers do not say what every record must say; the message names the header."""


class Control(StrEnum):
    """Kinds of control record. A control record's value is empty: a valid request with nothing in it."""

    TICK = "tick"
    """Moves log time on in a partition whose owner has open state and nothing left to read."""
    VOTES = "votes"
    """Traces that a metric's exemplars point to; see Votes."""
    RULES = "rules"
    """A version of a tenant's rule is in force from here on; see RuleChange."""


@dataclass(frozen=True, slots=True)
class Framing:
    """What the headers of a data record say.

    `retention_class` is the tenant's class (0..7) for the signal when the record was accepted;
    `masking_version` the version of the masking rules applied; `items` the OTLP items (spans, data
    points, log records) in the value; `accepted_minute` minutes since the epoch.
    """

    tenant: str
    items: int
    accepted_minute: int
    retention_class: int = 0
    masking_version: int = 0

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As the log keeps them: ASCII decimal numbers, the tenant in UTF-8."""
        return (
            (HEADER_TENANT, self.tenant.encode()),
            (HEADER_CLASS, b"%d" % self.retention_class),
            (HEADER_MASKING, b"%d" % self.masking_version),
            (HEADER_ITEMS, b"%d" % self.items),
            (HEADER_MINUTE, b"%d" % self.accepted_minute),
        )


def control_headers(control: Control) -> tuple[tuple[str, bytes], ...]:
    """Headers of a control record of this kind."""
    return ((HEADER_CONTROL, control.value.encode()),)


@dataclass(frozen=True, slots=True)
class RuleChange:
    """What the headers of a control record of kind RULES say: a version of a tenant's rule; its document is elsewhere.

    It counts only where `rule_effects` in the metadata store names this record's offset: who appends it may be
    killed before it could write that down, and appends it again.
    """

    kind: str
    tenant: str
    version: int

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As the log keeps them."""
        return (
            *control_headers(Control.RULES),
            (HEADER_KIND, self.kind.encode()),
            (HEADER_TENANT, self.tenant.encode()),
            (HEADER_VERSION, b"%d" % self.version),
        )


VOTES_A_RECORD = 1000
"""Traces that a record votes for at most."""


@dataclass(frozen=True, slots=True)
class Votes:
    """What the headers of a control record of kind VOTES say: `ids` are trace ids of a tenant, of 16 bytes each."""

    tenant: str
    ids: bytes

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """As the log keeps them."""
        return (*control_headers(Control.VOTES), (HEADER_TENANT, self.tenant.encode()), (HEADER_TRACES, self.ids))


def parse_headers(headers: Iterable[tuple[str, bytes]]) -> Framing | Control | RuleChange | Votes:
    """Read the headers of a record. Raises FramingError, naming the header, if they are not ours."""
    found = dict(headers)
    if (control := found.get(HEADER_CONTROL)) is not None:
        try:
            kind = Control(control.decode())
        except ValueError:
            raise FramingError(f"header '{HEADER_CONTROL}': unknown kind {control!r}") from None
        if kind is Control.RULES:
            version = _number(found, HEADER_VERSION)
            return RuleChange(_text(found, HEADER_KIND), _text(found, HEADER_TENANT), version)
        if kind is Control.VOTES:
            ids = found.get(HEADER_TRACES, b"")
            if len(ids) % 16:
                raise FramingError(f"header '{HEADER_TRACES}': {len(ids)} bytes are no ids of 16 bytes")
            return Votes(_text(found, HEADER_TENANT), ids)
        return kind
    return Framing(
        tenant=_text(found, HEADER_TENANT),
        items=_number(found, HEADER_ITEMS),
        accepted_minute=_number(found, HEADER_MINUTE),
        retention_class=_number(found, HEADER_CLASS),
        masking_version=_number(found, HEADER_MASKING),
    )


def _text(found: dict[str, bytes], name: str) -> str:
    try:
        return found[name].decode()
    except KeyError:
        raise FramingError(f"header '{name}' is missing") from None
    except UnicodeDecodeError:
        raise FramingError(f"header '{name}' is not UTF-8") from None


_MOST_DIGITS = 18


def _number(found: dict[str, bytes], name: str) -> int:
    value = found.get(name)
    if value is None:
        raise FramingError(f"header '{name}' is missing")
    if not value.isdigit() or len(value) > _MOST_DIGITS:
        raise FramingError(f"header '{name}' is not a number: {value[:_MOST_DIGITS]!r}")
    return int(value)


_OFFSET_BITS = 48


def block_number(partition: int, end_offset: int) -> int:
    """Number of the block that a window of a partition yields, for each table (and retention class).

    `end_offset` is the offset after the window's last record, so the number is a function of the
    log alone and needs no counter to be kept: 16 bits of partition over 48 bits of offset.
    """
    if not 0 <= partition < 1 << 16 or not 0 <= end_offset < 1 << _OFFSET_BITS:
        raise ValueError(f"no block number for partition {partition}, offset {end_offset}")
    return partition << _OFFSET_BITS | end_offset


def block_position(number: int) -> tuple[int, int]:
    """(partition, end offset) of a block number."""
    return number >> _OFFSET_BITS, number & ((1 << _OFFSET_BITS) - 1)
