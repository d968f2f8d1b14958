"""Jobs of the serving process: a defect ends the job and says what may have caused it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from idtrail import maintenance
from idtrail.maintenance import Maintenance
from queries.jobs import JobState
from streams.alerts.backtest import Found
from streams.alerts.detection import LeftOut
from tests.fixtures_kafka import until
from tests.records import NOON


class Broken:
    """A verification that meets a defect."""

    step, done, total = "reading", 1, 2

    def __init__(self, *given: Any, **options: Any) -> None:
        pass

    async def run(self) -> dict[str, Any]:
        raise ValueError("not enough values to unpack")


@pytest.mark.parametrize(
    ("upgraded", "told"),
    [
        pytest.param("", "a defect: ValueError('not enough values to unpack')", id="as it is"),
        pytest.param("upgraded beneath: restart it", "upgraded beneath: restart it", id="after an upgrade"),
    ],
)
async def test_a_defect_ends_the_job_and_names_an_upgrade_beneath_the_process(
    monkeypatch: pytest.MonkeyPatch, upgraded: str, told: str
) -> None:
    monkeypatch.setattr(maintenance, "Verification", Broken)
    monkeypatch.setattr(maintenance, "upgraded_beneath", lambda: upgraded)
    nothing = cast(Any, None)
    jobs = Maintenance(nothing, nothing, nothing, nothing, lambda: NOON)
    assert jobs.start_verify().running
    await until(lambda: not state(jobs).running)
    assert (state(jobs).error, state(jobs).ended_at) == (told, NOON)


def state(jobs: Maintenance) -> JobState:
    found = jobs.state("verify")
    assert found is not None
    return found


async def test_a_backtest_tells_by_rule_what_it_left_out() -> None:
    class Flooded:
        async def run(self) -> Found:
            return Found(9, 9, [], "told", [], [], {"too-many": LeftOut(7, 2)})

    result = await maintenance._backtested(cast(Any, Flooded()))
    assert result["left_out"] == {"too-many": {"events": 7, "alerts": 2}}
