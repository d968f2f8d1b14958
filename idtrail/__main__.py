"""`python -m idtrail` is the command `idtrail`."""

from idtrail.cli import main

main()
