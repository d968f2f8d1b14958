"""Integrations and the health of their credentials."""
