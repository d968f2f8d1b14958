"""Generates the page on events from the code: types, fields, outcomes, causes, times, identity, copies, headers."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from pages.event_schemas import DIRECTORY, HEADERS
from schemas.cause import CAUSES
from schemas.envelope import WRAPPERS, Trust
from schemas.events import ALIASES, PROVISIONING_EVENTS, REMOVALS, DirectoryInsightsEvent
from schemas.jsontext import MAX_DEPTH
from schemas.outcome import ANSWER_CONTRADICTED, CONTRADICTED, Outcome
from schemas.times import EARLIEST, FUTURE_TOLERANCE, LATEST, SENTINEL, TimeQuality

_OUTCOMES = {
    Outcome.SUCCESS: "The record says so: `success: true`, or a 2xx code if `success` is absent. Never guessed.",
    Outcome.FAILURE: "`success: false`; or, if it is absent, any other code, an `error_message` without a code, or any "
    "lookup: lookups are logged only if they fail.",
    Outcome.REPORTED_ABSENT: f"A 404, by code or in a text, on {', '.join(f'`{name}`' for name in sorted(REMOVALS))}, "
    "that says nothing more (no body, `Not Found`), or says that the account (for a group: the group) or the resource "
    "does not exist. It is probably gone already, but listed separately, because applications also answer 404 for "
    "other reasons. Any other 404 is a failure and says nothing about the account: a web page, an unserved address, a "
    "missing tenant, a refused token, provisioning that is switched off, and wording that idtrail does not know, such "
    "as other languages.",
    Outcome.UNKNOWN: "The record does not say, or contradicts itself. `success: true` is contradicted by a status "
    "that is no 2xx, by code or in a text, and by a web page or a SCIM error as the body, "
    "or, after a `user_deprovision`, an account with `active: true`: the event is flagged "
    f"`{CONTRADICTED}`. A 2xx code without `success` is contradicted by such a body and by an `error_message`: the "
    f"flag is `{ANSWER_CONTRADICTED}`.",
}
_TRUSTS = {
    Trust.CONNECTOR: "idtrail's own provisioning of the application",
    Trust.TENANT_API: "read from the vendor's API with the organization's key",
    Trust.EXPORT: "an export file from the vendor",
    Trust.WEBHOOK: "pushed by the vendor, with a bound token",
    Trust.OPEN_INGEST: "anything else, such as a record that another producer wrote to the topic",
}
_QUALITIES = {
    TimeQuality.OK: "valid, stored to the microsecond; the text keeps its full precision",
    TimeQuality.FUTURE: f"more than {FUTURE_TOLERANCE // FUTURE_TOLERANCE.resolution // 3_600_000_000} hours past the "
    "broker's append time",
    TimeQuality.MISSING: "null or empty",
    TimeQuality.GARBAGE: "not an RFC 3339 timestamp",
    TimeQuality.OUT_OF_RANGE: f"before {EARLIEST.year} or from {LATEST.year} on",
}


def events_page() -> str:
    """Return the page that explains what an event is and how it is read."""
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
    yield "What the trail stores, how it reads events, and how it derives its answers. The schemas of the provisioning"
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
    yield "They record attempts, both successes and failures, except lookups, which are logged only if they fail. Every"
    yield "other Directory Insights event is kept and can be queried, but has no cause and no account state."
    yield ""


def _fields() -> Iterator[str]:
    yield "## Fields"
    yield ""
    yield "The vendor guarantees only `timestamp`. Unknown fields are kept. A field of an unexpected shape is ignored"
    yield "and flagged (`odd_<field>`); the rest of the event is read, and the field's bytes stay in the record."
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
    yield "A failure has one cause, derived from the status, the SCIM type and the texts together: a duplicate is a"
    yield "409 at one application, a 400 at the next and a plain-text 500 at a third, and a 403 can be a missing"
    yield "role, a full seat quota or a switched-off integration. *Retry* says whether repeating the attempt unchanged"
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
    yield "No event is dropped for its timestamp: an implausible one is kept as text, flagged, and sorted at"
    yield f"{SENTINEL.isoformat()}, so that it never looks like the latest event."
    yield ""
    yield from _table(("quality", "when"), ((f"`{quality}`", _QUALITIES[quality]) for quality in TimeQuality))
    yield "## Identity and copies"
    yield ""
    yield "An event's id is a UUIDv5 over its organization and the vendor's own id; without one, over its normal"
    yield "form. In the normal form keys are sanitised as in exports to Google Cloud (`@version` is `_version`) and"
    yield "sorted, null, empty and absent are the same, and shippers' additions are dropped. The fingerprint is taken"
    yield "over the normal form too. Both are computed after secrets are cut out, so that their readers cannot use them"
    yield "to guess passwords; events without an id that differ only in a secret are one."
    yield "Hence an event is one event, whatever its routes, repeats, order and spelling; every count is of events."
    wrappers = ", ".join(f"`{name}`" for name in WRAPPERS)
    yield f"Wrapped records (under {wrappers}) are unwrapped first. Nesting deeper than {MAX_DEPTH} levels is refused."
    yield ""
    yield "Copies with the same id and fingerprint are the same. If one copy's values are a subset of the other's, it"
    yield "is a *partial* copy, as webhooks send. If a value differs, they are in *conflict*: both are kept and shown,"
    yield "and nobody can overwrite a record by sending its id again. A secret that was cut out of only one copy is no"
    yield "contradiction. The copy in force is the most trusted one, and among these the first:"
    yield ""
    yield from _table(
        ("trust", "how the record came"),
        ((f"`{trust.name.lower()}`", _TRUSTS[trust]) for trust in sorted(Trust, reverse=True)),
    )


def _headers() -> Iterator[str]:
    yield "## On Kafka"
    yield ""
    yield "CloudEvents 1.0 in binary mode: the value is the received object's own bytes, from `{` to `}`, and the"
    yield "context is in headers. The key is the organization, a bar, and the person or group (for integrations, the"
    yield "application), so that each one's events stay in order. An organization's id has 1 to 128 printable"
    yield "characters, no bar, no space at either end, and is not `*`, which stands for all."
    yield ""
    yield "Passwords, tokens, keys and authorization headers are"
    yield "cut out of the bytes before they reach the log or the dead letters; nothing else ever changes. A secret of 8"
    yield "characters or more under its own name (`password`, or the change of one) is cut out wherever else the record"
    yield "repeats it, unless it is an ordinary word, a date, an address, or the id or name of something in the record;"
    yield "never from an event's timestamp, type, organization or client address. From an object under such a name"
    yield "(`credential`) everything is cut out except its description: ids, names, types, dates, status, method,"
    yield "scope, times and IP addresses."
    yield ""
    yield "Running text is searched for the forms in which programs and people write secrets (`password=…`,"
    yield "`<password>…</password>`, `Bearer …`). Ambiguous text is treated as a secret, except an ordinary word after"
    yield "a colon: `token: expired` and `password: monkey` look the same."
    yield ""
    yield from _table(
        ("header", "always", "meaning"),
        ((f"`{name}`", "yes" if text.required else "no", text.meaning) for name, text in HEADERS.items()),
    )
    yield f"Their schema is [`headers.json`](../{DIRECTORY}/headers.json)."
