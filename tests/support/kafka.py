"""A real Kafka broker of one node for the tests, from Maven jars (tests/support/kafka/pom.xml).

Jars and a formatted empty storage are kept in the repository's `target/kafka`, so that only the first
run needs Maven. Missing Java or Maven is an error, never a skip.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.maven import TARGET, call, jars, once, tool
from tests.support.ports import free_ports

_CLUSTER = "b3RlbGhvdXNlLXRlc3RzIQ"
_JVM = ("-Xmx384m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
START_SECONDS = 60.0

# Small and quick: one replica, a group forms and finds its dead within seconds, retention looks each second.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
num.network.threads=2
num.io.threads=2
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=4194304
log.initial.task.delay.ms=500
log.retention.check.interval.ms=1000
file.delete.delay.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.coordinator.rebalance.protocols={protocols}
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=3000
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=300
"""


class KafkaBroker:
    """One broker in a directory of its own, on free ports that it keeps over restarts."""

    def __init__(self, directory: Path, protocols: str = "classic,consumer") -> None:
        self.directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        broker, controller = free_ports(2)
        self.bootstrap = f"127.0.0.1:{broker}"
        shutil.copytree(_formatted(), directory / "logs")
        self._properties = directory / "server.properties"
        self._properties.write_text(
            _PROPERTIES.format(broker=broker, controller=controller, logs=directory / "logs", protocols=protocols)
        )

    @property
    def url(self) -> str:
        """For `log.url`."""
        return f"kafka://{self.bootstrap}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, wait: bool = True) -> None:
        """Start it and wait until it answers; nothing happens if it runs."""
        if not self.running:
            with (self.directory / "broker.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [*_java("kafka.Kafka"), str(self._properties)], stdout=log, stderr=log, cwd=self.directory
                )
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_SECONDS
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200})
        while time.monotonic() < deadline and self.running:
            try:
                client.list_topics(timeout=0.5)
                return
            except KafkaException:
                time.sleep(0.05)
        raise RuntimeError(f"Kafka does not answer on {self.bootstrap}:\n{self.log()[-3000:]}")

    def stop(self) -> None:
        """An orderly stop."""
        self._end(kill=False)

    def kill(self) -> None:
        """kill -9"""
        self._end(kill=True)

    def restart(self) -> None:
        """Stop and start again, on the same ports."""
        self.stop()
        self.start()

    def log(self) -> str:
        """What the broker printed."""
        return (self.directory / "broker.log").read_text(errors="replace")

    def _end(self, kill: bool) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@pytest.fixture(scope="session")
def kafka() -> Iterator[KafkaBroker]:
    """A running broker. A test that stops or kills it starts it again."""
    with tempfile.TemporaryDirectory(prefix="otelhouse-kafka-") as directory:
        broker = KafkaBroker(Path(directory))
        broker.start()
        yield broker
        broker.kill()  # nobody reads its files again


def _formatted() -> Path:
    """An empty storage, formatted once and copied for each broker."""
    directory = TARGET / "kafka" / "formatted"
    once(directory, _PROPERTIES.encode(), lambda: _format(directory))
    return directory


def _format(directory: Path) -> None:
    properties = directory.with_suffix(".properties")
    settings = {"broker": 1, "controller": 2, "logs": directory, "protocols": "classic,consumer"}
    properties.write_text(_PROPERTIES.format(**settings))
    call(*_java("kafka.tools.StorageTool"), "format", "-t", _CLUSTER, "-c", str(properties))


def _java(main: str) -> list[str]:
    level = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [tool("java"), *_JVM, level, "-cp", f"{jars('kafka')}/*", main]
