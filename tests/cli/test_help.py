"""What the help of commands costs: nothing that only their work needs is imported for it."""

from __future__ import annotations

import subprocess
import sys

from tests.cli.running import ROOT

OF_THE_WORK = {"httpx", "pydantic", "pydantic_settings", "fastapi", "aiokafka", "faust", "textual", "chdb", "pyarrow"}
HELP = """
import sys
from idtrail.cli import app, register_commands
register_commands()
app(sys.argv[1:], standalone_mode=False)
print(*sys.modules, file=sys.stderr)
"""


def test_the_help_imports_nothing_of_what_commands_work_with() -> None:
    done = subprocess.run([sys.executable, "-c", HELP, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "lifecycle" in done.stdout
    assert not OF_THE_WORK & set(done.stderr.split())
