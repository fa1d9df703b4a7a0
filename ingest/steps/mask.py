"""Step: what is personal or secret is taken out before anything reaches the log. Fails closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from ingest.answer import Code, Refused, unavailable
from ingest.batch import Batch
from ingest.masking.patterns import TooMuchFound
from ingest.masking.rewrite import HashKeyMissing, rewrite
from ingest.masking.rules import MaskingPolicy
from ingest.masking.scan import Masker
from otelhouse.rules.rule import HashKey
from otelhouse.telemetry import get_logger
from schema.signal import Signal

_log = get_logger(__name__)


class MaskingFailedError(Exception):
    """Masking of a batch failed; holds nothing of the data. Its calls are then tried one by one."""


class Mask:
    """Leaves edits in the batch that take out what the tenants' policies find. Thread-safe.

    `policy_of` raises Refused for a tenant whose rules are not known: its calls are refused, the others go on.
    """

    def __init__(self, policy_of: Callable[[str], MaskingPolicy], hash_key_of: Callable[[str], HashKey | None]) -> None:
        self._policy_of = policy_of
        self._hash_key_of = hash_key_of
        self._maskers = {signal: (threading.Lock(), Masker()) for signal in Signal}

    def __call__(self, batch: Batch) -> None:
        """Raises Refused or MaskingFailedError: then nothing of the batch may go on."""
        if not batch.keep.any():
            return
        batch.apply_edits()  # what earlier steps change is looked at as it will stand in the log
        policies: dict[str, MaskingPolicy | None] = {}
        for tenant, _ in batch.by_tenant():
            try:
                policy = self._policy_of(tenant.id)
            except Refused as refused:
                batch.refuse(tenant, refused)
                continue
            policies[tenant.id] = policy
            batch.masking_versions[tenant.id] = policy.version
        try:
            _forget_unknown(batch, policies)
            self._mask(batch, policies)
        except TooMuchFound:
            if len(batch.tenants) > 1:
                raise MaskingFailedError from None
            raise Refused(Code.TOO_LARGE, "the request has more to mask than one may have: send fewer items") from None
        except Exception as error:  # noqa: BLE001 - whatever it is, it may name data: only its kind is said
            _log.error("masking failed", signal=batch.signal.name.lower(), error=type(error).__name__)
            if len(batch.tenants) > 1:
                raise MaskingFailedError from None
            raise unavailable("the data could not be masked") from None

    def _mask(self, batch: Batch, policies: dict[str, MaskingPolicy | None]) -> None:
        lock, masker = self._maskers[batch.signal]
        by_call = [policies.get(tenant.id) for tenant in batch.tenants]
        with lock:
            found = masker.find(batch.scan, by_call)
        while found is not None:
            try:
                rewrite(batch.scan, found, lambda call: self._hash_key_of(batch.tenants[call].id), batch.edits)
            except HashKeyMissing as missing:
                tenant = batch.tenants[missing.call]
                batch.refuse(tenant, unavailable("the secret of this tenant's hashes is not known yet"))
                by_call = [
                    None if whose == tenant else policy for whose, policy in zip(batch.tenants, by_call, strict=True)
                ]
                with lock:
                    found = masker.find(batch.scan, by_call)
            else:
                return


def _forget_unknown(batch: Batch, policies: dict[str, MaskingPolicy | None]) -> None:
    """Take out fields that OTLP does not define, where something is masked: nobody knows what they hold."""
    unknown = batch.scan.unknown
    if not len(unknown):
        return
    looked_at = {tenant for tenant, policy in policies.items() if policy is not None and not policy.is_off}
    of_call = np.array([tenant.id in looked_at for tenant in batch.tenants], np.bool_)
    rows = np.flatnonzero(of_call[unknown.parent])
    none = np.zeros(len(rows), np.int64)
    batch.edits.replace(unknown.tag[rows], unknown.end[rows], np.empty(0, np.uint8), none, none)
    batch.apply_edits()
