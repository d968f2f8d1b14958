"""Failures of known episodes, told in noisy texts, among much that went well."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.records import event

# (cause, attribute, texts): what differs between the texts of one tuple is noise, and nothing else.
TROUBLES: list[tuple[str, str, list[str]]] = [
    ("credentials", "", ["401 Unauthorized: the access token expired at {time} (request id: {hex})"]),
    ("credentials", "", ["401 Unauthorized: invalid signature of key {hex}"]),
    ("permission", "", ["403 Forbidden: {mail} lacks the administrator role (trace-id {hex})"]),
    ("conflict", "", ["409 Conflict: a user with the address {mail} already exists, id {uuid}"]),
    ("conflict", "", ["409 Conflict: {name} is already taken"]),
    ("invalid_value", "title", ["400 invalidValue: title must not exceed 100 characters: '{quoted}' has {number}"]),
    ("invalid_value", "department", ['400 invalidValue: department must not exceed {number} characters: "{quoted}"']),
    ("missing_attribute", "userName", ["400 Bad Request: userName is required for {name} ({uuid})"]),
    ("not_found", "", ["404 Not Found: User {uuid} not found on {date}"]),
    ("quota", "", ["403 Forbidden: seat limit of {number} reached by {name}"]),
    ("provider_error", "", ["503 Service Unavailable, retry after {number} seconds. Ray id: {hex}"]),
    ("rate_limited", "", ["429 Too Many Requests: slow down, {number} requests since {time}"]),
]


@dataclass
class Episode:
    """One seeded trouble, and what must be found of it."""

    application: str
    cause: str
    attribute: str
    texts: list[str]
    people: list[str]
    times: list[datetime] = field(default_factory=list)
    failed: dict[str, datetime] = field(default_factory=dict)
    """Who, and when last."""
    end: datetime | None = None


def noisy(draw: random.Random, text: str, name: str, at: datetime) -> str:
    """The text with everything in it that changes from try to try."""
    return text.format(
        time=at.isoformat(),
        date=at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        hex=f"{draw.getrandbits(96):024x}",
        uuid=UUID(int=draw.getrandbits(128)),
        mail=f"{name}@corp.example",
        name=name,
        quoted=" ".join(draw.choice(["Senior", "Head of", "Widget", "Lead"]) for _ in range(draw.randrange(2, 6))),
        number=draw.randrange(2, 5000),
    )


def seeded(
    seed: int, begin: datetime, *, applications: int, failures: int, successes: int, organization: str
) -> tuple[list[Episode], Iterator[dict[str, Any]]]:
    """Episodes of every trouble at every application, and their events in order of time.

    Each episode has an hour of its application to itself; after three quarters of them everybody succeeds.
    """
    draw = random.Random(seed)
    names = [f"{one}.{two}" for one in ("ines", "kofi", "lena", "omar", "yuki") for two in ("adler", "brandt", "chen")]
    episodes = []
    dated: list[tuple[datetime, dict[str, Any]]] = []
    mended: list[tuple[datetime, str, str]] = []
    for number in range(applications):
        for place, (cause, attribute, texts) in enumerate(TROUBLES):
            start = begin + timedelta(hours=place * 2)
            episode = Episode(f"app-{number}", cause, attribute, texts, draw.sample(names, draw.randrange(2, 6)))
            episodes.append(episode)
            share = failures // (applications * len(TROUBLES))
            for _ in range(share):
                who, at = draw.choice(episode.people), start + timedelta(microseconds=draw.randrange(3_500_000_000))
                episode.times.append(at)
                episode.failed[who] = max(at, episode.failed.get(who, at))
                said = noisy(draw, draw.choice(texts), who, at)
                dated.append(
                    (at, attempt(organization, episode.application, who, at, success=False, error_message=said))
                )
            if draw.randrange(4):
                for step, who in enumerate(sorted(episode.failed)):
                    mended.append((start + timedelta(hours=1, seconds=step), episode.application, who))
    dated += [(at, attempt(organization, application, who, at)) for at, application, who in mended]
    for episode in episodes:
        episode.end = _end(episode, mended)
    for number in range(successes):
        # Of people and an application who have no troubles.
        at = begin + timedelta(microseconds=draw.randrange(24 * 3600 * 1_000_000))
        dated.append((at, attempt(organization, "quiet-app", f"other.{number % 500}", at)))
    dated.sort(key=lambda one: one[0])
    return episodes, (one for _, one in dated)


def _end(episode: Episode, mended: list[tuple[datetime, str, str]]) -> datetime | None:
    """Credentials, permissions and seats are there for all at once; the rest is each person's own."""
    accepted = sorted((at, who) for at, application, who in mended if application == episode.application)
    if episode.cause in ("credentials", "permission", "quota"):
        return next((at for at, _ in accepted if at > max(episode.times)), None)
    ends = [
        next((at for at, own in accepted if own == who and at > last), None) for who, last in episode.failed.items()
    ]
    return max((end for end in ends if end), default=None) if all(ends) else None


def attempt(organization: str, application: str, who: str, at: datetime, **answer: Any) -> dict[str, Any]:
    """One update of one person at one application."""
    return event(
        timestamp=at.isoformat(),
        organization=organization,
        application={"id": application, "name": application},
        resource={"id": f"id-of-{who}", "type": "user", "username": who},
        **answer,
    )
