"""The HTTP API: `create_app` puts it together; everything it needs is given to it."""

from queries.api.app import create_app, documents
from queries.api.context import Context

__all__ = ["Context", "create_app", "documents"]
