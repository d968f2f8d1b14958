"""Converts Sigma rules and correlations to rules of ours that match exactly the same events, or refuses them."""
