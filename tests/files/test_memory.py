"""The slicer's memory does not grow with the stream, whatever the stream is."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
from producers.slicer import Slicer

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
slicer, count, fed = Slicer(), 0, 0
before = used()
slicer.feed(opening)
while fed < size:
    count += len(slicer.feed(block))
    fed += len(block)
slicer.finish()
print(used() - before, count, fed // len(repeated))
"""


@pytest.mark.parametrize(
    ("kind", "size", "all_cut"),
    [
        pytest.param("lines", 100_000_000, True, id="lines"),
        pytest.param("array", 100_000_000, True, id="one array"),
        pytest.param("string", 100_000_000, False, id="an element that never ends"),
        pytest.param("brackets", 9_000_000, False, id="brackets that never close"),
        pytest.param("noise", 20_000_000, False, id="no JSON at all"),
        pytest.param("blanks", 100_000_000, False, id="nothing but white space"),
    ],
)
def test_memory_stays_bounded(kind: str, size: int, all_cut: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(size)], capture_output=True, text=True, check=True, timeout=110
    )
    grown, count, pieces = map(int, done.stdout.split())
    assert 0 < grown < 40_000_000
    assert count == (pieces if all_cut else 0)
