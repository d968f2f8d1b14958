"""Everything that runs on the log: the sink, the Faust agent with its failure windows, incidents and alerts, rebuild
and verify.

`worker.Worker` runs all of it in one event loop; `sink` puts events into ClickHouse.
"""
