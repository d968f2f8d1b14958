"""What was logged once is the same event, and says the same, for ever.

`python -m tests.schemas.test_golden` writes what is said now; of an old record only new facts may differ.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.envelope import Source, Trust, seal, unseal
from schemas.events import EVENT_TYPES, parse
from schemas.facts import facts

GOLDEN = Path(__file__).parent / "data" / "golden"
AT = datetime(2026, 3, 19, 15, tzinfo=UTC)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_a_record_keeps_its_identity_and_its_facts(event_type: str) -> None:
    golden = json.loads((GOLDEN / f"{event_type}.json").read_text())

    assert golden == told(golden["record"])


def told(record: dict[str, Any]) -> dict[str, Any]:
    envelope = seal(json.dumps(record).encode(), Source("file:golden", Trust.EXPORT), AT)
    context = unseal(envelope.value, envelope.headers, AT)
    return {
        "record": record,
        "key": envelope.key.decode(),
        "event_id": str(envelope.event_id),
        "fingerprint": context.fingerprint.hex(),
        "facts": json.loads(json.dumps(facts(parse(envelope.value, context.event_type))._asdict())),
    }


if __name__ == "__main__":
    for path in GOLDEN.glob("*.json"):
        path.write_text(json.dumps(told(json.loads(path.read_text())["record"]), indent=2, ensure_ascii=False) + "\n")
