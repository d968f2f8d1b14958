"""Which release runs in this process, and whether its files are still those that it began with.

A process that is upgraded beneath itself mixes two releases: what it imports or starts later is the new one's.
"""

from __future__ import annotations

import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Final

RELEASE: Final = version("idtrail")
HEADER: Final = "idtrail-release"
"""Of the answers of the API."""
PACKAGES: Final = frozenset({"schemas", "broker", "producers", "streams", "queries", "idtrail"})
_BEGAN: Final = time.time()


def upgraded_beneath(since: float = _BEGAN) -> str:
    """A sentence for whoever meets a defect, if files of ours were changed after that time; else empty."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.partition(".")[0] not in PACKAGES or file is None:
            continue
        try:
            changed = Path(file).stat().st_mtime > since
        except OSError:
            changed = True  # the other release has no such file
        if changed:
            return f"idtrail was upgraded beneath this process, which runs {RELEASE} from before: restart it"
    return ""
