"""Whether an account was used can be told only of an application whose sign-ins reach the trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from queries.exposures import list_exposures
from queries.store import Store
from tests.queries.support import at, attempt, failed, stored, when
from tests.records import NOON, event

pytestmark = pytest.mark.store

KOFI = {"id": "5fad07f2b9f5414721b3d7a1", "type": "user", "username": "kofi.mensah"}
INES = {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "ines.almeida"}
LATER = NOON + timedelta(days=1)
DAY = 24 * 60

SEEN: dict[str, tuple[list[dict[str, Any]], float | None, bool]] = {
    "no sign-in to anything": ([], None, False),
    "the account's own": ([{}], 30, True),
    "the account's own before": ([{"timestamp": at(2)}], None, True),
    "somebody else's before": ([{"initiated_by": INES, "timestamp": at(-30 * DAY)}], None, True),
    "somebody else's, refused": ([{"initiated_by": INES, "success": False, "error_message": "no"}], None, True),
    "to another application": ([{"application": {"id": "other", "name": "other"}}], None, False),
    "somebody else's long ago": ([{"initiated_by": INES, "timestamp": at(-90 * DAY)}], None, False),
    "after what is asked about": ([{"timestamp": at(3 * DAY)}], None, False),
    "without a time": ([{"timestamp": "soon"}], None, False),
}
"""Sign-ins to the application that Kofi's account of could not be closed; his first since, and whether any is known."""


def test_that_nobody_signed_in_is_known_of_an_application_whose_sign_ins_are_in_the_trail(shared_store: Store) -> None:
    own = [attempt(0, "user_create_provision", resource=KOFI), failed(5, "user_deprovision", resource=KOFI)]
    sign_in = {"timestamp": at(30), "resource": None, "success": None, "initiated_by": KOFI}
    trails = stored(
        shared_store,
        {
            name: [*own, *(event("sso_auth", **{**sign_in, **each}) for each in told)]
            for name, (told, *_) in SEEN.items()
        },
    )
    found = {
        name: (only.used_since, only.sign_ins_known)
        for name, trail in trails.items()
        for only in list_exposures(trail.store, trail.organization, LATER).failing
    }
    assert found == {name: (used and when(used), known) for name, (_, used, known) in SEEN.items()}
