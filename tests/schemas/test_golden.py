"""What was logged once is the same event, and says the same, for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.envelope import Source, Trust, seal, unseal
from schemas.events import EVENT_TYPES, parse
from schemas.facts import facts

GOLDEN = Path(__file__).parent / "data" / "golden"
AT = datetime(2026, 3, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_record_keeps_its_identity_and_its_facts(event_type: str) -> None:
    golden = json.loads((GOLDEN / f"{event_type}.json").read_text())
    envelope = seal(json.dumps(golden["record"]).encode(), Source("file:golden", Trust.EXPORT), AT)
    context = unseal(envelope.value, envelope.headers, AT)
    found = facts(parse(envelope.value, context.event_type))

    assert (envelope.key.decode(), str(envelope.event_id)) == (golden["key"], golden["event_id"])
    assert context.fingerprint.hex() == golden["fingerprint"]
    assert json.loads(json.dumps(found._asdict())) == golden["facts"]
