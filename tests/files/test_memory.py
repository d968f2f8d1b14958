"""Memory does not grow with what is read: of the slicer, whatever the stream is, and of a whole import."""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from schemas.kafka import KafkaConnection
from tests.cli.running import ROOT
from tests.fixtures_kafka import Topics
from tests.records import event

SCRIPT = """
import sys
from pathlib import Path
from producers import slicer
from producers.slicer import Slicer

if sys.argv[1] == "brackets":  # to follow them is slow: the limit is reached sooner
    slicer.LARGEST_ELEMENT = 1 << 20

def used():  # ru_maxrss would begin with the peak of the process that started this one
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024

event = b'{"id":"65a1f0c2e4b0a1b2c3d4e5f6","event_type":"user_create_provision","changes":[' + b",".join(
    [b'{"field":"displayName","to":"' + b"x" * 40 + b'"}'] * 8) + b']}'
kind, size = sys.argv[1], int(sys.argv[2])
opening, repeated = {
    "lines": (b"", event + b"\\n"),
    "array": (b"[", event + b","),
    "string": (b'[{"x":"', b"a" * 1000),
    "brackets": (b'{"x":', b"[" * 1000),
    "noise": (b"", b"\\xff\\x00" * 500),
    "blanks": (b"[", b" " * 1000),
}[kind]
block = repeated * (262_144 // len(repeated))
cutter, count, fed = Slicer(), 0, 0
before = used()
cutter.feed(opening)
while fed < size:
    count += len(cutter.feed(block))
    fed += len(block)
cutter.finish()
print(used() - before, count, fed // len(repeated))
"""


@pytest.mark.parametrize(
    ("kind", "size", "most", "all_cut"),
    [
        pytest.param("lines", 50_000_000, 20_000_000, True, id="lines"),
        pytest.param("array", 50_000_000, 20_000_000, True, id="one array"),
        pytest.param("string", 50_000_000, 20_000_000, False, id="an element that never ends"),
        pytest.param("brackets", 1_300_000, 6_000_000, False, id="brackets that never close"),
        pytest.param("noise", 20_000_000, 20_000_000, False, id="no JSON at all"),
        pytest.param("blanks", 50_000_000, 20_000_000, False, id="nothing but white space"),
    ],
)
def test_memory_stays_bounded(kind: str, size: int, most: int, all_cut: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(size)], capture_output=True, text=True, check=True, timeout=110
    )
    grown, count, pieces = map(int, done.stdout.split())
    assert 0 < grown < most
    assert count == (pieces if all_cut else 0)


CONTENT_BYTES = 2 * 1024**3
IMPORT = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from idtrail.logs import configure_logs
from producers.emitter import Emitter
from producers.files import import_files
from producers.spool import Spool
from schemas.kafka import KafkaConnection

configure_logs(level="warning")  # onto standard error: what is printed is read

async def main(bootstrap, topic, letters, file, spool):
    clock = lambda: datetime.now(UTC)
    async with Emitter(KafkaConnection(bootstrap), Spool(Path(spool), 8 * 1024**3), clock, topic, letters) as emitter:
        summary = await import_files([file], emitter, organization=None, on_progress=lambda progress: None)
    peak = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())["VmHWM"]
    print(int(peak.split()[0]) * 1024, summary.accepted, summary.complete)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.soak
@pytest.mark.kafka
@pytest.mark.timeout(3600)
async def test_two_gigabytes_are_imported_in_less_than_300_megabytes(
    kafka: KafkaConnection, topics: Topics, tmp_path: Path
) -> None:
    """A gzipped array as the vendor's exports are, onto a real log by the real emitter, in a process of its own."""
    changes = [{"field": f"attribute{number}", "to": "x" * 60} for number in range(10)]
    people = [{"id": f"{number:024x}", "type": "user", "username": f"person{number}"} for number in range(500)]
    block = b"".join(orjson.dumps(event(resource=person, changes=changes)) + b",\n" for person in people)
    blocks = CONTENT_BYTES // len(block) + 1
    path = tmp_path / "export.json.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b"[")
        for _ in range(blocks - 1):
            file.write(block)
        file.write(block.rstrip(b",\n") + b"]")

    arguments = [kafka.bootstrap, topics.events, topics.dead_letters, str(path), str(tmp_path / "spool.sqlite3")]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IMPORT, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await child.communicate()
    assert child.returncode == 0
    peak, accepted, complete = told.split()
    print(f"{blocks * len(block):,} bytes, {int(accepted):,} events: peak {int(peak):,} bytes")  # noqa: T201  because it is a measure
    assert (int(accepted), complete) == (blocks * len(people), b"True")
    assert int(peak) < 300_000_000
