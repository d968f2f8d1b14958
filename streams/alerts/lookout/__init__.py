"""Alerts about what no single event reports: the trail's own blindness, and accounts left open."""
