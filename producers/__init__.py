"""Everything that puts events on the log: the emitter with its spool, the import of files and buckets, and the
simulator.

Start with `emitter.Emitter`.
"""
