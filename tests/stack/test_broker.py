"""A real broker: serves, keeps its data, and never outlives the process that started it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from idtrail.stack.jars import verified_jars
from idtrail.stack.kafka import LocalKafka
from idtrail.stack.topics import create_topics
from schemas.errors import Fatal
from schemas.kafka import FOR_EVER, KafkaConnection, TopicSpec
from tests.stack.children import broker_process, child, gone, local_kafka, wait_until

pytestmark = pytest.mark.kafka

TOPIC = TopicSpec("kept", FOR_EVER)
PLACE = TopicPartition(TOPIC.name, 0)


@asynccontextmanager
async def running(directory: Path, *, synced: bool = False) -> AsyncIterator[LocalKafka]:
    kafka = local_kafka(directory, synced=synced)
    try:
        await kafka.start()
        yield kafka
    finally:
        await kafka.stop()


async def _write(kafka: LocalKafka) -> None:
    connection = KafkaConnection(kafka.bootstrap)
    await create_topics(connection, 1, 1, [TOPIC], patience_seconds=20)
    async with AIOKafkaProducer(**connection.options(), acks="all") as producer:
        await producer.send_and_wait(TOPIC.name, b"value", timestamp_ms=0)


async def _read(kafka: LocalKafka) -> tuple[bytes | None, int, int]:
    async with AIOKafkaConsumer(**KafkaConnection(kafka.bootstrap).options()) as consumer:
        consumer.assign([PLACE])
        await consumer.seek_to_beginning(PLACE)
        record = await asyncio.wait_for(consumer.getone(), 20)
        return record.value, record.timestamp, record.timestamp_type


def _properties(directory: Path) -> dict[str, str]:
    lines = (directory / "kafka" / "server.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def _cluster(directory: Path) -> str:
    found = re.search(r"cluster\.id=(\S+)", (directory / "kafka" / "data" / "meta.properties").read_text())
    assert found is not None
    return found[1]


async def test_records_are_stamped_by_the_broker_and_survive_a_restart_and_a_busy_port_and_a_stop_is_no_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One cluster id in 64 begins with a dash, which the formatting tool took for an option.
    monkeypatch.setattr("idtrail.stack.kafka.uuid", SimpleNamespace(uuid4=lambda: UUID(bytes=b"\xf8" * 16)))
    directory = tmp_path / "Zoë, state"  # Java reads properties as Latin-1 and splits paths at commas
    before = time.time() * 1000
    async with running(directory, synced=True) as kafka:
        address = kafka.bootstrap
        await _write(kafka)
        written = await _read(kafka)
        broker = broker_process(directory)
        assert os.getsid(broker.pid) != os.getsid(0)  # out of a Ctrl-C's reach
    assert gone(broker)
    assert written[0] == b"value"
    assert before - 1000 <= written[1] <= time.time() * 1000
    assert written[2] == 1
    cluster = _cluster(directory)
    assert cluster.startswith("-")
    assert _properties(directory)["log.flush.interval.messages"] == "1"

    async with running(directory) as kafka:
        assert kafka.bootstrap == address
        assert await _read(kafka) == written
        died = asyncio.create_task(kafka.died())
        await asyncio.sleep(0)
        await kafka.stop()
        await asyncio.wait_for(died, 20)  # and raises nothing
    assert _cluster(directory) == cluster
    assert "log.flush.interval.messages" not in _properties(directory)

    host, port = address.split(":")
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((host, int(port)))
        squatter.listen()
        async with running(directory) as kafka:
            assert kafka.bootstrap != address
            assert await _read(kafka) == written


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(b"[99999, 70000]", id="no ports"),
        pytest.param(b"[-1, 1e999]", id="no numbers of ports"),
        pytest.param(b'{"broker": 1}', id="no list"),
        pytest.param(b"[9092", id="cut off"),
        pytest.param(b"\xff\xfe", id="no text"),
    ],
)
def test_ports_that_were_kept_badly_are_chosen_anew(tmp_path: Path, kept: bytes) -> None:
    file = tmp_path / "kafka" / "ports.json"
    file.parent.mkdir()
    file.write_bytes(kept)
    ports = LocalKafka(tmp_path, java=Path("java"), jars=(), synced=False)._ports()
    assert all(0 < port < 65_536 for port in ports)
    assert json.loads(file.read_text()) == list(ports)


def test_the_broker_ends_with_a_killed_parent(tmp_path: Path) -> None:
    with child("broker", tmp_path) as parent:
        broker = broker_process(tmp_path)
        assert not gone(broker)
        parent.kill()
        wait_until(lambda: gone(broker))


async def test_the_next_start_ends_what_a_killed_parent_and_guard_left(tmp_path: Path) -> None:
    with child("broker", tmp_path) as parent:
        left = broker_process(tmp_path)
        (guard_process,) = psutil.Process(parent.pid).children()
        # Stopped, it cannot act between the two kills.
        guard_process.suspend()
        parent.kill()
        guard_process.kill()
        wait_until(lambda: gone(guard_process))
        assert not gone(left)
        async with running(tmp_path):
            assert gone(left)
            assert not gone(broker_process(tmp_path))


async def test_a_start_leaves_a_process_alone_that_has_the_number_by_now(tmp_path: Path) -> None:
    stranger = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    try:
        (tmp_path / "kafka").mkdir()
        (tmp_path / "kafka" / "broker.pid").write_text(str(stranger.pid))
        no_java = LocalKafka(tmp_path, java=Path("/bin/false"), jars=(), synced=False)
        with pytest.raises(Fatal, match="could not be formatted"):
            await no_java.start()
        assert psutil.Process(stranger.pid).status() != psutil.STATUS_ZOMBIE
    finally:
        stranger.kill()
        await stranger.wait()


@pytest.mark.parametrize("victim", ["broker", "guard"])
async def test_a_broker_that_ends_while_serving_is_fatal_and_stays_no_orphan(tmp_path: Path, victim: str) -> None:
    async with running(tmp_path) as kafka:
        broker = broker_process(tmp_path)
        guard_process = broker.parent()
        assert guard_process is not None
        died = asyncio.create_task(kafka.died())
        os.kill(broker.pid if victim == "broker" else guard_process.pid, signal.SIGKILL)
        with pytest.raises(Fatal, match=r"the broker ended by itself \(exit code .*broker\.log"):
            await asyncio.wait_for(died, 20)
    assert gone(broker)


async def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("version=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qk\nnode.id=7\n")
    kafka = local_kafka(tmp_path)
    with pytest.raises(Fatal, match=r"the broker did not start: .*7.*broker\.log"):
        await kafka.start()
    await kafka.stop()


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "server.properties").mkdir(parents=True)
    with pytest.raises(Fatal, match=rf"the broker's directory {tmp_path}/kafka cannot be written: Is a directory"):
        await LocalKafka(tmp_path, java=Path("java"), jars=(), synced=False).start()


def test_a_full_disk_is_named_instead_of_half_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "broker.log").write_text("[main] ERROR kafka.server.Shared")
    kafka = LocalKafka(tmp_path, java=Path("java"), jars=(), synced=False)
    assert kafka._last_word().startswith("[main] ERROR kafka.server.Shared (log: ")
    monkeypatch.setattr("idtrail.stack.kafka.shutil.disk_usage", lambda _: SimpleNamespace(free=4096))
    assert kafka._last_word().startswith(f"the disk of {tmp_path / 'kafka'} is full: make room there")


async def test_a_java_that_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").touch()
    kafka = LocalKafka(tmp_path, java=tmp_path / "no" / "java", jars=verified_jars(), synced=False)
    with pytest.raises(Fatal, match=r"the broker did not start: FileNotFoundError: .*no/java"):
        await kafka.start()
    await kafka.stop()
