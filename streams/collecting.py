"""How often Python looks for cycles."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Have Python look for cycles less often, in the whole process, and not among what is there already.

    A flight is some hundred thousand objects, none of them in a cycle, and looking at them took a tenth of the sink's
    time. Going through all that a process has loaded took 60 ms, in the middle of some answer. For whoever owns the
    process.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
