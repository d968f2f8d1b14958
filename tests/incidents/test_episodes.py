"""Of thousands of failures in noisy words: exactly the episodes that were seeded, with their people, times and ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice

import pytest

from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.store import Store
from streams.incident_writer import IncidentWriter
from streams.incidents import Incident
from streams.rows import decode_events
from tests.incidents.episodes import TROUBLES, Episode, seeded
from tests.records import NOON, record_of

pytestmark = pytest.mark.store

BEGIN = NOON - timedelta(hours=26)
_FOUND = """
SELECT application_id, cause, attribute, attempts, people, first_at, last_at,
    if(toUnixTimestamp(ended_at) = 0, NULL, ended_at), episodes
FROM incidents FINAL WHERE organization = {organization:String} AND attempts > 0
ORDER BY application_id, first_at
"""


@pytest.mark.parametrize(
    ("applications", "failures", "successes"),
    [
        pytest.param(2, 1_200, 2_000, id="a thousand failures"),
        pytest.param(
            8,
            10_000,
            190_000,
            id="ten thousand among two hundred thousand",
            marks=[pytest.mark.soak, pytest.mark.timeout(900)],
        ),
    ],
)
async def test_each_seeded_episode_is_one_incident(
    store: Store, applications: int, failures: int, successes: int
) -> None:
    organization = f"episodes-{failures}"
    episodes, events = seeded(
        7, BEGIN, applications=applications, failures=failures, successes=successes, organization=organization
    )
    number = 0
    while some := list(islice(events, 20_000)):
        rows = decode_events([record_of(one) for one in some], timedelta(days=3)).rows
        store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA), f"{organization}-{number}")
        number += 1

    async def publish(incidents: Sequence[Incident]) -> None:
        assert incidents

    writer = IncidentWriter(store, 10, publish)
    for application in {episode.application for episode in episodes} | {"quiet-app"}:
        await writer.settle((organization, application))
    found = store.query(_FOUND, {"organization": organization})
    assert len(found) == applications * len(TROUBLES)
    assert found == sorted(map(expected, episodes), key=lambda row: (row[0], row[5]))


def expected(
    episode: Episode,
) -> tuple[str, str, str, int, int, datetime, datetime, datetime | None, int]:
    return (
        episode.application,
        episode.cause,
        episode.attribute,
        len(episode.times),
        len(episode.failed),
        min(episode.times),
        max(episode.times),
        episode.end,
        1,
    )
