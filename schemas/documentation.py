"""Generates the page on events from the code: types, fields, outcomes, causes, times, identity, copies, headers."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from schemas.cause import CAUSES
from schemas.envelope import WRAPPERS, Trust
from schemas.events import ALIASES, PROVISIONING_EVENTS, DirectoryInsightsEvent
from schemas.json_schema import DIRECTORY, HEADERS
from schemas.jsontext import MAX_DEPTH
from schemas.outcome import ANSWER_CONTRADICTED, CONTRADICTED, REMOVALS, Outcome
from schemas.times import EARLIEST, FUTURE_TOLERANCE, LATEST, SENTINEL, TimeQuality

_OUTCOMES = {
    Outcome.SUCCESS: "The record says so: `success: true`, or a 2xx code where `success` is absent. Never guessed.",
    Outcome.FAILURE: "`success: false`; or, where it is absent, any other code, an `error_message`, or any lookup: "
    "lookups are only logged when they went wrong.",
    Outcome.REPORTED_ABSENT: f"A 404, by code or in a text, on {', '.join(f'`{name}`' for name in sorted(REMOVALS))}, "
    "that says nothing more (no body, `Not Found`), or that the account (of a group: the group) is not there, or the "
    "resource. Probably gone already; listed apart, because an application also answers 404 for reasons of its own. "
    "Any other 404 is a failure and says nothing of the account: a web page, an address that nobody serves, a tenant "
    "that is not there, a token that is refused, provisioning that is switched off, and words that idtrail does not "
    "know, such as those of other languages.",
    Outcome.UNKNOWN: f"The record does not say, or contradicts itself: `success: true` with an error code is "
    f"flagged `{CONTRADICTED}`, a 2xx code without `success` whose body is a web page or a SCIM error "
    f"`{ANSWER_CONTRADICTED}`.",
}
_TRUSTS = {
    Trust.CONNECTOR: "idtrail's own provisioning of the application",
    Trust.TENANT_API: "read from the vendor's API with the organization's key",
    Trust.EXPORT: "an export file of the vendor's",
    Trust.WEBHOOK: "pushed to us by the vendor, with a bound token",
    Trust.OPEN_INGEST: "anything else, such as a record that another producer wrote to the topic",
}
_QUALITIES = {
    TimeQuality.OK: "placed in time, to the microsecond; the text is kept to whatever precision it has",
    TimeQuality.FUTURE: f"more than {FUTURE_TOLERANCE // FUTURE_TOLERANCE.resolution // 3_600_000_000} hours past the "
    "broker's append time",
    TimeQuality.MISSING: "null or empty",
    TimeQuality.GARBAGE: "not an RFC 3339 timestamp",
    TimeQuality.OUT_OF_RANGE: f"before {EARLIEST.year} or from {LATEST.year} on",
}


def documents() -> dict[str, str]:
    """Returns the page by its path."""
    return {"docs/events.md": events_page()}


def events_page() -> str:
    """Returns the page that explains what an event is and how it is read."""
    return "\n".join((*_head(), *_types(), *_fields(), *_outcomes(), *_causes(), *_rest(), *_headers())) + "\n"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _head() -> Iterator[str]:
    yield "<!-- Made from schemas/ by `make generate`; changes here are overwritten. -->"
    yield "# Events"
    yield ""
    yield "What the trail holds, how it reads it, and what its answers rest on. The schemas of the provisioning"
    yield f"events are in [`{DIRECTORY}`](../{DIRECTORY}), one file each."
    yield ""


def _types() -> Iterator[str]:
    yield "## The twelve provisioning events"
    yield ""
    others: dict[str, list[str]] = {}
    for alias, name in ALIASES.items():
        others.setdefault(name, []).append(f"`{alias}`")
    yield from _table(
        ("event type", "about", "logged when", "also called"),
        (
            (f"`{e.canonical}`", e.kind.value, (e.__doc__ or "").split("\n")[0], ", ".join(others.get(e.canonical, [])))
            for e in PROVISIONING_EVENTS
        ),
    )
    yield "They record attempts: success and failure alike, but for lookups, of which only trouble is logged. Every"
    yield "other Directory Insights event is kept and can be asked for, but has no cause and no account state."
    yield ""


def _fields() -> Iterator[str]:
    yield "## Fields"
    yield ""
    yield "Only `timestamp` is guaranteed by the vendor. Unknown fields are kept. A field of an unexpected shape is"
    yield "set aside and flagged (`odd_<field>`); the rest of its event is read, and its bytes stay in the record."
    yield ""
    yield from _table(("field", "type", "meaning"), _field_rows(DirectoryInsightsEvent, ""))


def _field_rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        shown = field.serialization_alias or field.alias or name
        inner = next(_models_in(field.annotation), None)
        kind = "any" if field.annotation is typing.Any else _kind(field.annotation)
        yield f"`{prefix}{shown}`", kind, field.description or ""
        if inner is not None:
            yield from _field_rows(inner, f"{prefix}{shown}{'[]' if kind == 'list' else ''}.")


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _kind(annotation: object) -> str:
    names = {str: "text", int: "integer", bool: "true or false", list: "list"}
    found = []
    for part in typing.get_args(annotation) or (annotation,):
        origin = typing.get_origin(part)
        bare = typing.get_args(part)[0] if origin is typing.Annotated else origin or part
        if bare is not type(None):
            found.append(names.get(bare, "object"))
    return " or ".join(found)


def _outcomes() -> Iterator[str]:
    yield "## Outcome"
    yield ""
    yield from _table(("outcome", "when"), ((f"`{outcome}`", _OUTCOMES[outcome]) for outcome in Outcome))


def _causes() -> Iterator[str]:
    yield "## Cause"
    yield ""
    yield "A failure has one cause, read from the status, the SCIM type and the texts together: a duplicate is a"
    yield "409 at one application, a 400 at the next and a plain-text 500 at a third, and a 403 can be a missing"
    yield "role, a full seat quota or a switched-off integration. *Retry* says whether the same again, unchanged,"
    yield "can succeed."
    yield ""
    yield from _table(
        ("cause", "meaning", "remedy", "retry"),
        (
            (f"`{cause}`", text.sentence, text.remedy, "can help" if text.retryable else "cannot help")
            for cause, text in CAUSES.items()
        ),
    )


def _rest() -> Iterator[str]:
    yield "## Time"
    yield ""
    yield "*Occurred* is the event's own timestamp. *Known* is the broker's append time of its first copy, the only"
    yield "clock that no producer can set. *Received* (the producer's clock) is evidence; no answer depends on it."
    yield "No timestamp drops an event: one that cannot be believed is kept as text, flagged, and sorted at"
    yield f"{SENTINEL.isoformat()}, so that it never looks like the latest thing that happened."
    yield ""
    yield from _table(("quality", "when"), ((f"`{quality}`", _QUALITIES[quality]) for quality in TimeQuality))
    yield "## Identity and copies"
    yield ""
    yield "An event's id is a UUIDv5 over its organization and the vendor's own id; without one, over its normal"
    yield "form: keys sanitised as in exports to Google Cloud (`@version` is `_version`) and sorted, null, empty"
    yield "and absent the same, shippers' additions dropped. The fingerprint is taken over the normal form too. Both"
    yield "are of what is left when secrets are cut out, so that whoever may read them cannot try passwords on them;"
    yield "events without an id that differ in a secret only are one."
    yield "Hence one event is one event by whatever routes and however often it came, in whatever order and"
    yield "spelling; every count is of events."
    wrappers = ", ".join(f"`{name}`" for name in WRAPPERS)
    yield f"Wrapped records (under {wrappers}) are unwrapped first. Nesting deeper than {MAX_DEPTH} levels is refused."
    yield ""
    yield "Copies with one id and one fingerprint are the same. When one copy's values are a subset of the other's,"
    yield "it is a *partial* copy, as webhooks send. When a value differs, they are in *conflict*: both are kept"
    yield "and shown, and nobody can overwrite a record by sending its id again. What was cut out of one copy and"
    yield "not of the other, as by another release, is no contradiction. The copy in force is the most"
    yield "trusted, then the first:"
    yield ""
    yield from _table(
        ("trust", "how the record came"),
        ((f"`{trust.name.lower()}`", _TRUSTS[trust]) for trust in sorted(Trust, reverse=True)),
    )


def _headers() -> Iterator[str]:
    yield "## On Kafka"
    yield ""
    yield "CloudEvents 1.0 in binary mode: the value is the received object's own bytes, from `{` to `}`, and the"
    yield "context is in headers. The key is the organization, a bar, and the person or group (of integrations: the"
    yield "application), so that what happened to one stays in order. Passwords, tokens, keys and authorization"
    yield "headers are cut out of the bytes before they reach the log or the dead letters; nothing else ever"
    yield "changes. A secret of 8 characters or more that stands under its name (`password`, or the change of one)"
    yield "is cut out wherever else the record repeats it, unless it is an ordinary word, a date, an address, or the"
    yield "id or name of something in it; never from an event's timestamp, type, organization or client address. In"
    yield "an object under such a name (`credential`) all is cut out but what tells about it: ids, names, types,"
    yield "dates, status, method, scope, times and IP addresses."
    yield ""
    yield "Running text is searched for the spellings in which programs and people write secrets (`password=…`,"
    yield "`<password>…</password>`, `Bearer …`). Where a text could be either it is taken for a secret, but for an"
    yield "ordinary word behind a colon: `token: expired` and `password: monkey` look the same."
    yield ""
    yield from _table(
        ("header", "always", "meaning"),
        ((f"`{name}`", "yes" if text.required else "no", text.meaning) for name, text in HEADERS.items()),
    )
    yield f"Their schema is [`headers.json`](../{DIRECTORY}/headers.json)."
