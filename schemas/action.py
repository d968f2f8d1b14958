"""What provisioning events attempt."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What a provisioning event attempts. `tests/test_actions.py` asks every table of them for each."""

    ACTIVATE = "activate"
    UPDATE = "update"
    REAUTH = "reauth"
    DELETE = "delete"
    CREATE = "create"
    DEPROVISION = "deprovision"
    LOOKUP = "lookup"


PUSHES: Final = (Action.CREATE.value, Action.UPDATE.value)
"""The actions that give an account or a group its attributes; as plain texts, which SQL can hold."""
CLOSINGS: Final = (Action.DEPROVISION.value, Action.DELETE.value)
"""The actions that close an account or delete a group."""
