"""Which release runs in this process, and whether its files are still those it started with.

A process whose files are upgraded while it runs mixes two releases: what it imports or starts later comes from the new
one.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

RELEASE: Final = version("idtrail")
HEADER: Final = "idtrail-release"
"""The header of API answers that holds the release."""
PACKAGES: Final = frozenset({"schemas", "broker", "producers", "streams", "queries", "idtrail"})
_BEGAN: Final = time.time()


def upgraded_beneath(since: float = _BEGAN) -> str:
    """Return a sentence for whoever meets a defect if files of idtrail changed after that time; else an empty
    string."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] not in PACKAGES or file is None:
            continue
        try:
            changed = Path(file).stat().st_mtime > since
        except OSError:
            changed = True  # the other release does not have the file
        if changed:
            return f"idtrail was upgraded beneath this process, which runs {RELEASE} from before: restart it"
    return ""
