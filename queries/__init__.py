"""What reads the store: one module a question, the folds of lifecycles and findings, and the HTTP API over them.

`store.Store` is the one way to ClickHouse, `lifecycle.fold` tells where accounts stand, `api.app` serves it all.
CONTRIBUTING.md has a map of the modules.
"""
