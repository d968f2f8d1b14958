"""Who is one person: ids, names and addresses over time."""
