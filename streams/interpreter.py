"""How Python runs a process of the trail: when it looks for cycles, and how soon it changes threads."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""A thread that decodes holds the interpreter for so long while others wait for it; by default ten times as long."""


def tune_interpreter() -> None:
    """Have Python look for cycles less often, and not among what is there already; and change threads sooner. For
    whoever owns the process.

    A flight is some hundred thousand objects, none of them in a cycle, and looking at them took a tenth of the sink's
    time. Going through all that a process has loaded took 60 ms, in the middle of some answer. And every few hundred
    kilobytes that go to a child and back wait for the interpreter once: at 5 ms that took a fifth of the time in which
    two processes decode.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.setswitchinterval(SWITCH_SECONDS)
