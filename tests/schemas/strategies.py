"""Records as hypothesis draws them: any JSON object, and ones that look like events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.events import ALIASES, EVENT_TYPES

RECEIVED = datetime(2026, 3, 19, 14, 5, 0, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
KEYS = TEXT | st.sampled_from(
    ["@version", "_version", "id", "to", "from", "field", "name", "a.b", "a_b", "password", "token", "jumpcloud"]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, JSON, max_size=5)
TIMESTAMPS = st.sampled_from(
    ["2026-03-19T14:03:11.482Z", "2026-03-19T14:03:11Z", "2026-02-22T01:00:52.203069748Z", "", "yesterday", None, 7]
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """Objects with a timestamp whose well-known fields hold what they should, or anything."""
    record: dict[str, Any] = {"timestamp": draw(TIMESTAMPS)}
    likely: dict[str, st.SearchStrategy[Any]] = {
        "id": TEXT,
        "event_type": st.sampled_from([*EVENT_TYPES, *ALIASES, "sso_auth"]),
        "success": st.none() | st.booleans(),
        "error_message": st.none() | TEXT,
        "resource": st.dictionaries(st.sampled_from(["id", "type", "username", "email", "name"]), TEXT),
        "application": st.dictionaries(st.sampled_from(["id", "name", "display_label"]), TEXT),
        "initiated_by": st.dictionaries(st.sampled_from(["id", "type", "email", "username"]), TEXT),
        "message_chain": st.dictionaries(
            st.sampled_from(["response_code", "response_message", "message_details"]),
            TEXT | st.integers(0, 700) | st.sampled_from(["404", "409", '{"status":"429"}', "<html>"]),
        ),
        "changes": st.lists(st.fixed_dictionaries({"field": TEXT, "to": JSON}), max_size=3),
        "@version": st.sampled_from(["1", 1, 1.0]),
        "correlation": st.just({}),
        "idm_client_id": TEXT,
    }
    for name, values in likely.items():
        if draw(st.booleans()):
            record[name] = draw(values if draw(st.integers(0, 9)) else JSON)
    return {**draw(OBJECTS), **record}
