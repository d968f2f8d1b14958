"""The program: settings, the command line, and the embedded stack. It puts the other packages together."""
