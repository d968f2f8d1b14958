"""What the doctor says of topics and of what the trail may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from idtrail import doctor
from idtrail.settings import Settings
from idtrail.stack.topic_rules import Objection
from schemas.errors import BrokerRefuses, Denied
from schemas.kafka import KafkaConnection

BREACH = Objection("idtrail.events", "retention.ms", "1000", "-1", "it would be gone", breaks=True)
UNWISE = Objection("idtrail.alerts", "min.insync.replicas", "1", "2", "a single disk", breaks=False)


@pytest.mark.parametrize(
    ("found", "good", "text"),
    [
        pytest.param([], True, "set as the trail's promises need them", id="as made"),
        pytest.param([UNWISE], True, f"unwise: {UNWISE}", id="unwise is no failure"),
        pytest.param([BREACH, UNWISE], False, f"{BREACH}; unwise: {UNWISE}", id="a promise broken"),
        pytest.param(BrokerRefuses("correct it"), False, "correct it", id="not let in"),
    ],
)
async def test_topics_fail_only_for_what_breaks_a_promise(
    monkeypatch: pytest.MonkeyPatch, found: list[Objection] | Exception, good: bool, text: str
) -> None:
    async def examine_topics(connection: KafkaConnection, topics: object) -> Sequence[Objection]:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(doctor, "examine_topics", examine_topics)
    assert await doctor._topics(KafkaConnection("kafka:9092")) == doctor.Finding("topics", good, text)


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        pytest.param({"blind": []}, [(True, "no usual source is silent, no dead letters are rising")], id="as usual"),
        pytest.param(
            {"blind": [{"since": "2026-03-19T12:00:00Z", "text": "no event from jumpcloud"}]},
            [(False, "since 2026-03-19 12:00:00 UTC: no event from jumpcloud")],
            id="a source silent",
        ),
        pytest.param(Denied("no token"), [(False, "no token")], id="no token"),
    ],
)
def test_each_blind_spot_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: dict[str, object] | Exception, findings: list[object]
) -> None:
    class Api:
        def __init__(self, settings: Settings) -> None:
            pass

        def get(self, path: str) -> object:
            assert path == "/api/v1/health"
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "Api", Api)
    assert [(finding.good, finding.text) for finding in doctor._blind(Settings())] == findings


@pytest.mark.parametrize(
    ("items", "text"),
    [
        pytest.param([], "0 integrations", id="none"),
        pytest.param([("slack", "healthy", None)], "1 integration", id="all well"),
        pytest.param(
            [
                ("slack", "healthy", None),
                ("statsig", "still_failing", None),
                ("miro", "silent", "2026-03-29T12:00:00Z"),
            ],
            "3 integrations; credentials refused: statsig; credentials expire within 30 days: miro"
            " (`idtrail integrations`)",
            id="somebody is needed",
        ),
    ],
)
def test_integrations_that_need_somebody_are_named_and_no_fault_of_the_trail(
    monkeypatch: pytest.MonkeyPatch, items: list[tuple[str, str, str | None]], text: str
) -> None:
    told = [
        {"application": name, "application_id": "x", "state": state, "forecast": expires and {"earliest": expires}}
        for name, state, expires in items
    ]

    class Api:
        def __init__(self, settings: Settings) -> None:
            pass

        def get(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
            assert path == "/api/v1/integrations/health"
            return {"at": "2026-03-19T12:00:00Z", "items": told}

    monkeypatch.setattr(doctor, "Api", Api)
    assert doctor._integrations(Settings()) == doctor.Finding("integrations", True, text)
