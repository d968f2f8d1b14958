"""What provisioning events attempt."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a provisioning event attempts. `tests/test_actions.py` asks every table of them for each."""

    ACTIVATE = "activate"
    UPDATE = "update"
    REAUTH = "reauth"
    DELETE = "delete"
    CREATE = "create"
    DEPROVISION = "deprovision"
    LOOKUP = "lookup"
