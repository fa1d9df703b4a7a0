"""Which partition of its topic an item belongs to. Stable for ever: state and series live where these keys lead.

A key is a 64-bit hash, seeded with the hash of the tenant; `schema.hash.partition_of(key, partitions)` maps it
to a partition. These functions take one item each and are what the vectorised ones in ingest are tested against.
"""

from __future__ import annotations

from functools import lru_cache

from schema.hash import xxh64_bytes

SEPARATOR = b"\0"


@lru_cache(10_000)
def tenant_seed(tenant: str) -> int:
    """Seed of all keys of a tenant."""
    return xxh64_bytes(tenant.encode())


def trace_key(tenant: str, trace_id: bytes) -> int:
    """Key of a span, a log record with a trace, or a vote for a trace: by its 16-byte trace id."""
    return xxh64_bytes(trace_id, tenant_seed(tenant))


def resource_key(tenant: str, resource: bytes) -> int:
    """Key of a log record without a valid trace id: by the bytes of its Resource message."""
    return xxh64_bytes(resource, tenant_seed(tenant))


def series_key(tenant: str, job: str, instance: str, family: str) -> int:
    """Key of all series of a metric family that one target sends, whichever protocol brings them.

    `job`, `instance`: Prometheus' target labels ("" where there is none); `family`: by
    `schema.prometheus_name.partition_family`.
    """
    return xxh64_bytes(series_key_bytes(job, instance, family), tenant_seed(tenant))


def series_key_bytes(job: str, instance: str, family: str) -> bytes:
    """What series_key() hashes."""
    return SEPARATOR.join(part.encode() for part in (job, instance, family))
