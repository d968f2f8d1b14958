"""What sealing, reading and searching a record for secrets cost beside decoding the same bytes, in one run.

python -m bench.schemas
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas.drift import drift
from schemas.envelope import Source, Trust, seal, unseal
from schemas.events import parse
from schemas.facts import facts
from schemas.normal_form import normal_form
from schemas.redaction import redact

CALLS, ROUNDS = 300, 60
"""Many short rounds, of which the fastest counts: what else the machine does is in the others."""

RECORD: dict[str, Any] = {
    "@version": "1",
    "id": "65a1f0c2e4b0a1b2c3d4e5f6",
    "event_type": "user_create_provision",
    "service": "directory",
    "organization": "641b3db57090821c0b2f8183",
    "timestamp": "2026-03-19T14:03:11.482Z",
    "success": False,
    "initiated_by": {"id": "61e536ebdbbe784cb2e55fb5", "type": "admin", "email": "admin@example.com"},
    "resource": {"id": "63ec9bba89a64e507ce0a4c2", "type": "user", "username": "w.wonka"},
    "application": {"id": "5fad07f2b9f5414721b3d797", "name": "statsig", "display_label": "Statsig"},
    "idm_client_id": "62ebd659c306695de4eb9c75",
    "changes": [
        {"field": "active", "to": True},
        {"field": "externalId", "to": "63ec9bba89a64e507ce0a4c2"},
        {"field": "schemas", "to": ["urn:ietf:params:scim:schemas:core:2.0:User"]},
    ],
    "correlation": {},
    "message_chain": {"response_code": "409", "message_details": '{"detail":"member already exists","status":409}'},
    "error_message": "",
    "auth_method": "session",
    "client_ip": "203.0.113.7",
    "geoip": {"country_code": "NL", "latitude": 52.37, "longitude": 4.89},
    "useragent": {"os": "Windows", "name": "Chrome"},
}


def ratios() -> dict[str, float]:
    """Times of each step, in units of decoding the record with orjson."""
    raw = orjson.dumps(RECORD)
    suspect = orjson.dumps({**RECORD, "error_message": "Invalid token: expired", "token_success": False})
    source, now = Source("bench", Trust.EXPORT), datetime.now(UTC)
    headers = seal(raw, source, now).headers
    typed = parse(raw, RECORD["event_type"])
    steps: dict[str, Callable[[], object]] = {
        "seal": lambda: seal(raw, source, now),
        "  of which the normal form": lambda: normal_form(RECORD),
        "  of which the look for secrets": lambda: redact(raw),
        "  the look at one that names a secret": lambda: redact(suspect),
        "unseal, parse and facts": lambda: facts(parse(raw, unseal(raw, headers, now).event_type)),
        "  the look for drift": lambda: drift(typed),
    }
    unit = _seconds(lambda: orjson.loads(raw))
    return {name: _seconds(step) / unit for name, step in steps.items()}


def _seconds(step: Callable[[], object]) -> float:
    return min(timeit.repeat(step, number=CALLS, repeat=ROUNDS))


def main() -> None:
    """Print them."""
    for name, ratio in ratios().items():
        print(f"{name:38} {ratio:5.1f} x decoding")


if __name__ == "__main__":
    main()
