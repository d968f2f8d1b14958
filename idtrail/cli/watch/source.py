"""The source of the watch screen's answers and messages: the HTTP API, queried in threads and followed by a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, NamedTuple, Protocol

import orjson

from idtrail.cli.client import Api
from idtrail.cli.watch.board import MAX_FAILURES, MAX_INCIDENTS, Answers
from idtrail.item import Item
from schemas.errors import Gone, IdtrailError

FAILURES_ASKED: Final = 200
"""How many failures of the last 24 h are queried at the start and in each round; the feed brings the others."""
FEED: Final = "/api/v1/stream"
ATTEMPTS: Final = ["integration", "user", "group"]


class Message(NamedTuple):
    """One message of the feed. A position alone has no kind."""

    kind: str
    data: Item
    id: str


class Source(Protocol):
    """What the screen queries and follows; tests provide their own."""

    async def ask(self) -> Answers: ...
    def follow(self, last_id: str) -> AsyncIterator[Message]:
        """Yield messages after `last_id`, or from now on. Raises `IdtrailError` when the connection is lost."""
        ...

    async def incident(self, incident_id: str) -> Item: ...
    async def event(self, event_id: str) -> Item: ...
    async def lifecycle(self, person: str, organization: str | None) -> Item: ...


class ApiSource:
    """A running trail."""

    def __init__(self, connect: Callable[[], Api]) -> None:
        """`connect` finds the trail again after each break."""
        self._connect = connect
        self._api = connect()

    async def ask(self) -> Answers:
        """Return everything that the lists show. A failed query does not hide the others."""
        failed: dict[str, str] = {}

        async def part(name: str, path: str, **parameters: Any) -> Any:
            try:
                return await asyncio.to_thread(self._api.get, path, parameters)
            except IdtrailError as error:
                failed[name] = str(error)
                return None

        incidents, failures, integrations, health = await asyncio.gather(
            part("incidents", "/api/v1/incidents", state=["open", "regressed"], limit=MAX_INCIDENTS),
            part(
                "failures",
                "/api/v1/events",
                outcome="failure",
                kind=ATTEMPTS,
                since="24h",
                limit=min(FAILURES_ASKED, MAX_FAILURES),
            ),
            part("integrations", "/api/v1/integrations"),
            part("health", "/api/v1/health"),
        )
        return Answers(
            incidents=incidents and incidents["items"],
            more_incidents=bool(incidents and incidents["next"]),
            failures=failures and failures["items"],
            integrations=integrations and integrations["items"],
            health=health,
            failed=failed,
        )

    async def follow(self, last_id: str) -> AsyncIterator[Message]:
        """Follow the feed of a trail that may have been restarted meanwhile.

        A position that the log no longer holds is reported as a gap; then the feed goes on with what comes now.
        """
        self._api = self._connect()
        try:
            async for sent in self._api.stream_async(FEED, {"kinds": ["failures", "incidents"]}, last_id):
                yield Message(sent.event if sent.data else "", orjson.loads(sent.data or b"{}"), sent.id)
        except Gone as error:
            if not last_id:
                raise
            yield Message("gap", {"reason": str(error)}, "")

    async def incident(self, incident_id: str) -> Item:
        """Return one incident, with whom it affects and what the provider said."""
        found: Item = await asyncio.to_thread(self._api.get, f"/api/v1/incidents/{incident_id}")
        return found

    async def event(self, event_id: str) -> Item:
        """Return one event with its copies."""
        found: Item = await asyncio.to_thread(self._api.get, f"/api/v1/events/{event_id}")
        return found

    async def lifecycle(self, person: str, organization: str | None) -> Item:
        """Return a person's lifecycle, queried as `idtrail lifecycle` does."""
        parameters = {"person": person, "organization": organization, "since": "2000-01-01", "limit": 10_000}
        found: Item = await asyncio.to_thread(self._api.get, "/api/v1/lifecycle", parameters)
        return found


def waits() -> Callable[[], float]:
    """Return growing waits between retries, in seconds: 1, 2, 4 … 30."""
    wait = 0.5

    def following() -> float:
        nonlocal wait
        wait = min(wait * 2, 30.0)
        return wait

    return following
