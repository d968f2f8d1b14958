"""The words of the API document: what each field and parameter means wherever it has no description of its own, and
which errors a route can answer with. Pure."""

from __future__ import annotations

from typing import Any, Final

from schemas.action import Action

FIELDS: Final = {
    "account_state": "The state that the attempt would give the account: active, inactive, deleted; empty if none.",
    "action": f"What was attempted: {', '.join(Action)}; empty for others.",
    "actor": "Who did it, by name; empty if the log names nobody.",
    "actor_id": "The id of whoever caused it; empty if the record has none.",
    "actor_name": "The name of whoever caused it; empty if the record has none.",
    "actor_type": "The kind of actor: admin, user, or a service; empty if the record has none.",
    "after": "The account at the later time.",
    "alerts": "Number of alerts.",
    "application": "The application's name.",
    "application_id": "The application's id in the directory.",
    "application_name": "The application's name; empty if the record has none.",
    "applications": "Number of applications with attempts.",
    "at": "When it occurred (UTC).",
    "attempt": "Number of the attempt, from 1.",
    "attempts": "Number of attempts, retries included.",
    "attempted_at": "The last attempt of any kind; null if there was none.",
    "attribute": "The attribute at fault, in RFC 7643's spelling; empty if the answer names none.",
    "because": "What caused it.",
    "before": "The account at the earlier time.",
    "behind": "Records that are not stored yet.",
    "cause": "Why it failed: see docs/causes.md; empty if it did not.",
    "changed": "The attributes that were sent; of states, the values too.",
    "closing_tries": "Attempts to close the account since it should be closed.",
    "confirmed_at": "The last attempt that the application accepted; null if there was none.",
    "confirmed_since": "Since when it is in the confirmed state; null if unknown.",
    "created_at": "When it was created.",
    "decided_at": "When it was decided; null while it waits.",
    "decided_by": "The name of the token that decided; empty while it waits.",
    "decision": "What somebody decided about the two ids; null if nobody did.",
    "decision_message": "The reason that was given, or the reason of a new refusal.",
    "decision_reason": "Why a redriven record was refused again; empty otherwise.",
    "destination": "The destination's name.",
    "detail": "The provider's text about the failure, without personal values; empty if there was none.",
    "ended_at": "When it ended; null while it goes on.",
    "event_id": "The event's id: it stays the same however often the event is received.",
    "event_type": "The event type, such as user_deprovision.",
    "events": "Number of distinct events.",
    "evidence": "What shows it, with the events.",
    "expires_at": "When it expires; null if never.",
    "failures": "Number of failed attempts.",
    "first_at": "The first time.",
    "first_event": "The id of the first event.",
    "flags": "What is odd about the record, such as no_id; empty if nothing is.",
    "forecast": "When the token will expire, by the provider's published lifetime; null if it is not known.",
    "groups_stuck": "Groups that were refused and not accepted since.",
    "http_status": "The provider's HTTP status; 0 if none is recorded.",
    "integration_id": "The integration's id in the directory; empty if the record has none.",
    "intended_because": "What decided the intended state; null if nothing did.",
    "intended_since": "Since when it is in the intended state; null if unknown.",
    "items": "The items of this page.",
    "kind": "What it is about: integration, user, group or other.",
    "known_at": "When the log had it.",
    "last_at": "The last time.",
    "last_cause": "Why the last attempt failed; empty if it did not.",
    "last_detail": "The provider's text about the last attempt; empty if there was none.",
    "last_event": "The id of the last event.",
    "last_good_event": "The id of the last accepted attempt; null if there was none.",
    "last_outcome": "The outcome of the last attempt.",
    "last_seen": "When it was last in use; null if that is not known.",
    "last_try": "The last attempt to close the account; null if there was none.",
    "letter_id": "The dead letter's id.",
    "linked": "Whether the two ids are one person.",
    "log_offset": "The offset of the record on the log.",
    "log_partition": "The partition of the record on the log.",
    "log_topic": "The topic of the record on the log.",
    "message": "Why it was refused, as a sentence.",
    "name": "The name to show.",
    "next": "The cursor of the next page; null on the last.",
    "occurred_at": "When it occurred (UTC).",
    "organization": "The organization in the directory.",
    "outcome": "success, failure, reported_absent or unknown: see docs/events.md.",
    "owner": "Who has taken it on; empty if nobody has.",
    "partition": "The partition of the topic.",
    "people": "Number of distinct people.",
    "person": "The person.",
    "position": "Where in the source it stands: an element, a byte, or a place on the log.",
    "reason": "Why, as a word.",
    "refusals": "Number of refused attempts.",
    "remedy": "What to do about it.",
    "retryable": "Whether the same attempt may succeed later.",
    "revoked_at": "When it was revoked; null if it was not.",
    "rule_id": "The rule's id.",
    "scim_type": "The SCIM error type (RFC 7644) of the answer; empty if it has none.",
    "scopes": "What it allows: read, ingest, admin.",
    "sentence": "The failure as a sentence.",
    "severity": "low, medium, high or critical.",
    "since": "The beginning.",
    "size": "Bytes of the whole record.",
    "snoozed_until": "The end of the snooze; null if it is not snoozed.",
    "source": "Where the record came from: a file, a token, a connector.",
    "state": "The state.",
    "state_since": "Since when it is in this state.",
    "subject_email": "The person's mail address; empty if the record has none.",
    "subject_id": "The id of the person or group in the directory.",
    "subject_name": "The name of the person or group; empty if the record has none.",
    "subject_type": "What the event is about: user, user_group, application; empty if the record does not say.",
    "subjects": "Number of distinct people and groups.",
    "text": "The same as a sentence.",
    "time_quality": "Whether the event's time is believed: ok, missing, garbage or future.",
    "title": "A short description.",
    "token_id": "The token's id, which is no secret.",
    "topic": "The topic of the log.",
    "trust": "How far the way of arrival is trusted: the larger decides which of several copies is in force.",
    "until": "The end.",
    "waiting": "Those that nobody has decided about.",
}
"""By name, for fields that mean the same in every object."""

OF: Final = {
    "Accepted.by_type": "Accepted events by type.",
    "Accepted.dead_lettered": "Records that were refused and kept as dead letters.",
    "Accepted.logged": "Records that the log has confirmed.",
    "Accepted.spooled": "Records kept on disk until the broker is back.",
    "AcceptedAs.at": "When the application accepted them.",
    "AcceptedAs.members": "Number of members.",
    "Alert.description": "What the rule looks for.",
    "AlertCounts.severities": "Numbers by severity.",
    "AlertCounts.states": "Numbers by state.",
    "AlertDetail.description": "What the rule looks for.",
    "Alias.since": "When it was first in use; null if that is not known.",
    "Alias.until_event": "The id of the event that ended its use; null while it is in use.",
    "Blame.accepted_at": "When that event occurred; null if there is none.",
    "Blame.accepted_shape": "The shape of the value that was last accepted; empty if there is none.",
    "BlindSpot.since": "Since when.",
    "BlindSpot.what": "What may be missing.",
    "ClosingException.person": "The person's name; the id if no name is known.",
    "ClosingException.since": "Since when the account should be closed.",
    "ClosingReport.exceptions_total": "Number of exceptions, including those left out.",
    "ClosingReport.since": "The beginning of the period.",
    "ClosingReport.sla_seconds": "The time within which an account should be closed.",
    "ClosingReport.until": "The end of the period, excluded.",
    "ClosingSummary.longest": "The longest time to close, or that an account is open by now, in seconds.",
    "ClosingSummary.p50": "The median time to close, in seconds; more if `at_least` names it.",
    "ClosingSummary.p90": "90 % took at most this time, in seconds; more if `at_least` names it.",
    "ClosingSummary.p99": "99 % took at most this time, in seconds; more if `at_least` names it.",
    "ClosingSummary.still_open": "Accounts that are still not confirmed closed.",
    "Copy.fingerprint": "Identifies the copy's content, whatever the order of its keys and its wrapping.",
    "Copy.in_force": "Whether this copy counts.",
    "Copy.offset": "The offset of the record on the log.",
    "Copy.place": "The place on the log as `topic[partition]@offset`.",
    "Copy.raw": "The record's bytes as text, secrets cut out.",
    "Copy.received_at": "When idtrail received it.",
    "Copy.trust": "How far the way of arrival is trusted.",
    "CreatedToken.token": "The token's text, shown only now.",
    "CredentialTrouble.ended_by": "The id of the event that ended it; null while it goes on.",
    "CredentialTrouble.started_by": "The id of the first refusal.",
    "Decided.because": "The reason that was given.",
    "Decided.first": "The first id.",
    "Decided.second": "The second id.",
    "Decision.because": "The reason that was given.",
    "Decision.first": "The first id.",
    "Decision.second": "The second id.",
    "Delivery.known_at": "When the attempt was logged.",
    "Delivery.occasion": "What the message was about: opened, grew, ended, a reminder.",
    "Delivery.succeeded": "Whether the destination accepted the message.",
    "DiscardOptions.because": "Why the letters are discarded; it is kept with the decision.",
    "DriftFinding.kind": "How the records differ.",
    "DriftFinding.last": "When the last of them occurred.",
    "EventDetail.copies": "All records of the event, the one in force first.",
    "Evidence.second_event": "The id of the event that shows it of the second id.",
    "Evidence.value": "What the two have in common.",
    "ExpiryForecast.earliest": "The earliest time of expiry.",
    "ExpiryForecast.latest": "The latest time of expiry.",
    "ExpiryForecast.vendor": "The provider whose published lifetime it follows.",
    "Exposures.at": "The time that the answer is about.",
    "Exposures.left_behind_total": "Number of accounts left behind, including those not shown.",
    "Exposures.reported_absent_total": "Number of accounts reported absent, including those not shown.",
    "FailureGroup.first": "The first failure.",
    "FailureGroup.last": "The last failure.",
    "Failures.attempts": "Number of attempts, retries included, whatever the cause asked for.",
    "Failures.failures": "Number of failed attempts, of the causes asked for.",
    "Failures.until": "The end of the range that was counted.",
    "Finding.id": "The finding's id, which stays the same while it is found.",
    "FindingAccount.now": "The state now.",
    "FindingDetail.accounts": "Every account of the finding.",
    "FindingDetail.id": "The finding's id, which stays the same while it is found.",
    "Findings.until": "The end of the range.",
    "Happened.people": "The number known then; null for acts.",
    "Health.at": "When the trail was looked at.",
    "Health.blind": "Why the trail may be missing events; empty if nothing is known to be missing.",
    "Health.lag": "How far each partition of the log is stored.",
    "Hint.first": "The first id.",
    "Hint.second": "The second id.",
    "Hour.hour": "The beginning of the hour.",
    "Integration.last_attempt": "The last attempt.",
    "Integration.last_failure": "The last attempt that failed; null if none did.",
    "Integration.last_success": "The last attempt that was accepted.",
    "IntegrationDetail.at": "The time that the answer is about.",
    "IntegrationDetail.since": "Since when it is in this state; null if unknown.",
    "IntegrationHealth.since": "Since when it is in this state; null if unknown.",
    "JobAnswer.job": "The job's name.",
    "JobAnswer.running": "Whether it runs.",
    "JobAnswer.started_at": "When it was started.",
    "JobAnswer.step": "What it is doing.",
    "Letter.state": "waiting, redriven or discarded.",
    "LetterCount.discarded": "Those that were discarded.",
    "LetterCount.last": "When the last one was logged.",
    "LetterCount.letters": "Number of dead letters.",
    "LetterCount.redriven": "Those that were redriven.",
    "LetterDetail.state": "waiting, redriven or discarded.",
    "LetterResult.outcome": "What became of the letter.",
    "LetterResults.dry_run": "Whether nothing was done.",
    "Lifecycle.accounts": "The person's accounts; null on pages after the first.",
    "Lifecycle.items": "The steps of this page, in order.",
    "Link.first": "The first id.",
    "Link.second": "The second id.",
    "Link.strength": "How strong the evidence is.",
    "ListedExposure.person": "The person's name; the id if no name is known.",
    "ListedExposure.reason": "failing, never_attempted, left_behind or reported_absent: see docs/exposures.md.",
    "Member.id": "The id in the directory.",
    "Member.since": "Since when it is a member.",
    "PersonDetail.hints": "Ids that share something and are not linked.",
    "PersonDetail.links": "Ids that are one person with this one.",
    "Problem.detail": "What is wrong, and what to do about it.",
    "Problem.status": "The HTTP status.",
    "Problem.title": "The status in words.",
    "Problem.type": "Always about:blank: the status says what kind of error it is.",
    "RestoreStep.group": "The group's name; empty if the step needs none.",
    "RestoreStep.group_id": "The group's id; empty if the step needs none.",
    "Snooze.minutes": "For how many minutes.",
    "Standing.since": "Since when; null if unknown.",
    "StateAnswer.accounts": "The person's accounts.",
    "StateAnswer.at": "The time that the answer is about.",
    "StateAnswer.directory": "The person's state in the directory; null for a group.",
    "StateChange.state": "The state from then on.",
    "StateChange.view": "Which of the two states changed.",
    "StateDifferences.accounts": "The accounts that differ.",
    "StateDifferences.known_at": "By what was known when; null for all that is known now.",
    "StateDifferences.left": "Groups and members at the earlier time only.",
    "StateDifferences.since": "The earlier time.",
    "StateDifferences.until": "The later time.",
    "Statistics.first": "The time of the first event; null if there is none.",
    "Statistics.last": "The time of the last event; null if there is none.",
    "Statistics.types": "Events by type.",
    "StuckSubject.kind": "user or group.",
    "TypeCount.failure": "Failed attempts.",
    "TypeCount.reported_absent": "Attempts to which the application answered that it has no such account.",
    "TypeCount.success": "Accepted attempts.",
    "TypeCount.unknown": "Attempts whose outcome the record does not tell.",
    "Window.window_start": "The beginning of the minute.",
}
"""By object and name, where a name means something of its own."""

PARAMETERS: Final = {
    "cause": "Of these causes: see docs/causes.md. May be repeated.",
    "Content-Encoding": "gzip, or absent.",
    "event_id": "The event's id.",
    "job": "The job's name.",
    "kind": "Of these kinds. May be repeated.",
    "letter_id": "The dead letter's id.",
    "limit": "Maximum number of items.",
    "outcome": "With these outcomes. May be repeated.",
    "state": "In these states. May be repeated.",
    "token_id": "The token's id.",
}
"""By name."""

_TOKEN: Final = {
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The token lacks the scope, or the organization is not its own.",
}
_INPUT: Final = {"400": "A parameter is unknown, or its value means nothing.", "422": "A value has the wrong form."}
_NAMED: Final = {"404": "There is no such thing, or it belongs to another organization."}
_SEVERAL: Final = {"409": "Several are meant: `candidates` names them."}
_AWAY: Final = {"503": "The store or the broker is away or busy: try again after `Retry-After` seconds."}
_BODY: Final = {"413": "The body is too large.", "415": "The body's encoding is not understood."}
_PEOPLE: Final = ("/lifecycle", "/people/", "/state", "/incidents/{", "/alerts/{", "/jobs/backtest")


def errors_of(method: str, path: str, operation: dict[str, Any]) -> dict[str, str]:
    """Return the errors that a route can answer with, by status."""
    if path == "/healthz":
        return {}
    if path == "/readyz":
        return dict(_AWAY)
    found = _TOKEN | _AWAY
    if operation.get("parameters") or "requestBody" in operation:
        found |= _INPUT
    if "{" in path or any(part in path for part in _PEOPLE):
        found |= _NAMED
    if any(part in path for part in _PEOPLE):
        found |= _SEVERAL
    if method == "post" and path.endswith("/events"):
        found |= _BODY
    if path.endswith("/stream"):
        found |= {"410": "The position is no longer on the log: start again without it."}
    return found


def describe(document: dict[str, Any]) -> None:
    """Give every field, parameter and route of an OpenAPI document its words."""
    for name, schema in document["components"]["schemas"].items():
        for field, shape in schema.get("properties", {}).items():
            words = OF.get(f"{name}.{field}") or FIELDS.get(field)
            if words and "description" not in shape:
                shape["description"] = words
    for path in document["paths"].values():
        for operation in path.values():
            operation["summary"] = _first_sentence(operation["description"])
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in PARAMETERS:
                    parameter.setdefault("description", PARAMETERS[parameter["name"]])


def _first_sentence(text: str) -> str:
    return text.split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")
