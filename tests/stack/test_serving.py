"""What is looked at before anything of the trail is started."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from idtrail.connections import sink_options, usable_rules
from idtrail.serving import embedded, first_token, run_api, run_worker
from idtrail.settings import Settings
from queries.store import Store
from schemas.errors import BadUsage
from schemas.kafka import KafkaConnection
from streams.worker import make_app
from tests.alerts.test_loading import GOOD
from tests.delivery.log import HOOK


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("rules_dir", r"some-rule\.yaml:3: severity: input should be", id="rules"),
        pytest.param("destinations_file", "this is not valid TOML", id="destinations"),
    ],
)
async def test_nothing_is_started_for_a_worker_that_could_not_run(tmp_path: Path, name: str, says: str) -> None:
    file = tmp_path / "rules" / "some-rule.yaml"
    file.parent.mkdir()
    file.write_text(GOOD.replace("low", "urgent"))
    said: list[str] = []
    settings = Settings(
        state_dir=tmp_path / "state",
        rules_dir=file.parent if name == "rules_dir" else None,
        destinations_file=file if name == "destinations_file" else None,
    )
    with pytest.raises(BadUsage, match=says):
        async with embedded(settings, said.append):
            pass
    assert said == []
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("role", [pytest.param(run_worker, id="worker"), pytest.param(run_api, id="api")])
@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        pytest.param("127.0.0.1:1", "no ClickHouse is set: set IDTRAIL_CLICKHOUSE_URL", id="no ClickHouse"),
        pytest.param("", "no Kafka is set: set IDTRAIL_KAFKA_BOOTSTRAP", id="no Kafka"),
    ],
)
async def test_a_role_never_stores_what_an_outside_kafka_holds_in_a_store_of_its_own(
    tmp_path: Path, role: Callable[[Settings], Awaitable[None]], kafka: str, says: str
) -> None:
    with pytest.raises(BadUsage, match=says):
        await role(Settings(state_dir=tmp_path / "state", kafka_bootstrap=kafka))
    assert not (tmp_path / "state").exists()


@pytest.mark.store
@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"", id="empty"),
        pytest.param(b"idt_of-another-store", id="unknown"),
    ],
)
def test_a_file_that_holds_no_token_gets_a_new_one(tmp_path: Path, store: Store, kept: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(kept)
    settings = Settings(state_dir=tmp_path)
    token = first_token(settings, store)
    assert file.read_text() == f"{token}\n"
    assert first_token(settings, store) == token


@pytest.mark.parametrize(
    ("kafka", "seconds"), [pytest.param("", 30, id="embedded"), pytest.param("kafka:9092", 6, id="of several")]
)
def test_a_worker_that_nobody_waits_for_may_be_silent_for_longer(tmp_path: Path, kafka: str, seconds: int) -> None:
    options = sink_options(Settings(kafka_bootstrap=kafka))
    app = make_app(KafkaConnection("127.0.0.1:1"), "session-test", tmp_path, options.session)
    assert options.session.total_seconds() == app.conf.broker_session_timeout == seconds
    assert app.conf.broker_heartbeat_interval == 0.5


def test_a_worker_whose_rule_names_an_unknown_destination_starts_and_warns(tmp_path: Path) -> None:
    (tmp_path / "some-rule.yaml").write_text(GOOD + "destinations: [hok]\n")
    file = tmp_path / "destinations.toml"
    file.write_text(f"[hook]\n{HOOK}")
    with capture_logs() as logged:
        assert "some-rule" in usable_rules(Settings(rules_dir=tmp_path, destinations_file=file))
    assert [(line["log_level"], line["event"]) for line in logged] == [
        ("warning", f"the rule some-rule names the destination 'hok', which is not in {file}; did you mean hook?")
    ]
