"""TLS on both ports: renewal without a restart, and clients that are known by their certificates."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import pytest
from pydantic import SecretStr

from otelhouse.certificates import add
from otelhouse.config import PostgresSettings
from otelhouse.errors import StartupError
from otelhouse.keys import Scope
from otelhouse.postgres import connect
from schema.record import Framing, parse_headers
from schema.signal import Signal
from tests.ingest.requests import one_of
from tests.support.certificates import Authority, Pair
from tests.support.graphql import eventually
from tests.support.ingest import RunningIngest, running_ingest

BODY = one_of(Signal.TRACES, "private").SerializeToString()
HEADERS = {"content-type": "application/x-protobuf"}
TENANT = "URI:spiffe://example/agent"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Pair:
    return authority.sign("server", "DNS:localhost", "IP:127.0.0.1")


def trusting(authority: Authority, pair: Pair | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    return context


def post(ingest: RunningIngest, context: ssl.SSLContext, **headers: str) -> httpx.Response:
    told = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx.Client(verify=context, timeout=10) as client:
        return client.post(f"https://{ingest.otlp_http}/v1/traces", content=BODY, headers=told)


def serial(ingest: RunningIngest, authority: Authority, pair: Pair) -> str:
    """The serial number of the certificate that a new connection is shown."""
    host, _, port = ingest.otlp_grpc.rpartition(":")
    context = trusting(authority, pair)
    with socket.create_connection((host, int(port))) as plain, context.wrap_socket(plain, server_hostname=host) as made:
        shown = made.getpeercert()
    assert shown is not None
    return str(shown["serialNumber"])


def export(ingest: RunningIngest, authority: Authority, pair: Pair | None = None) -> bytes:
    credentials = grpc.ssl_channel_credentials(
        authority.certificate.read_bytes(),
        pair.key.read_bytes() if pair else None,
        pair.certificate.read_bytes() if pair else None,
    )
    with grpc.secure_channel(ingest.otlp_grpc, credentials) as channel:
        answer: bytes = channel.unary_unary(Signal.TRACES.grpc_method)(BODY, timeout=10)
        return answer


def test_both_protocols_are_private_and_a_renewed_certificate_is_used(
    tmp_path: Path, metadata_url: str, authority: Authority, server: Pair
) -> None:
    live = Pair(tmp_path / "tls.crt", tmp_path / "tls.key")
    for old, new in ((server.certificate, live.certificate), (server.key, live.key)):
        shutil.copy(old, new)
    anyone = authority.sign("anyone")
    tls = {"tls_certificate": live.certificate, "tls_key": live.key, "tls_client_ca": authority.certificate}
    with running_ingest(tmp_path, metadata_url, **tls) as ingest:
        assert post(ingest, trusting(authority, anyone)).status_code == 200
        assert export(ingest, authority, anyone) == b""
        with pytest.raises(httpx.TransportError):
            post(ingest, trusting(authority))  # without a certificate of its own
        with pytest.raises(httpx.TransportError):
            httpx.post(f"http://{ingest.otlp_http}/v1/traces", content=BODY, headers=HEADERS)
        first = serial(ingest, authority, anyone)

        written = authority.sign("written", "IP:127.0.0.1")
        live.certificate.write_bytes(written.certificate.read_bytes())
        post(ingest, trusting(authority, anyone))  # the pair does not fit: the one before is still in use
        live.key.write_bytes(written.key.read_bytes())
        second = eventually(lambda: serial(ingest, authority, anyone), lambda found: found != first, 10)

        renamed = authority.sign("renamed", "IP:127.0.0.1")
        os.replace(renamed.key, live.key)
        os.replace(renamed.certificate, live.certificate)
        eventually(lambda: serial(ingest, authority, anyone), lambda found: found != second, 10)
        assert post(ingest, trusting(authority, anyone)).status_code == 200


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tls_certificate": "/nowhere.crt"}, "ingest.tls_certificate: cannot read /nowhere.crt"),
        ({"tls_certificate": "{key}", "tls_key": "{key}"}, "ingest.tls_certificate: "),
        ({"tls_client_ca": "/nowhere.ca"}, "ingest.tls_client_ca: cannot read /nowhere.ca"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_used_end_the_start(
    tmp_path: Path, server: Pair, settings: dict[str, str], said: str
) -> None:
    given = {"tls_certificate": str(server.certificate), "tls_key": str(server.key)} | settings
    named = {name: value.format(key=server.key) for name, value in given.items()}
    with pytest.raises(StartupError, match=f"^{said}"), running_ingest(tmp_path, **named):
        pass


@pytest.fixture
def known(tmp_path: Path, metadata_url: str, authority: Authority, server: Pair) -> Iterator[RunningIngest]:
    """Ingest that others can reach, for clients with a certificate or a key."""
    with connect(PostgresSettings(url=SecretStr(metadata_url))) as connection:
        add(connection, TENANT, "default", {Scope.INGEST}, "test")
    tls = {"tls_certificate": server.certificate, "tls_key": server.key, "tls_client_ca": authority.certificate}
    with running_ingest(
        tmp_path, metadata_url, grpc="0.0.0.0:0", http="0.0.0.0:0", tls_client_auth="optional", **tls
    ) as running:
        running.otlp_grpc = running.otlp_grpc.replace("0.0.0.0", "127.0.0.1")
        running.otlp_http = running.otlp_http.replace("0.0.0.0", "127.0.0.1")
        yield running


def test_a_certificate_names_the_tenant_and_no_header_does(
    known: RunningIngest, authority: Authority, tmp_path: Path
) -> None:
    agent = authority.sign("agent", TENANT)
    nobody = authority.sign("nobody", "URI:spiffe://example/nobody", "DNS:agent")
    two_in_one = authority.sign("two", f"URI:spiffe://example/nobody;{TENANT.replace(':', '=', 1)}")
    assert post(known, trusting(authority, agent)).status_code == 200
    assert export(known, authority, agent) == b""
    shown = f'Hash=0;Cert="{agent.certificate.read_text()}"'.replace("\n", "%0A")
    for context in (trusting(authority), trusting(authority, nobody), trusting(authority, two_in_one)):
        assert post(known, context).status_code == 401
        assert post(known, context, x_forwarded_client_cert=shown).status_code == 401
    strange = Authority(tmp_path / "strangers").sign("agent", TENANT)
    with pytest.raises(httpx.TransportError):
        post(known, trusting(authority, strange))
    framings = [parse_headers(record.headers) for record in known.records(Signal.TRACES)]
    assert [f.tenant for f in framings if isinstance(f, Framing)] == ["default", "default"]
