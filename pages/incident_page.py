"""Generates `docs/incidents.md` from the code: how an incident starts and ends, and what its states are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pages.cause_page import ENDINGS
from queries.incidents.listing import QUIET, IncidentState
from schemas.cause import CAUSES, Cause, Scope
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
        "the request, if it contains an address",
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
"""Noise, which never makes another incident."""
APART: Final = (
    ("token expired", "token revoked"),
    ("seat limit of 5 reached", "rate limit of 5 reached"),
    ("title is too long: 104", "department is too long: 104"),
    ("missing permission 'users:write'", "missing permission 'groups:write'"),
)
"""Other words make another incident."""
_STATES: Final[dict[IncidentState, str]] = {
    IncidentState.OPEN: "Somebody is in trouble for the first time.",
    IncidentState.REGRESSED: "Somebody is in trouble again after the incident had ended: the repair did not hold.",
    IncidentState.QUIET: (
        f"It has not ended, but nothing has failed for {QUIET.days * 24} h: the attempts have stopped. The accounts "
        "are still as the last failure left them until somebody sets the attempt off again in the directory, or does "
        "it in the application by hand."
    ),
    IncidentState.RESOLVED: "A success ended the last trouble, or the integration was deleted.",
}

_HEAD: Final = """<!-- Made from pages/incident_page.py by `make generate`; changes here are overwritten. -->
# Incidents

One dead token causes thousands of failures; one wrong mapping causes seven. An incident is one problem, however many
failures it causes. It shows what is broken, since when, for whom, what to do, and whether it has ended.

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

`idtrail incidents show 957f3a61` shows who is affected, for whom something was accepted since, every text that the
provider gave, and the failures by hour; the beginning of an id is enough. `idtrail events --incident 957f3a61` lists
its events;
`idtrail export events` with the same options writes them to a file. Over HTTP: `GET /api/v1/incidents`,
`GET /api/v1/incidents/{id}` and `GET /api/v1/events?incident=…` ([OpenAPI](openapi.json)); changes as they happen: [the
live feed](feed.md).

## How one is made

Failures are one incident if they have the same organization, application, [cause](causes.md) and attribute, and
texts that differ only in noise. Fixed rules, not similarity, define noise, so the same failure always belongs to the
same incident, whatever came before it. A failure without a known application belongs to no incident. Answers that
consist of a status alone have no text that distinguishes them: a bare `502 Bad Gateway` and a bare
`503 Service Unavailable` of one application, both `provider_error`, are one incident.
"""
_SHOWN: Final = """## What is shown of a text

The provider's texts are shown as it wrote them, except for personal data. Secrets become `[redacted]`, mail addresses
`[address]`, and a value that the event itself sent is replaced by its attribute's name:
`title 'Head of Widgets' is too long` becomes `title '[value of title]' is too long`. The same applies to a person's own
names and user name, to quoted parts of a value that a provider cut short, and to telephone numbers in another spacing.
Whatever helps to fix the problem stays: ids, roles and entitlements, names of groups and of attributes, and common
words of such texts, such as `user`, unless they are quoted as the value. A value that the record does not contain
cannot be recognised: if the record has no `changes`, a quoted value is shown. The record's own bytes, in
`idtrail events ID --raw`, are unchanged.

"""
_END: Final = """## How one ends

A person or group is in trouble from a failure until a success. Whose success counts depends on the cause:

| cause | an incident of it ends |
|---|---|"""
_PICTURE: Final = """
A failed attempt to *close* an account or a group (a deactivation, a deletion, an update to `active: false`) needs
more, unless its cause is in the first row. The trouble ends only with a success for this account: one that closes it,
or one that creates or activates it, so that it is wanted again. An accepted update of its title, or the removal of
somebody else, leaves it open.

A failure of the integration itself, such as of its activation, ends with any success at the application, the
integration's own included. The [deletion](integrations.md#what-counts) of the integration ends everything: nothing more
can fail there, unless a new one had replaced it. An attempt
with an unknown outcome, or a removal that was answered with 404, ends nothing.

A success ends what failed before it. Events of one instant come in the order of their ids, since nothing else says
which was first. Timestamps may be [ahead of the clock](exposures.md#what-counts); a success that is has ended nothing
yet, and the incident stays open until its time has come.

That a trouble has ended does not mean that every account is as it should be: with the causes of the first two rows, a
success for somebody else shows that requests are accepted again, whether or not the directory repeats what had failed.
`idtrail incidents show` therefore lists for each person and group when an attempt of its own was `accepted since`
(`accepted_at`; after a failed closing, one that closes or opens the account), or `nothing`.
[`idtrail exposures`](exposures.md) has the accounts that are still open.

An incident is in trouble while anybody in it is. Each such period is an *episode*. If the incident fails again after it
ended, that is its next episode, not a new incident.

![Ines and Kofi fail, and each succeeds again: one episode, from the first failure to the last success. Later Ines fails
again, then Lena: the second episode.](incidents.svg)

`since` is the beginning of the last episode, `ended_at` its end, and `change` the last change of the integration's
configuration before it, which is often the reason.

## States
"""
_REST: Final = """
The state is computed by the clock on request and not stored. `idtrail incidents` lists ongoing incidents first, then
quiet ones, then resolved ones; within each group the latest beginning comes first.

`idtrail failures --json` and `GET /api/v1/failures` group the failures of a time range by application, cause and
attribute, whatever their text. A group is `open` while any of its failures has not ended by the rules above, so it is
open exactly if one of its incidents is, as long as the range holds all of them. Filters select the failures; whose
success ends them depends on the rules alone.

## What they promise

The rows are a function of the set of events: the order of arrival, repeats, and better copies that arrive later, live
or from an import, make no difference. If a better copy shows that nothing failed at all, the incident disappears.
Events with an implausible time are listed with an incident but neither begin nor end it. If such a copy is in force,
the event does not count, whatever time another copy of it states. Nor does it count at an application that only copies
from routes open to many (webhook, open ingest) name, if a copy from a better route names another application or says
that it was no provisioning at all. In the last case an incident that the first copy had made stays until its
application is folded again: by its next failure with the same text, an import of older events there, or
`idtrail rebuild`. Copies from the vendor's own routes are not ranked against each other across applications: each
counts at its own. The same applies to organizations whose events all came by routes open to many.

[Failure windows](openapi.json) (`GET /api/v1/failures/windows`) count each event once per minute: if two copies of an
event state different minutes, both minutes count it, whichever copy is in force; and an event that a better copy shows
to be no provisioning is still counted. The agent knows the provisioning events of one minute at a time, and what is
folded later from the store has to equal what it wrote. Counts by time that resolve this
too are in `GET /api/v1/counts`.
"""


def incident_page() -> str:
    """Return the whole page."""
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
    yield f"The first {MAX_PATTERN} characters of a text without its noise count: providers state the problem first."
    yield ""


def _endings() -> Iterator[str]:
    for scope in Scope:
        causes = ", ".join(f"[`{cause}`](causes.md#{cause})" for cause in Cause if CAUSES[cause].ends_with is scope)
        yield f"| {causes} | {ENDINGS[scope]}. |"


def _states() -> Iterator[str]:
    yield "| state | meaning |"
    yield "|---|---|"
    for state in IncidentState:
        yield f"| `{state}` | {_STATES[state]} |"
