"""Alerts as the store has them: their states, acts and evidence."""
