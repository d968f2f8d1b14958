"""The pages that open over the lists, each made of what the trail is asked for."""

from __future__ import annotations

from typing import Any

from idtrail.cli.watch import pages
from idtrail.cli.watch.source import Source

Item = dict[str, Any]


class PageSource:
    """Asks for a page. Every method raises what `Source` does."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def incident(self, item: Item) -> pages.Page:
        """An incident of the list."""
        return pages.incident_page(await self._source.incident(item["incident_id"]))

    async def failure(self, event_id: str) -> pages.Page:
        """An attempt that failed."""
        return pages.failure_page(await self._source.event(event_id))

    async def life(self, person: str, organization: str | None) -> pages.Page:
        """A person's lifecycle; `person` as somebody typed it, or an id."""
        return pages.lifecycle_page(await self._source.lifecycle(person, organization))

    async def life_of_incident(self, item: Item) -> pages.Page:
        """The lifecycle of whom the incident hit first; the incident itself when it hit no person."""
        found = await self._source.incident(item["incident_id"])
        people = pages.people_of(found)
        return await self.life(people[0].subject_id, people[0].organization) if people else pages.incident_page(found)
