"""Generates the pages of docs/ and the schemas that say what the code says. Not part of what is installed."""
