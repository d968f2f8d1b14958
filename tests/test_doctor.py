"""What the doctor says of topics and of what the trail may be missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from idtrail import doctor
from idtrail.settings import Settings
from idtrail.stack.lock import Running
from idtrail.stack.topic_rules import Objection
from schemas.errors import BrokerAway, BrokerRefuses, Denied
from schemas.kafka import KafkaConnection
from tests.alerts.test_loading import GOOD
from tests.delivery.log import HOOK

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
    assert await doctor._topics(KafkaConnection("kafka:9092")) == doctor.Check("topics", good, text)


@pytest.mark.parametrize(
    ("running", "mend"),
    [
        pytest.param(None, "check IDTRAIL_KAFKA_BOOTSTRAP and that a worker made the topics", id="one's own"),
        pytest.param(
            Running(4711, "127.0.0.1:9", ""),
            "it is a child of process 4711: if it stays so, stop that one and start it again",
            id="the embedded one",
        ),
    ],
)
async def test_a_broker_that_is_away_is_told_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch, running: Running | None, mend: str
) -> None:
    async def read_lag(*of: object) -> Sequence[object]:
        raise BrokerAway("Kafka does not answer")

    monkeypatch.setattr(doctor, "read_lag", read_lag)
    found = await doctor._broker(KafkaConnection("127.0.0.1:9"), doctor._mend_broker(running))
    assert found == doctor.Check("broker", False, f"Kafka does not answer: {mend}")


@pytest.mark.parametrize(
    ("rules", "destinations", "good", "texts"),
    [
        pytest.param("", "", [True, False], ["alert rules, 0 of them in ", "it names no destination"], id="empty"),
        pytest.param(
            GOOD,
            HOOK,
            [True, True],
            ["alert rules, 1 of them in ", "1 destination (`idtrail destinations check`)"],
            id="usable",
        ),
        pytest.param(
            GOOD + "destinations: [hok]\n",
            HOOK,
            [True, False],
            ["alert rules, 1 of them in ", "the rule some-rule names the destination 'hok', which is not in"],
            id="a misspelt destination",
        ),
        pytest.param(
            GOOD.replace("low", "urgent"),
            HOOK,
            [False, True],
            ["some-rule.yaml:3: severity: input should be 'low'", "1 destination (`idtrail destinations check`)"],
            id="a wrong rule",
        ),
        pytest.param(
            GOOD.replace("low", "urgent"),
            "[one]",
            [False, False],
            ["some-rule.yaml:3: severity: input should be 'low'", "one.url: field required"],
            id="wrong",
        ),
    ],
)
async def test_rules_and_destinations_that_a_worker_would_not_start_with_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rules: str, destinations: str, good: list[bool], texts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    if rules:
        (tmp_path / "rules" / "some-rule.yaml").write_text(rules)
    (tmp_path / "destinations.toml").write_text(f"[hook]\n{destinations}" if destinations == HOOK else destinations)
    settings = Settings(
        state_dir=tmp_path, rules_dir=tmp_path / "rules", destinations_file=tmp_path / "destinations.toml"
    )
    found = {finding.name: finding async for finding in doctor.examine(settings)}
    assert [found[name].good for name in ("rules", "destinations")] == good
    assert texts[0] in found["rules"].text
    assert texts[1] in found["destinations"].text


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        pytest.param(
            {"blind": []},
            [(True, "no usual source is silent, no dead letters are rising, no log was cut")],
            id="as usual",
        ),
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
    assert doctor._integrations(Settings()) == doctor.Check("integrations", True, text)
