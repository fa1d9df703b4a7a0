"""Certificates for Envoy, in files that it watches (its secret discovery service, by path)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from otelhouse.tls import TlsFiles

CERTIFICATE, CLIENTS = "certificate.json", "clients.json"
"""Names of the secrets, and of their files in the private directory."""

_SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


def write_secrets(files: TlsFiles, directory: Path) -> None:
    """Write what the files hold now; Envoy takes it over at once. Raises OSError.

    Certificates are written out, because Envoy takes a secret for new only if its text is; the key stays where it is.
    """
    chain = {"inline_string": files.certificate.read_text()}
    _write(directory / CERTIFICATE, {"tls_certificate": {"certificate_chain": chain, "private_key": _at(files.key)}})
    if files.client_ca is not None:
        authorities = {"inline_string": files.client_ca.read_text()}
        _write(directory / CLIENTS, {"validation_context": {"trusted_ca": authorities}})


def _at(path: Path) -> dict[str, str]:
    return {"filename": str(path)}


def _write(path: Path, secret: dict[str, Any]) -> None:
    document = {"resources": [{"@type": _SECRET, "name": path.name, **secret}]}
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document))
    os.replace(fresh, path)  # it watches for a rename
