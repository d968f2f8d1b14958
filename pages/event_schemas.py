"""JSON Schemas of the twelve events and of the Kafka headers, generated from the models.

They describe what the vendor documents; a record that does not conform is still kept (see `schemas.events`).
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from schemas.envelope import OTHER_TYPE, TYPE_PREFIX, Trust
from schemas.events import EVENT_TYPES, PROVISIONING_EVENTS, DirectoryInsightsEvent
from schemas.versions import DATASCHEMA, dataschema

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DIRECTORY: Final = "schemas/json"


class HeaderText(NamedTuple):
    """The content of a Kafka header: a pattern of its text, whether it is always present, and its meaning."""

    pattern: str
    required: bool
    meaning: str


_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_TRUSTS = "|".join(trust.name.lower() for trust in Trust)

HEADERS: Final[dict[str, HeaderText]] = {
    "ce_specversion": HeaderText(r"^1\.0$", True, "CloudEvents version."),
    "ce_id": HeaderText(_UUID, True, "The event's identity: the same for every copy, by whatever route."),
    "ce_type": HeaderText(
        "^" + TYPE_PREFIX.replace(".", r"\."),
        True,
        f"`{TYPE_PREFIX}` and the event type's own name, whichever alias the record uses; `{OTHER_TYPE}` without one.",
    ),
    "ce_source": HeaderText("", True, "The event's source, such as `file:export.json.gz` or `api:<token name>`."),
    "ce_time": HeaderText(r"^\d{4}-", False, "The event's timestamp as written; absent if it is implausible."),
    "ce_subject": HeaderText(".", False, "The person, group or application that the event is about."),
    "ce_dataschema": HeaderText(
        f"^{DATASCHEMA}$",
        False,
        "The JSON Schema and version of an event that idtrail itself emits; vendor records have none.",
    ),
    "content-type": HeaderText("^application/json$", True, "The value is one JSON object."),
    "idtrail_organization": HeaderText(".", True, "The organization that the event belongs to."),
    "idtrail_received_at": HeaderText(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$",
        True,
        "The producer's clock at receipt: evidence only.",
    ),
    "idtrail_fingerprint": HeaderText(
        "^[0-9a-f]{32}$", True, "128 bits of BLAKE2b over the normal form, without secrets."
    ),
    "idtrail_digest": HeaderText(
        "^[0-9a-f]{64}$", True, "SHA-256 of the value as logged: proves that an erased value was there."
    ),
    "idtrail_trust": HeaderText(
        f"^({_TRUSTS})$", True, "How the copy came. Of two copies the more trusted is in force."
    ),
    "idtrail_redacted": HeaderText(
        "^[1-9][0-9]*$", False, "How many secrets were cut out; without it the value is unchanged, byte for byte."
    ),
}


def event_schema(event: type[DirectoryInsightsEvent]) -> dict[str, Any]:
    """Return the JSON Schema of one provisioning event."""
    schema = event.model_json_schema(by_alias=True, mode="validation")
    return {
        "$schema": DIALECT,
        "$id": dataschema(event.canonical),
        "title": event.canonical,
        **{key: value for key, value in plain(schema).items() if key != "title"},
        "required": ["timestamp", "event_type"],
    }


def header_schema() -> dict[str, Any]:
    """Return the JSON Schema of one record's headers, as an object of texts by name."""
    return {
        "$schema": DIALECT,
        "$id": "urn:idtrail:headers",
        "title": "Headers of idtrail.events",
        "type": "object",
        "properties": {
            name: {"type": "string", "pattern": text.pattern, "description": text.meaning}
            for name, text in HEADERS.items()
        },
        "required": [name for name, text in HEADERS.items() if text.required],
        "additionalProperties": True,
    }


def plain(schema: Any) -> Any:
    """Return a schema without titles that only repeat the names."""
    if isinstance(schema, list):
        return [plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: plain(item) for name, item in value.items()} if key in ("properties", "$defs") else plain(value)
        for key, value in schema.items()
        if key != "title"
    }


def documents() -> dict[str, str]:
    """Return every schema file by its path."""
    schemas = {name: event_schema(event) for name, event in zip(EVENT_TYPES, PROVISIONING_EVENTS, strict=True)}
    schemas["headers"] = header_schema()
    return {f"{DIRECTORY}/{name}.json": json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}
