"""The language of idtrail: typed events, what they say, and how they stand on the log. No I/O, no clock.

`events.parse` types a record, `facts.facts` tells what it says, `envelope.seal` makes received bytes ready for the
log, and `errors` has every error.
"""
