"""The page on incidents, `docs/incidents.md`: how one is made and ended, and what it is called then; from the code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from idtrail.cause_page import ENDINGS
from queries.incidents import QUIET, State
from schemas.cause import Cause
from schemas.recovery import SCOPES, Scope
from schemas.signature import MAX_PATTERN, pattern


class Same(NamedTuple):
    """Texts of one incident, and what they differ in."""

    noise: str
    texts: tuple[str, ...]
    own: tuple[str, ...] = ()
    """What the events say of their own person or group."""


SAME: Final = (
    Same(
        "numbers, dates and times",
        (
            "Request 7f3a-99 failed: token expired at 2026-11-24T10:00:00Z",
            "Request 11 failed: token expired at 1 Dec 2026 9:00 am",
        ),
    ),
    Same(
        "ids of requests, traces and sessions",
        ("Access denied (request id: abcXYZ)", "Access denied, trace-id=00f067aa0ba902b7"),
    ),
    Same("addresses and links", ("See https://api.example/x?trace=abc", "See https://other.example/y")),
    Same("quoted values and counts", ("'Head of Widgets' is too long: 104", '"Sous Chef" is too long: 99')),
    Same(
        "the status in words, which some records repeat",
        ("status code 401 (Unauthorized): token expired", "Unauthorized: token expired · Unauthorized"),
    ),
    Same("waits", ("Retry after 30 seconds", "Retry after 2 minutes")),
    Same("lists of ids", ("members 12, 14, 99 do not exist", "members 7 do not exist")),
    Same(
        "the request, where it has its address",
        (
            'Post "https://api.example/Users": EOF',
            'Patch "https://api.example/Users/ab": EOF',
        ),
    ),
    Same(
        "names, ids and values of the event's own person or group",
        ("Ines Almeida has an invalid title", "Kofi Mensah has an invalid title"),
        ("Ines Almeida", "Kofi Mensah"),
    ),
)
"""Noise: it never splits an incident."""
APART: Final = (
    ("token expired", "token revoked"),
    ("seat limit of 5 reached", "rate limit of 5 reached"),
    ("title is too long: 104", "department is too long: 104"),
    ("missing permission 'users:write'", "missing permission 'groups:write'"),
)
"""Other words are another incident."""
_STATES: Final[dict[State, str]] = {
    State.OPEN: "Somebody is in trouble, for the first time.",
    State.REGRESSED: "Somebody is in trouble again, after it had ended: the mending did not hold.",
    State.QUIET: f"It has not ended, and nothing has failed for {QUIET.days * 24} h: nobody tries any more. The "
    "accounts are still as the last failure left them.",
    State.RESOLVED: "A success ended the last trouble, or the integration was deleted.",
}

_HEAD: Final = """<!-- Made from idtrail/incident_page.py by `make generate`; changes here are overwritten. -->
# Incidents

One dead token makes thousands of failures; one wrong mapping makes seven. An incident is one trouble, however many
failures it makes: what is broken, since when, for whom, what to do, and whether it has ended.

```
$ idtrail incidents
2 incidents: 1 open, 1 resolved

  incident                                 tries  people   first   last  state
  statsig   credentials: token expired        41       9     2 d  20 min  open
  957f3a61  since 2026-11-22 16:10 · remedy: Make a new token in the application
            and re-authorise the integration in the directory.
  slack     conflict (userName): exists       12       3    29 d   29 d  resolved
  3ce83761  from 2026-10-25 14:00 to 2026-10-25 19:00 (5 h)
Next: idtrail incidents show 957f3a61
```

`idtrail incidents show 957f3a61` tells who is hit and who is mended, every text that the provider gave, and the
failures by hour; the beginning of an id is enough. `idtrail events --incident 957f3a61` lists its events. Over HTTP:
`GET /api/v1/incidents`, `GET /api/v1/incidents/{id}` and `GET /api/v1/events?incident=…`
([OpenAPI](openapi.json)); as they change: [the live feed](feed.md).

## How one is made

Failures are one incident when they have the same organization, application, [cause](causes.md) and attribute, and
texts that differ only in noise. What is noise is told by rules, not by likeness, so that the same failure always has
the same incident, whatever came before it. A failure of no known application belongs to none. Answers that are nothing
but a status have no text to tell them apart: a bare `502 Bad Gateway` and a bare `503 Service Unavailable` of one
application, both `provider_error`, are one incident.
"""
_SHOWN: Final = """## What is shown of a text

The provider's texts are shown as it wrote them, but for personal data. Secrets become `[redacted]`, mail addresses
`[address]`, and a value that the event itself sent is told by its attribute alone: of
`title 'Head of Widgets' is too long` there is `title '[value of title]' is too long`. So are a person's own names and
user name, pieces of a value in quotes, which a provider cut short, and telephone numbers in another spacing. What says
what to mend stays: ids, roles and entitlements, names of groups and of attributes, and the words that such texts
are made of, such as `user`, unless they stand in quotes as the value. A value that the record does not tell cannot be
known for one: where it has no `changes`, a quoted value is shown. The record's own bytes, in `idtrail events ID --raw`,
are as they came.

"""
_END: Final = """## How one ends

A person or group is in trouble from a failure until a success. Whose success it takes depends on the cause:

| cause | an incident of it ends |
|---|---|"""
_PICTURE: Final = """
A failed attempt to *close* an account or a group (a deactivation, a deletion, an update to `active: false`) takes more,
unless its cause is in the first row: it ends only with an own success that closes this account too, or creates it or
makes it active, so that it is wanted again. That its title was taken meanwhile, or that somebody else could be removed,
leaves it as open as it was.

What failed of the integration itself, such as its activation, ends with any success at the application, its own
included. The deletion of the integration ends everything: nothing can fail there any more. An attempt whose outcome is
unknown, or a removal that was answered with 404, ends nothing.

An incident is in trouble while anybody in it is. Each such stretch is an *episode*; when it fails again after it ended,
that is the next episode of the same incident, not a new one.

![Ines and Kofi fail, and each succeeds again: one episode, from the first failure to the last success. Later Ines fails
again, then Lena: the second episode.](incidents.svg)

`since` is the beginning of the last episode, `ended_at` its end, and `change` the last change of the integration's
configuration before it: often the reason.

## States
"""
_REST: Final = """
The state is told when it is asked for, by the clock; nothing is stored for it. `idtrail incidents` shows what goes on
first, then what is quiet, then what has ended; within each, what began last.

## What they promise

The rows are a function of the set of events: the order in which they come, repeats, better copies that come later,
live or from an import, make no difference. When a better copy shows that nothing failed at all, the incident goes away.
Events whose time cannot be believed belong to an incident's list of events, and neither begin nor end it; where such a
copy is in force, the event counts for nothing, whatever another copy of it says of the time.
"""


def incident_page() -> str:
    """The whole page."""
    lines = (_HEAD, *_texts(), _SHOWN + _END, *_endings(), _PICTURE, *_states(), _REST.rstrip("\n"))
    return "\n".join(lines) + "\n"


def _texts() -> Iterator[str]:
    yield "| noise | these texts are one | as it is compared |"
    yield "|---|---|---|"
    for noise, texts, own in SAME:
        yield f"| {noise} | {'<br>'.join(f'`{text}`' for text in texts)} | `{pattern(texts[0], own)}` |"
    yield ""
    for one, other in APART:
        yield f"- `{one}` and `{other}` stay apart."
    yield ""
    yield f"Of a long text the first {MAX_PATTERN} characters without noise count: providers say first what is wrong."
    yield ""


def _endings() -> Iterator[str]:
    for scope in Scope:
        causes = ", ".join(f"[`{cause}`](causes.md#{cause})" for cause in Cause if SCOPES[cause] is scope)
        yield f"| {causes} | {ENDINGS[scope]}. |"


def _states() -> Iterator[str]:
    yield "| state | meaning |"
    yield "|---|---|"
    for state in State:
        yield f"| `{state}` | {_STATES[state]} |"
