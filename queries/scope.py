"""Decides whose rows a statement reads: those of one organization, or of all for a token that may see all of them.

Every statement for either has the condition `SCOPE` and the parameter from `scoped`. It fails without the parameter.
"""

from __future__ import annotations

from typing import Any, Final

EVERY_ORGANIZATION: Final = "*"
# With `OR` instead of `if`, ClickHouse would sort rows that it can read in the order of the key.
SCOPE: Final = (
    f"organization = if({{organization:String}} = '{EVERY_ORGANIZATION}', organization, {{organization:String}})"
)


def scoped(organization: str | None) -> dict[str, Any]:
    """Return the parameter of `SCOPE`. None selects every organization."""
    return {"organization": EVERY_ORGANIZATION if organization is None else organization}
