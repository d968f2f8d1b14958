"""What the API answers with, as the command line has it."""

from __future__ import annotations

from typing import Any

Item = dict[str, Any]
"""One object of JSON; its fields are in docs/openapi.json."""
