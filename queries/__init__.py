"""Reads the store: one module per question, the folds of lifecycles and findings, and the HTTP API over them.

`store.Store` is the only way to ClickHouse, `lifecycle.fold` computes accounts, and `api.app` serves it all.
CONTRIBUTING.md has a map of the modules.
"""
