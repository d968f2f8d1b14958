"""The language of idtrail: typed events, their meaning, and their form on the log. No I/O, no clock.

`events.parse` types a record, `facts.facts` derives its columns, `envelope.seal` makes received bytes ready for the
log, and `errors` has every error.
"""
