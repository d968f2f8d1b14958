"""The program: settings, the command line, and the embedded stack, built from the other packages."""
