"""A real ZooKeeper server, for what a ClickHouse cluster needs of one."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.maven import jars, tool
from tests.support.ports import free_port

_JVM = ("-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")
START_SECONDS = 30.0


@contextmanager
def start_zookeeper(directory: Path) -> Iterator[int]:
    """Run a server over an empty directory; yields its port on 127.0.0.1 when it answers."""
    port = free_port()
    options = [*_JVM, "-Dzookeeper.admin.enableServer=false", "-Dzookeeper.clientPortAddress=127.0.0.1"]
    command = [tool("java"), *options, "-cp", str(jars("zookeeper") / "*")]
    with (directory / "zookeeper.log").open("wb") as log:
        arguments = ["org.apache.zookeeper.server.ZooKeeperServerMain", str(port), str(directory / "data")]
        process = subprocess.Popen([*command, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _wait(process, port, directory / "zookeeper.log")
        yield port
    finally:
        process.kill()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"srvr")
                if b"Zookeeper version" in connection.recv(1000):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"ZooKeeper does not answer:\n{log.read_text(errors='replace')[-2000:]}")
