"""Envoy's bootstrap: which addresses it listens on, what it bears from clients, and the application that answers."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.front.private import ADMIN
from ingest.front.secrets import CERTIFICATE, CLIENTS
from otelhouse.address import Address
from otelhouse.config import IngestSettings
from otelhouse.errors import StartupError
from otelhouse.tls import TlsFiles

LISTENER = "otlp"
STATS = "ingest"
APPLICATION = "ingest.front.app:app"

ALL_HOSTS = "::"
"""Reached by IPv4 too, as with our other listeners."""
MAX_HEADERS = 100
STREAM_WINDOW = 1 << 20
"""HTTP/2: bytes of a call that may be on their way before we ask for more; of a connection, as many as 16 calls."""
ALLOCATOR_BYTES = 256 << 20
"""Memory from which on freed pages are given back before new ones are taken."""
BUFFER_BYTES = 1 << 20
"""What is held of a call until the application asks for it."""

_API = "type.googleapis.com/envoy.extensions"

Config = dict[str, Any]

_DEADLINES: Config = {
    "match": {"prefix": "/"},
    "route": {"cluster": "none", "max_stream_duration": {"grpc_timeout_header_max": "0s"}},
}
"""Ends a call at the deadline that its client gave (grpc-timeout). Nothing is sent on: ours answers first."""


@dataclass(frozen=True)
class Bootstrap:
    """What Envoy is started with. `directory`: that of its admin socket and TLS secrets; `json_logs`: how it logs."""

    addresses: tuple[Address, ...]
    directory: Path
    settings: IngestSettings
    tls: TlsFiles | None
    json_logs: bool

    def config(self) -> Config:
        """The document for --config-yaml; JSON is YAML."""
        return {
            "node": {"id": "otelhouse", "cluster": "ingest"},  # who asks for the TLS secrets
            "admin": {"address": {"pipe": {"path": str(self.directory / ADMIN), "mode": 0o600}}},
            "static_resources": {"listeners": [self._listener()]},
            "application_log_config": {"log_format": _log_format(self.json_logs)},
            # Its allocator is Python's too, and keeps what is freed unless told otherwise. Above the limit it gives
            # back what is free before it takes more; below, what was freed is there again at once.
            "memory_allocator_manager": {
                "bytes_to_release": 16 << 20,
                "memory_release_interval": "1s",
                "soft_memory_limit_bytes": ALLOCATOR_BYTES,
            },
            "overload_manager": _overload(self.settings),
            # Statistics that nobody reads cost time for each call.
            "stats_config": {
                "stats_matcher": {"inclusion_list": {"patterns": [{"prefix": f"http.{STATS}.downstream_rq_active"}]}}
            },
        }

    def _listener(self) -> Config:
        # Envoy lets further addresses take IPv4 only where the first one does.
        addresses = sorted(self.addresses, key=lambda address: address.host != ALL_HOSTS)
        first, *others = ({"address": _socket_address(address)} for address in addresses)
        return {
            "name": LISTENER,
            **first,
            # One listener, because each has an application of its own, on its own event loop.
            "additional_addresses": others,
            "enable_reuse_port": False,  # or a second ingest would take half of this one's connections
            "per_connection_buffer_limit_bytes": BUFFER_BYTES,
            "filter_chains": [self._chain()],
        }

    def _chain(self) -> Config:
        chain: Config = {
            "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": self._http()}]
        }
        if self.tls is not None:
            chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": self._tls(self.tls)}
            chain["transport_socket_connect_timeout"] = _seconds(self.settings.header_timeout_seconds)
        return chain

    def _http(self) -> Config:
        settings = self.settings
        return {
            "@type": f"{_API}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": STATS,
            "codec_type": "AUTO",
            "route_config": {
                "validate_clusters": False,
                "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_DEADLINES]}],
            },
            "http_filters": [_application()],
            "generate_request_id": False,
            "server_name": "otelhouse",
            # Envoy itself takes this header of a client's away; it then says what Envoy has verified.
            "forward_client_cert_details": "SANITIZE_SET" if self.tls and self.tls.client_ca else "SANITIZE",
            "set_current_client_cert_details": {"cert": True},
            "max_request_headers_kb": -(-settings.max_header_bytes // 1024),
            "request_headers_timeout": _seconds(settings.header_timeout_seconds),
            "request_timeout": _seconds(settings.request_timeout_seconds),
            "stream_idle_timeout": _seconds(settings.request_timeout_seconds),
            "drain_timeout": _seconds(settings.max_connection_age_grace_seconds),
            "common_http_protocol_options": {
                "max_headers_count": MAX_HEADERS,
                "idle_timeout": _seconds(settings.idle_timeout_seconds),
                **(
                    {"max_connection_duration": _seconds(settings.max_connection_age_seconds)}
                    if settings.max_connection_age_seconds
                    else {}
                ),
            },
            "http2_protocol_options": {
                "max_concurrent_streams": settings.max_concurrent_streams,
                "initial_stream_window_size": STREAM_WINDOW,
                "initial_connection_window_size": 16 * STREAM_WINDOW,
            },
        }

    def _tls(self, tls: TlsFiles) -> Config:
        common: Config = {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [self._secret(CERTIFICATE)],
        }
        if tls.client_ca is not None:
            common["validation_context_sds_secret_config"] = self._secret(CLIENTS)
        return {
            "@type": f"{_API}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": common,
            "require_client_certificate": tls.client_ca is not None and tls.client_required,
        }

    def _secret(self, name: str) -> Config:
        path = str(self.directory / name)
        return {
            "name": name,
            "sds_config": {"path_config_source": {"path": path}, "resource_api_version": "V3"},
        }


def _overload(settings: IngestSettings) -> Config:
    return {
        "resource_monitors": [
            {
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{_API}.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": settings.max_connections,
                },
            }
        ]
    }


def _application() -> Config:
    """The terminal filter: pyvoy, with one event loop, on which all of ingest lives."""
    return {
        "name": "pyvoy",
        "typed_config": {
            "@type": f"{_API}.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {"module": {"local": {"filename": str(_module())}}},
            "filter_name": "pyvoy",
            "terminal_filter": True,
            "filter_config": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": json.dumps(
                    {"app": APPLICATION, "interface": "asgi", "root_path": "", "worker_threads": 1, "lifespan": True}
                ),
            },
        },
    }


def _seconds(value: float) -> str:
    return f"{value:.3f}s"


def _socket_address(address: Address) -> Config:
    both = {"ipv4_compat": True} if address.host == ALL_HOSTS else {}
    return {"socket_address": {"address": address.host, "port_value": address.port, **both}}


def _log_format(json_logs: bool) -> Config:
    if json_logs:
        return {
            "json_format": {
                "event": "%j",
                "level": "%l",
                "logger": "envoy.%n",
                "component": "ingest",
                "timestamp": "%Y-%m-%dT%T.%fZ",
            }
        }
    return {"text_format": "%Y-%m-%d %T.%e [%l] envoy.%n: %v"}


def command(bootstrap: Bootstrap) -> list[str]:
    """The words to run Envoy with, the first a name for `ps`: one worker thread, nothing that outlives the process."""
    return [
        "otelhouse ingest",
        "--config-yaml",
        json.dumps(bootstrap.config(), separators=(",", ":")),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "warning",
    ]


def environment() -> dict[str, str]:
    """This process' environment with what lets Envoy run this very Python. Raises StartupError."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHOME": f"{sys.prefix}{os.pathsep}{sys.exec_prefix}",
        "LD_PRELOAD": str(_libpython()),  # extension modules do not link it themselves
    }


def binary() -> Path:
    """Envoy. Raises StartupError."""
    return _package("envoy") / "_bin" / "envoy"


def _module() -> Path:
    return next(_package("pyvoy").glob("_pyvoy*.so"))


def _package(name: str) -> Path:
    """Where it is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StartupError(f"the package {name} is not installed")
    return Path(spec.origin).parent


def _libpython() -> Path:
    """Python's shared library: that of this interpreter's build, wherever a distribution puts it."""
    names = {str(sysconfig.get_config_var(variable)) for variable in ("INSTSONAME", "LDLIBRARY")}
    folders = [sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib"]
    folders += [f"{folder}/{sysconfig.get_config_var('MULTIARCH')}" for folder in list(folders)]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    names |= {f"libpython{version}.so.1.0", f"libpython{version}.so"}
    for folder in folders:
        for name in sorted(names):
            path = Path(str(folder)) / name
            if ".so" in name and path.exists():
                return path
    raise StartupError(
        f"the shared library of Python {version} is missing: on Debian install libpython{version}, "
        "with pyenv build Python with PYTHON_CONFIGURE_OPTS=--enable-shared"
    )
