"""A real Apache Kafka on loopback: one KRaft node, formatted and started as a child of this process."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from idtrail.stack import guard
from schemas.errors import Fatal
from schemas.kafka import KafkaConnection

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
HEAP_MB: Final = 384
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024 + 512 * 1024
YEAR_MINUTES: Final = 365 * 24 * 60
CLEANER_BYTES: Final = 16 * 1024 * 1024
"""Heap used for compaction; Kafka's default is 128 MB."""
FULL_BYTES: Final = 1024 * 1024
"""With less free space, a broker cannot create the files of a partition."""
_FORMAT: Final = ("kafka.tools.StorageTool", "format", "--config=server.properties")


class LocalKafka:
    """Controls a broker with `start()`, `stop()`, and `died()` in between. Data survive; a broker left by a killed run
    is ended."""

    def __init__(self, state: Path, *, java: Path, jars: Sequence[Path], synced: bool) -> None:
        self._home = state.absolute() / "kafka"
        self._java = java
        self._jars = jars
        self._synced = synced
        self._guard: asyncio.subprocess.Process | None = None
        self._log_start = 0
        self.bootstrap = ""
        """Host and port, once started."""

    async def start(self) -> None:
        """Return when the broker answers. Otherwise raises `Fatal` with the last error in the broker's log."""
        try:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            await asyncio.to_thread(self._end_leftover)
            broker_port, controller_port = self._ports()
            self._write_properties(broker_port, controller_port)
        except OSError as error:
            raise Fatal(f"the broker's directory {self._home} cannot be written: {error.strerror}") from error
        self.bootstrap = f"127.0.0.1:{broker_port}"
        if not (self._home / "data" / "meta.properties").exists():
            await self._format()
        await self._launch()
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._answering()
        except TimeoutError:
            await self.stop()
            raise Fatal(f"the broker did not answer within {START_SECONDS:.0f} s: {self._last_word()}") from None

    async def stop(self) -> None:
        """Shut the broker down in order. Safe to call twice."""
        process, self._guard = self._guard, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()  # the guard ends the broker
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        # Nothing is left, unless the guard itself was killed.
        await asyncio.to_thread(self._end_leftover)

    async def died(self) -> None:
        """Raises `Fatal` when the broker ends by itself; otherwise waits for ever."""
        process = self._guard
        assert process is not None, "start() comes first"
        code = await process.wait()
        if self._guard is process:
            raise Fatal(f"the broker ended by itself (exit code {code}): {self._last_word()}")

    @property
    def _mark(self) -> str:
        """Return a text that is on the command line of this directory's broker, and of no other process."""
        return f"-Didtrail.broker={self._home}"

    def _java_command(self, *arguments: str) -> list[str]:
        class_path = os.pathsep.join(str(jar) for jar in self._jars)
        return [
            str(self._java),
            f"-Xmx{HEAP_MB}m",
            # Only the quick compiler: starting takes half the processor time, and on two cores shared with the rest of
            # the trail each event costs less too (measured: 12 µs of the broker's, not 30, over 200,000).
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "--enable-native-access=ALL-UNNAMED",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            self._mark,
            "-cp",
            class_path,
            *arguments,
        ]

    async def _format(self) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = self._java_command(*_FORMAT, f"--cluster-id={cluster}")  # one word: it may begin with a dash
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self._home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            lines = said.decode(errors="replace").strip().splitlines() or ["no word"]
            telling = [line for line in lines if "Exception" in line or "error" in line.lower()] or lines
            raise Fatal(f"the broker's directory {self._home} could not be formatted: {telling[-1].strip()}")

    async def _launch(self) -> None:
        log = self._home / "broker.log"
        self._log_start = log.stat().st_size if log.exists() else 0
        with log.open("ab") as words_of_the_guard:
            self._guard = await asyncio.create_subprocess_exec(
                sys.executable,
                "-IS",  # the guard needs no packages: up in 15 ms
                guard.__file__,
                str(self._home),
                *self._java_command("kafka.Kafka", "server.properties"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=words_of_the_guard,
                start_new_session=True,  # a Ctrl-C at the terminal must not reach the broker before us
            )

    async def _answering(self) -> None:
        """Return once the broker answers a client; an open port is not enough. Raises `Fatal` if it ends."""
        while True:
            assert self._guard is not None
            if self._guard.returncode is not None:
                raise Fatal(f"the broker did not start: {self._last_word()}")
            admin = AIOKafkaAdminClient(**KafkaConnection(self.bootstrap).options())
            try:
                with _port_open(self.bootstrap):
                    await admin.start()
                    # It answers shortly before it may hold partitions; once it may, it lists itself.
                    if (await admin.describe_cluster())["brokers"]:
                        return
            except (KafkaError, OSError):
                pass
            finally:
                await admin.close()
            await asyncio.sleep(0.1)

    def _end_leftover(self) -> None:
        """End the broker of a run whose guard was killed too: that very process and no other."""
        pid_file = self._home / "broker.pid"
        try:
            process = psutil.Process(int(pid_file.read_text()))
            if self._mark not in process.cmdline():
                return  # the number belongs to another process by now
            process.terminate()
            try:
                process.wait(guard.GRACE_SECONDS)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(guard.GRACE_SECONDS)
        except (OSError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
            return
        finally:
            pid_file.unlink(missing_ok=True)

    def _ports(self) -> tuple[int, int]:
        """Return the ports of the last run if they are still free, so that addresses stay the same."""
        try:
            kept = json.loads((self._home / "ports.json").read_text())
            ports = int(kept[0]), int(kept[1])
        except (OSError, ValueError, LookupError, TypeError, OverflowError):
            ports = 0, 0
        ports = _free_port(ports[0]), _free_port(ports[1])
        (self._home / "ports.json").write_text(json.dumps(ports))
        return ports

    def _write_properties(self, broker_port: int, controller_port: int) -> None:
        properties = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{broker_port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            # Relative to the broker's own directory: Java would misread a path with a comma or characters beyond
            # Latin-1.
            "log.dirs": "data",
            "auto.create.topics.enable": "false",
            "log.message.timestamp.type": "LogAppendTime",
            "message.max.bytes": MAX_MESSAGE_BYTES,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            # The committed offsets hold the sink's progress: keep them longer than any pause.
            "offsets.retention.minutes": YEAR_MINUTES,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # A killed broker may register again only when its session has expired: 9 s by default.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
            "log.cleaner.dedupe.buffer.size": CLEANER_BYTES,
            "num.network.threads": 2,
            "num.io.threads": 2,
        }
        if self._synced:
            # No replica has a copy after a power cut: sync each append before it is acknowledged.
            properties["log.flush.interval.messages"] = 1
        text = "".join(f"{name}={value}\n" for name, value in properties.items())
        (self._home / "server.properties").write_text(text)

    def _last_word(self) -> str:
        path = self._home / "broker.log"
        if not self._home.is_dir():
            return f"{self._home} is not there any more: the state directory was moved or removed under it"
        if shutil.disk_usage(self._home).free < FULL_BYTES:  # the log then ends in the middle of a word
            return f"the disk of {self._home} is full: make room there, and start again (log: {path})"
        try:
            said = path.read_bytes()
        except OSError:
            said = b""
        if len(said) >= self._log_start:  # else the log was set aside since, and this is all from one run
            said = said[self._log_start :]
        lines = said.decode(errors="replace").splitlines()
        telling = [line for line in lines if re.search("ERROR|FATAL|Exception|[Ee]rror", line)]
        last = (telling or lines or ["it said nothing"])[-1].strip()
        return f"{last[:300]} (log: {path})"


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except (OSError, OverflowError):  # taken, or not a port at all
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _port_open(bootstrap: str) -> socket.socket:
    """Open a connection to the broker's port first, since aiokafka logs an error for each attempt at a closed port."""
    host, port = bootstrap.split(":")
    return socket.create_connection((host, int(port)), timeout=1)
