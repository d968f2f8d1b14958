"""Makes `python -m idtrail` the same as the command `idtrail`."""

from idtrail.cli import main

main()
