"""Tunes the Python interpreter of a process of the trail: garbage collection and thread switching."""

from __future__ import annotations

import gc
import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0005
"""How long a decoding thread keeps the interpreter while others wait for it; the default is ten times as long."""


def tune_interpreter() -> None:
    """Collect garbage less often, exclude objects that exist already, and switch threads sooner. For the owner of the
    process.

    A flight is some hundred thousand objects, none of them in a cycle, and checking them took a tenth of the sink's
    time. A full collection over everything that a process has loaded took 60 ms, in the middle of an answer. And every
    few hundred kilobytes sent to a child and back wait for the interpreter once: at 5 ms a switch, that took a fifth of
    the time in which two processes decode.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.setswitchinterval(SWITCH_SECONDS)
