"""Builds the pages that open over the lists from queries to the trail."""

from __future__ import annotations

from idtrail.cli.watch import pages
from idtrail.cli.watch.source import Source
from idtrail.item import Item


class PageSource:
    """Queries for a page. Every method raises what `Source` does."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def incident(self, item: Item) -> pages.Page:
        """Return the page of an incident in the list."""
        return pages.incident_page(await self._source.incident(item["incident_id"]))

    async def failure(self, event_id: str) -> pages.Page:
        """Return the page of a failed attempt."""
        return pages.failure_page(await self._source.event(event_id))

    async def life(self, person: str, organization: str | None) -> pages.Page:
        """Return the page of a person's lifecycle; `person` is an id or what the user typed."""
        return pages.lifecycle_page(await self._source.lifecycle(person, organization))

    async def life_of_incident(self, item: Item) -> pages.Page:
        """Return the lifecycle of the first person that the incident affects; the incident itself if it affects no
        person."""
        found = await self._source.incident(item["incident_id"])
        people = pages.people_of(found)
        return await self.life(people[0].subject_id, people[0].organization) if people else pages.incident_page(found)
