"""Sigma rules and correlations, turned into rules of ours that match exactly what those mean, or refused."""
