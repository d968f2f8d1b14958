"""Generates `docs/integrations.md` from the code: states and expiries of credentials."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from queries.accounts.bindings import ON_ITS_WAY
from queries.integrations.health import BY_TURNS, MEANINGS, RECENT, SURE, State
from queries.integrations.marks import MAX_RUNS
from queries.integrations.spans import APART, MAX_STRETCHES
from queries.integrations.token_lifetimes import CATALOGUE
from queries.integrations.trouble import SILENCE

_HEAD: Final = f"""<!-- Made from pages/integration_page.py by `make generate`; changes here are overwritten. -->
# Integrations

Whether the credentials of each integration work, since when, whom a failure holds up, and when they will expire.

```
$ idtrail integrations
6 integrations: 1 failing, 5 healthy

  integration  credentials  since  accepted   stuck  expires  changed
  statsig      failing      47 h   2 d ago    24     -        367 d ago by ada@…
  figma        healthy      29 d   1 min ago  -      in 336 d 29 d ago by noor@…
Next: idtrail integrations statsig · idtrail incidents --cause credentials
```

`idtrail integrations statsig` shows one integration: the failures since the last accepted attempt and their status, who
is stuck, and every trouble of its credentials with its beginning, its end and what ended it. `--at` shows a time in the
past and ignores everything later. Over HTTP: `GET /api/v1/integrations/health` and `GET /api/v1/integrations/{{id}}`
([OpenAPI](openapi.json)).

## What counts

- *Accepted*: an attempt on a person or group that succeeded. A 404 answer to a removal does not count.
- *Refused*: an attempt, re-authorisation or activation that failed with the cause
  [`credentials`](causes.md#credentials). Other failures say nothing about credentials, one way or the other.
- *Changes*: activation, re-authorisation, change and deletion of the integration. Only the first two bring
  credentials. A change of mappings does not count.
- *Deleted*: an integration counts as deleted from a successful deletion to the next successful activation, or until
  something shows that the application has an integration after all, since the log may lack the activation: an accepted
  or refused attempt, or a successful re-authorisation, more than {ON_ITS_WAY // timedelta(hours=1)} h after the
  deletion. What comes sooner may have been on its way. A deletion does not count if it names another integration
  (`idm_client_id`) than the last successful activation: then the application got a new integration before the old one
  was deleted, and still has it. The same goes for [exposures](exposures.md), [lifecycles](lifecycle.md) and `state`,
  and for the steps that undo a [mass change](findings.md). In [incidents](incidents.md) and `failures` such a deletion
  ends nothing either; whatever fails after a deletion is a new trouble there.

A *trouble* lasts from a refusal to the first accepted attempt, or to the deletion of the integration. A successful
re-authorisation alone does not end it: only an accepted attempt shows that it helped. The re-authorisation is then
named as what ended the trouble if it came during it. Without one, the trouble ended "by itself": a new token was
entered where the log does not show it, or the provider fixed something.

People are *stuck* if they were refused in the last trouble and not accepted since. They stay stuck after the trouble
until their own next success.

## States

The state is the first of these that holds, from the events up to the requested time, in the order of (occurred, event
id). The order of arrival and repeats make no difference. An event is what its copy in force says, whatever times its
other copies have. Events with an implausible time do not count.
"""
_SINCE: Final = """
*Since* is when the state began. For `healthy` it is the first accepted attempt after the last trouble, silence or
deletion; for `recovered` the one that ended the trouble. For `silent` it is the last accepted attempt, or a later
activation or re-authorisation. For `reauthorised` it is the first re-authorisation after the last refusal, and for
`still_failing` the first refusal after the last re-authorisation that was accepted, or the first re-authorisation that
was refused."""
_TRANSITIONS: Final = """
Transitions:

| in | when this happens | it becomes |
|---|---|---|"""
STEPS: Final = (
    ("silent", "an attempt is accepted", "healthy"),
    ("healthy", "an attempt is refused", "degrading"),
    ("degrading", f"refused {SURE} times in a row", "failing"),
    ("degrading", "accepted after the first trouble of a day", "recovered"),
    ("degrading", "successfully re-authorised", "reauthorised"),
    ("failing", "re-authorised, and the new credentials themselves are refused", "still_failing"),
    ("failing", "successfully re-authorised", "reauthorised"),
    ("reauthorised", "an attempt is refused", "still_failing"),
    ("reauthorised", "an attempt is accepted", "recovered"),
    ("still_failing", "successfully re-authorised", "reauthorised"),
    ("still_failing", "an attempt is accepted", "recovered"),
    ("failing", "an attempt is accepted", "recovered"),
    ("recovered", "an attempt is refused", "degrading"),
    ("recovered", f"accepted {RECENT.days} days or more after the trouble", "healthy"),
    ("healthy", f"nothing is accepted or refused for {SILENCE.days} days", "silent"),
    ("failing", "the integration is deleted", "deactivated"),
    ("healthy", "the integration is deleted", "deactivated"),
    ("deactivated", "an attempt is accepted more than an hour later", "healthy"),
)
"""(state, event, next state); a test plays each row."""

_FORECAST: Final = f"""
Two troubles that end within {BY_TURNS // timedelta(hours=1)} h make it `degrading` instead of `recovered`, unless
somebody re-authorised it. Failing credentials do not turn silent: they fail until something is accepted.

## When they expire

The lifetime counts from the last successful re-authorisation or activation. There is no forecast if the log has none,
or if the credentials are refused already. The lifetime comes from, in this order:

1. **Observed**: the application's own credentials expired before, and the log shows at what age: they were given, then
   accepted, then refused with a text that says they expired. They lived at least until the last accepted attempt and at
   most until the first refusal, so the forecast is a range. The last expiry counts.
2. **Catalogue**: what the vendor states for all its tokens, by the application's name in the directory.

Credentials that were accepted beyond such a lifetime refute it; then the next source is used, or none. A token that was
made long before it was entered expires earlier than forecast: the log does not record when it was made.

| vendor | lives | names | source |
|---|---|---|---|"""
_REST: Final = f"""
## What it costs

The health is computed from the attempts on request and not stored. One narrow scan finds the hours in which
credentials were refused, and another the last silence. These hours form stretches (with less than
{APART // timedelta(hours=1)} h between two hours of one). Whole rows are read within stretches, and only the first and
the last accepted attempt between them; other copies of these events are looked up by id. So an integration without
trouble costs the scans of a few small columns and a few granules, however active it is; one in trouble costs the
attempts during its troubles, and a scan of the ids. If an integration is refused again and again, the last
{MAX_STRETCHES} stretches and {MAX_RUNS:,} turns are read, and older troubles are not shown. Failures since the last
accepted attempt are counted from that attempt on.

Measured in processor time on a machine with two cores, embedded store, eight integrations over a year, four of them
with three troubles of two days each: for 1 million attempts all eight take 0.8 s, one without trouble 0.11 s, one with
trouble 0.35 s; for 10 million 2.3 s, 0.12 s and 0.87 s. The scan for silences, measured apart, adds 0.1 s for all eight
and 0.02 s for one; for 10 million 0.7 s and 0.1 s. An integration that is alternately accepted and refused
throughout costs all its attempts: seconds for a million.

`GET /api/v1/integrations`, which the watch screen requests every few seconds, reads none of this.
"""


def integration_page() -> str:
    """Return the whole page."""
    lines = (_HEAD, *_states(), _SINCE, _TRANSITIONS, *_steps(), _FORECAST, *_vendors(), _REST.rstrip("\n"))
    return "\n".join(lines) + "\n"


ORDER: Final = (
    State.DEACTIVATED,
    State.REAUTHORISED,
    State.STILL_FAILING,
    State.FAILING,
    State.DEGRADING,
    State.RECOVERED,
    State.SILENT,
    State.HEALTHY,
)
"""In the order in which `state_of` checks."""


def _states() -> Iterator[str]:
    yield "| state | holds when |"
    yield "|---|---|"
    for state in ORDER:
        yield f"| `{state}` | {MEANINGS[state]} |"


def _steps() -> Iterator[str]:
    for before, event, after in STEPS:
        yield f"| `{before}` | {event} | `{after}` |"


def _vendors() -> Iterator[str]:
    for known in CATALOGUE:
        names = ", ".join(f"`{name}`" for name in known.names)
        source = f"[{known.vendor}]({known.source})" if known.source else "not published on a page"
        yield f"| {known.vendor} | {known.lasts.days} days | {names} | {source} |"
