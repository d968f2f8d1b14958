"""Incidents: failures of one application, cause and text as one trouble."""
