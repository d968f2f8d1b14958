"""SQL of what ends a failure (`schemas.cause`), for all who tell whether a trouble goes on. Pure, but for
`end_parameters`.

A success ends the failures before it in every scope that it reaches; a failure has one scope. Before is by time, then
by event id. Once an integration is deleted, nothing can fail any more, whatever the scope.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from queries.integrations.replaced import read_replaced
from queries.store import Store
from schemas.action import CLOSINGS
from schemas.cause import CAUSES, Scope

_CLOSES: Final = f"(kind != 'integration' AND (action IN {CLOSINGS} OR account_state = 'inactive'))"
_TURNS: Final = f"({_CLOSES} OR kind != 'integration' AND (action = 'create' OR account_state = 'active'))"
"""Opens or closes the account, by the action if the account state is empty."""

EVERYBODY: Final = "concat(organization, '\\n', application_id, '\\n')"
"""The scope that the success of any person or group reaches: the application accepts requests."""
FAILURE_SCOPE: Final = (
    f"concat({EVERYBODY}, multiIf(kind = 'integration', 'i', cause IN {{of_all:Array(String)}}, '',"
    f" {_CLOSES}, concat('c', kind, subject_id),"
    " cause IN {of_type:Array(String)}, concat('t', event_type), concat('s', kind, subject_id)))"
)
"""The scope of a failure."""
OWN_SCOPE: Final = (
    f"concat({EVERYBODY}, multiIf(kind = 'integration', 'i', {_CLOSES}, concat('c', kind, subject_id),"
    " concat('s', kind, subject_id)))"
)
"""The scope that only a success for the same person or group reaches, whatever the cause."""
SUCCESS_SCOPES: Final = (
    f"arrayMap(own -> concat({EVERYBODY}, own), if(kind = 'integration', ['i'],"
    f" arrayConcat(['i', '', concat('t', event_type), concat('s', kind, subject_id)],"
    f" if({_TURNS}, [concat('c', kind, subject_id)], []))))"
)
"""The scopes that a success reaches. A failure of the integration itself, such as its activation, ends with its own
success too. The success of a re-authorisation does not show that people's requests are accepted again."""
DELETED: Final = (
    "kind = 'integration' AND action = 'delete' AND outcome = 'success' AND event_id NOT IN {replaced:Array(UUID)}"
)
"""The deletion of an integration that had not been replaced."""
MOMENT: Final = (
    "(bitShiftLeft(toUInt256(toUnixTimestamp64Micro(occurred_at)), 128)"
    " + toUInt256(reinterpretAsUInt128(reverse(UUIDToNum(event_id)))))"
)
"""The order of events as one number. ClickHouse itself compares UUIDs by their second half first."""


def end_parameters(store: Store, organizations: Collection[str] | None) -> dict[str, Any]:
    """Return the parameters of `FAILURE_SCOPE` and `DELETED`, for these organizations or for all."""
    return {
        "replaced": sorted(map(str, read_replaced(store, organizations))),
        "of_all": [cause.value for cause, known in CAUSES.items() if known.ends_with is Scope.INTEGRATION],
        "of_type": [cause.value for cause, known in CAUSES.items() if known.ends_with is Scope.EVENT_TYPE],
    }
