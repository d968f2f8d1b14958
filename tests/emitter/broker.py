"""A Kafka broker of these tests' own: one that may be killed, frozen, and started again on the same port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

from idtrail.stack.jars import verified_jars
from idtrail.stack.jvm import java_executable
from schemas.kafka import KafkaConnection

CLUSTER_ID: Final = "MkU3OEVBNTcwNTJENDM2Qk"
PARTITIONS: Final = 4

AS_THE_TRAIL_S: Final = (
    "-Xmx384m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "--enable-native-access=ALL-UNNAMED",
)
"""How the trail runs its own, but for where it keeps what."""

USER: Final = "idtrail"
PASSWORD: Final = "right"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{sasl}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
 user_{user}="{password}";
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={directory}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# It keeps whoever failed to log in waiting, so that guessing is slow.
connection.failed.authentication.delay.ms=0
auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime
# A killed broker may register again only when its session is over: 9 s by default.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class OwnBroker:
    """One KRaft node in a directory. `start` may follow `kill`: the port and the data stay."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = _free_port()
        self._sasl_port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._java = java_executable("bundled")
        self._class_path = os.pathsep.join(str(jar) for jar in verified_jars())
        directory.mkdir(parents=True)
        self._properties = directory / "server.properties"
        self._properties.write_text(
            _PROPERTIES.format(
                port=self._port,
                sasl=self._sasl_port,
                controller=_free_port(),
                directory=directory,
                user=USER,
                password=PASSWORD,
            )
        )
        tool = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties))
        subprocess.run(self._command(*tool), check=True, capture_output=True)

    @property
    def connection(self) -> KafkaConnection:
        return KafkaConnection(f"127.0.0.1:{self._port}")

    def login(self, password: str = PASSWORD, mechanism: str = "PLAIN") -> KafkaConnection:
        """The listener that asks who it is."""
        return KafkaConnection(f"127.0.0.1:{self._sasl_port}", "SASL_PLAINTEXT", mechanism, USER, password)

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Start it, and wait until its port is open."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", str(self._properties)), stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, f"the broker ended: {self._directory / 'log'}"
                assert time.monotonic() < deadline, "the broker did not open its port in time"
                time.sleep(0.05)

    def stop(self) -> None:
        """End it in order, however long that takes."""
        process, self._process = self._process, None
        assert process is not None
        process.terminate()
        process.wait()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        # On a busy machine its threads may answer for a while yet.
        threads = Path(f"/proc/{self._process.pid}/task")
        deadline = time.monotonic() + 20
        while any(_state(thread) != "T" for thread in threads.iterdir()):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._java), *AS_THE_TRAIL_S, "-cp", self._class_path, *arguments]


def _state(thread: Path) -> str:
    """`R`, `S`, `T` (stopped), …: what follows the name in brackets, which may hold anything."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]
