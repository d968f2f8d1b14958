"""The fold of one account's or person's events, piece by piece; `queries.lifecycle` puts it together. Pure."""
