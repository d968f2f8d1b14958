"""The HTTP API. `create_app` builds it from what it is given."""

from queries.api.app import create_app, documents
from queries.api.context import Context

__all__ = ["Context", "create_app", "documents"]
