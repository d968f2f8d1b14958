"""Alerts that no rule can find, because no event says it: the trail's own blindness, and what was left open."""
