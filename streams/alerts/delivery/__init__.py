"""Delivers alerts to people and webhooks: `plan` decides what is due, `channel` sends it, `courier` runs the two."""
