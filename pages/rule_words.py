"""The texts of the page on alert rules about each kind and fact, and its first example."""

from __future__ import annotations

from typing import Final

from schemas.action import Action
from streams.alerts.rule import RuleKind

EXAMPLE_ID: Final = "rights-refused"
EXAMPLE: Final = """\
id: rights-refused
title: "{application_name} refuses what the integration's owner may not do"
severity: high
description: >-
  The token is valid, but its owner lacks rights: attempts for several people fail, and will go on failing.
remedy: Give the token's owner the application's administrator role.
kind: distinct
match:
  kind: [user]
  outcome: [failure]
  cause: [permission]
unless:
  where: fact.subject_name.startsWith('svc-')
of: subject_id
threshold: 3
window: 10m
until:
  kind: [user]
  outcome: [success]
group_by: [application_id]
tests:
  - name: three people within ten minutes, and then it works
    events:
      - {at: 0m, event_type: user_create_provision, subject: "p{n}", application: miro, status: 403, times: 4}
      - {at: 1h, event_type: user_create_provision, subject: p1, application: miro, status: 201}
    alerts:
      - {group: {application_id: miro}, count: 4, state: resolved}
  - name: one person again and again, and accounts of services
    events:
      - {at: 0m, event_type: user_create_provision, subject: ann, application: miro, status: 403, times: 9}
      - {at: 0m, event_type: user_create_provision, subject: "svc-{n}", application: miro, status: 403, times: 9}
"""

KINDS: Final[dict[RuleKind, str]] = {
    RuleKind.MATCH: "Every match triggers.",
    RuleKind.THRESHOLD: "A match triggers if the `window` that ends with it has at least `threshold` matches.",
    RuleKind.DISTINCT: "As `threshold`, but counting different values of the fact `of`; empty values do not count.",
    RuleKind.RATIO: "A failure triggers if the `window` that ends with it has at least `minimum` matches, and at "
    "least the fraction `ratio` of them are failures. Failures are the matches that meet `failed`.",
    RuleKind.SEQUENCE: "An event that meets `then` triggers if a match came before it, at most `window` earlier.",
    RuleKind.ABSENCE: "A match triggers when the `window` after it has passed without an event that meets `then`.",
    RuleKind.NEW: "A match triggers if no earlier match of its group had the same value of the fact `of`, and it is "
    "later than `learn` after the group's first match.",
    RuleKind.SILENCE: "A match triggers when the `window` after it has passed without another match.",
    RuleKind.MASS: "A match triggers if the hour that ends with it has matches of at least `threshold` different "
    "people or groups, and of at least `multiple` times as many as usual. Usual is the median, over the 28 days before "
    "that day (UTC), of each day's busiest such hour; a day without matches counts as 0. A group whose first match is "
    "at most seven days old has no usual: `threshold` alone decides. The findings of mass changes measure "
    "[slightly differently](findings.md#mass-changes).",
}

FACTS: Final[dict[str, str]] = {
    "event_type": "The type's canonical name, whichever alias the record uses.",
    "kind": "`integration`, `user`, `group` or `other`.",
    "action": f"For the twelve types: {', '.join(f'`{action}`' for action in Action)}. For "
    "`association_change`: `add` or `remove`. Otherwise empty.",
    "outcome": "`success`, `failure`, `reported_absent` (a 404 on a removal) or `unknown`.",
    "subject_id": "Whom the event is about: the person, the group, or the application.",
    "subject_type": "`user`, `user_group`, `application`, or as the record says.",
    "subject_name": "The subject's name.",
    "subject_email": "A person's mail address.",
    "application_id": "The application of the provisioning or sign-in.",
    "application_name": "The application's name.",
    "integration_id": "The integration's id.",
    "actor_id": "Who caused the event.",
    "actor_type": "`admin`, `user`, or a service.",
    "actor_name": "The actor's mail address or name.",
    "http_status": "The provider's status; 0 if unknown.",
    "scim_type": "SCIM's error type, such as `uniqueness`.",
    "cause": "Why the attempt failed, see [causes](causes.md); empty if it did not.",
    "attribute": "The attribute that the application refused, if its answer names one.",
    "detail": "The provider's text, without secrets and addresses.",
    "retryable": "Whether repeating the same attempt can succeed.",
    "account_state": "The state that the account was to get: `active`, `inactive`, `deleted`; empty if unchanged.",
    "changed": "Names of the fields set; states with their values: `active: false`, `state: ACTIVATED -> SUSPENDED`.",
    "flags": "Oddities of the record, such as `no_id` or `success_contradicted`.",
    "group_id": "The group that was bound to an application or unbound, or that a person was added to or removed from.",
    "group_name": "The group's name.",
    "organization": "The organization's id.",
    "incident": "The [incident](incidents.md) that the failure belongs to; empty if the attempt did not fail.",
    "drift": "Whether the event [differs](drift.md) from what is known of its type.",
    "hour": "0 to 23, in UTC.",
    "weekday": "`monday` to `sunday`, in UTC.",
}
