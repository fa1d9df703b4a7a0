"""The files of a TLS listener: checked at the start, and followed, so that a renewed certificate needs no restart."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from otelhouse.config import TlsSettings
from otelhouse.errors import StartupError
from otelhouse.telemetry import get_logger

LOOK_SECONDS = 1.0
"""A renewed certificate is used after this."""

_log = get_logger(__name__)


@dataclass(frozen=True)
class TlsFiles:
    """A certificate chain, its key, and the authorities of clients' certificates (None: clients show none)."""

    certificate: Path
    key: Path
    client_ca: Path | None
    client_required: bool

    @classmethod
    def of(cls, settings: TlsSettings, section: str) -> TlsFiles | None:
        """Those of a listener; None if it has no TLS. Raises StartupError, naming the setting."""
        if not settings.tls_certificate:
            return None
        ca = Path(settings.tls_client_ca).absolute() if settings.tls_client_ca else None
        files = cls(
            Path(settings.tls_certificate).absolute(),
            Path(settings.tls_key).absolute(),
            ca,
            settings.tls_client_auth == "required",
        )
        for name, path in (("certificate", files.certificate), ("key", files.key), ("client_ca", ca)):
            try:
                if path is not None:
                    path.read_bytes()
            except OSError as error:
                raise StartupError(f"{section}.tls_{name}: cannot read {path}: {error.strerror}") from None
        try:
            files.context()
        except (OSError, ValueError) as error:
            raise StartupError(f"{section}.tls_certificate: {_why(error)}") from None
        return files

    def context(self) -> ssl.SSLContext:
        """Made from what is in the files now. Raises OSError (ssl.SSLError is one) or ValueError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # A key with a passphrase would be asked for on the terminal.
        context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED if self.client_required else ssl.CERT_OPTIONAL
        return context

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes when a file does, however it is written: over itself, by a rename, or behind a symbolic link."""
        found = []
        for path in (self.certificate, self.key, self.client_ca):
            if path is not None:
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return tuple(found)


class TlsWatch:
    """Looks at the files in a thread, and calls `renewed` when they changed and fit each other."""

    def __init__(self, files: TlsFiles, renewed: Callable[[], None]) -> None:
        self._files = files
        self._renewed = renewed
        self._seen = files.stamp()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tls", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                stamp = self._files.stamp()
            except OSError:  # on its way from one place to another
                stamp = ()
            if stamp == self._seen:
                continue
            self._seen = stamp
            try:
                self._files.context()
                self._renewed()
            except (OSError, ValueError) as error:  # half of it was written: the rest changes the stamp again
                _log.warning("the TLS files cannot be used, those before stay", error=_why(error))
            else:
                _log.info("the TLS files are used", certificate=str(self._files.certificate))


def _no_passphrase() -> str:
    raise ValueError("the key must not have a passphrase")


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"the certificate and the key cannot be used: {error.reason or error}"
    return str(error)
