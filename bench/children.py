"""What a benchmark is to its child processes: nothing."""

from __future__ import annotations

import sys


def hide_main() -> None:
    """Have children start as those of `idtrail` do: a child imports the main module anew, which there imports next to
    nothing, and here everything that is measured."""
    main = sys.modules["__main__"]
    main.__spec__ = None
    del main.__file__
