"""Certificates for tests, made by OpenSSL's command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Pair:
    """PEM files of a certificate and its key."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `certificate` is its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        own = Pair(directory / "ca.crt", directory / "ca.key")
        _openssl(
            "req", "-x509", *_new_key(own), "-days", "2", "-subj", f"/CN={directory.name}", "-out", own.certificate
        )
        self._own = own
        self.certificate = own.certificate

    def sign(self, name: str, *names: str) -> Pair:
        """A certificate whose subject alternative names are these, as `DNS:...`, `IP:...`, `URI:...`."""
        made = Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")
        request, extensions = self._directory / f"{name}.csr", self._directory / f"{name}.cnf"
        listed = "".join(
            f"{kind}.{at}={value}\n" for at, (kind, _, value) in enumerate(n.partition(":") for n in names)
        )
        extensions.write_text(f"subjectAltName=@names\n[names]\n{listed}" if names else "basicConstraints=CA:FALSE\n")
        _openssl("req", *_new_key(made), "-subj", f"/CN={name}", "-out", request)
        _openssl(
            "x509", "-req", "-in", request, "-CA", self._own.certificate, "-CAkey", self._own.key, "-CAcreateserial",
            "-days", "2", "-extfile", extensions, "-out", made.certificate,
        )  # fmt: skip
        return made


def _new_key(pair: Pair) -> tuple[str | Path, ...]:
    return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", pair.key)


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
