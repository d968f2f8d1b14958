"""What may be the id of an organization. Pure.

`*` stands for all of them everywhere, and a bar separates the organization from the person in Kafka's keys.
"""

from __future__ import annotations

from typing import Final

from schemas.errors import BadUsage

MAX_ORGANIZATION: Final = 128
"""The vendor's ids have 24 characters."""
ORGANIZATION_FORM: Final = (
    f"must be the id of one organization: at most {MAX_ORGANIZATION} printable characters without |, no space at "
    "either end, and not *"
)


def is_organization(text: str) -> bool:
    """Whether this may be the id of an organization."""
    return (
        0 < len(text) <= MAX_ORGANIZATION
        and text.isprintable()
        and text == text.strip()
        and text != "*"
        and "|" not in text
    )


def require_organization(text: str, name: str) -> None:
    """Raises `BadUsage`, which calls it `name`, unless this may be the id of an organization."""
    if not is_organization(text):
        raise BadUsage(f"{name}: {ORGANIZATION_FORM}")
