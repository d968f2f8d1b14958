"""The page on integrations, `docs/integrations.md`: states of credentials and how expiries are told; from the code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from queries.integration_health import BY_TURNS, MEANINGS, RECENT, SILENCE, SURE, State
from queries.integration_marks import APART, MAX_RUNS, MAX_STRETCHES
from queries.token_lifetimes import CATALOGUE

_HEAD: Final = """<!-- Made from idtrail/integration_page.py by `make generate`; changes here are overwritten. -->
# Integrations

Whether the credentials of each integration work, since when, whom it holds up if they do not, and when they will
expire.

```
$ idtrail integrations
6 integrations: 1 failing, 5 healthy

  integration  credentials  since  accepted   stuck  expires  changed
  statsig      failing      47 h   2 d ago    24     -        367 d ago by ada@…
  figma        healthy      29 d   1 min ago  -      in 336 d 29 d ago by noor@…
Next: idtrail integrations statsig · idtrail incidents --cause credentials
```

`idtrail integrations statsig` tells of one: what failed since anything was accepted and with which status, who is
stuck, and every trouble of its credentials with its beginning, its end and what ended it. `--at` tells of the past:
nothing that happened later counts. Over HTTP: `GET /api/v1/integrations/health` and `GET /api/v1/integrations/{id}`
([OpenAPI](openapi.json)).

## What counts

- *Accepted*: an attempt on a person or group that succeeded. An answer of 404 to a removal is none.
- *Refused*: an attempt, re-authorisation or activation that failed with the cause
  [`credentials`](causes.md#credentials). Other failures say nothing about credentials, one way or the other.
- *Changes*: activation, re-authorisation, change and deletion of the integration. Only the first two bring credentials.
  A change of mappings is none.

A *trouble* goes from a refusal to the first accepted attempt, or to the deletion of the integration. A
re-authorisation with success does not end it: only an accepted attempt shows that it helped. It is what ended the
trouble if it came within it and an attempt was then accepted; where there was none, the end is "by itself": a new token
was put in where the log does not see it, or the provider mended something.

Who is *stuck* was refused in the last trouble and not accepted since; that outlasts the trouble until each one's own
next success.

## States

The first of these that holds, by the events up to the time that is asked for, in the order of (occurred, event id).
The order in which they arrived and repeats make no difference. An event is what its copy in force says, wherever in
time other copies of it stand. Events whose time cannot be believed count for nothing.
"""
_TRANSITIONS: Final = """
What leads from one to the next:

| in | when this happens | it becomes |
|---|---|---|"""
STEPS: Final = (
    ("silent", "an attempt is accepted", "healthy"),
    ("healthy", "an attempt is refused", "degrading"),
    ("degrading", f"refused {SURE} times in a row", "failing"),
    ("degrading", "accepted after the first trouble of a day", "recovered"),
    ("degrading", "re-authorised with success", "reauthorised"),
    ("failing", "re-authorised, and these credentials are refused themselves", "still_failing"),
    ("failing", "re-authorised with success", "reauthorised"),
    ("reauthorised", "an attempt is refused", "still_failing"),
    ("reauthorised", "an attempt is accepted", "recovered"),
    ("still_failing", "re-authorised with success", "reauthorised"),
    ("still_failing", "an attempt is accepted", "recovered"),
    ("failing", "an attempt is accepted", "recovered"),
    ("recovered", "an attempt is refused", "degrading"),
    ("recovered", f"accepted {RECENT.days} days and more after the trouble", "healthy"),
    ("healthy", f"nothing is accepted or refused for {SILENCE.days} days", "silent"),
    ("failing", "the integration is deleted", "deactivated"),
    ("healthy", "the integration is deleted", "deactivated"),
    ("deactivated", "an attempt is accepted", "healthy"),
)
"""State, event, state: each is played by a test."""

_FORECAST: Final = f"""
Two troubles that end within {BY_TURNS // timedelta(hours=1)} h make it `degrading` instead of `recovered`, unless
somebody re-authorised it. Credentials that fail do not turn silent: they fail until something is accepted.

## When they expire

Counted from the last re-authorisation or activation with success; without one in the log there is no forecast, nor for
credentials that are refused already. In this order:

1. **Observed**: the application's own credentials expired before, and the log shows at what age: they had been given,
   then accepted, then refused with a text that says they expired. They lived at least until the last accepted attempt
   and at most until the first refusal, so the forecast is a range. The last expiry counts.
2. **Catalogue**: what the vendor says of all its tokens, by the application's name in the directory.

Credentials that were accepted beyond such a lifetime refute it; then the next is taken, or none. A token that was made
long before it was entered expires earlier than told: the log does not hold when it was made.

| vendor | lives | names | source |
|---|---|---|---|"""
_REST: Final = f"""
## What it costs

The health is told from the attempts when it is asked for; nothing is stored for it. One narrow scan finds the hours in
which credentials were refused. Whole rows are read of the stretches that these hours make (less than
{APART // timedelta(hours=1)} h between two of one), and between stretches the first and the last accepted attempt
alone; of what is read, copies that stand elsewhere are looked up by the events' ids. So an integration without trouble
costs the scan of two small columns and a few granules, whatever it did; one in trouble costs what was attempted during
its troubles, and a scan of the ids. Of an integration that is refused again and again the last
{MAX_STRETCHES} stretches and {MAX_RUNS:,} turns are read, and older troubles are not told. Failures since the last
accepted attempt are counted from that attempt on.

Measured in processor time on a machine with two cores, embedded store, eight integrations over a year, four of them
with three troubles of two days each: of 1 million attempts all eight take 0.8 s, one without trouble 0.11 s, one with
0.35 s; of 10 million 2.3 s, 0.12 s and 0.87 s. One that is accepted and refused by turns throughout costs the whole
of its attempts: seconds for a million.

`GET /api/v1/integrations`, which the watch screen asks every few seconds, reads none of this.
"""


def integration_page() -> str:
    """The whole page."""
    lines = (_HEAD, *_states(), _TRANSITIONS, *_steps(), _FORECAST, *_vendors(), _REST.rstrip("\n"))
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
"""As `state_of` asks."""


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
        source = f"[{known.vendor}]({known.source})" if known.source else "told to us, without a page"
        yield f"| {known.vendor} | {known.lasts.days} days | {names} | {source} |"
