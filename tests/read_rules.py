"""The shipped rules, read: by the process that those of tests are copies of, and so by none of the copies."""

from __future__ import annotations

from streams.alerts.loading import read_rule, texts_in_force

for text in texts_in_force():
    read_rule(text, "rule")  # as a backtest's children name it
