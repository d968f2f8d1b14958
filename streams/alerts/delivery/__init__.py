"""Telling people and webhooks of alerts: `plan` decides what is due, `channel` sends it, `courier` runs the two."""
