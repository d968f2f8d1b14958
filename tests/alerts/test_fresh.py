"""What the worker says of rules that ask too much, and of expressions that cannot be asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.alerts import Detected
from schemas.metrics import ALERTS_SHED, EXPRESSION_ERRORS
from streams.alerts.fresh import AlertDetection
from streams.alerts.index import Rules
from tests.alerts.test_live import Entries, rule, seen


class _Table(Entries):
    sent: Sequence[Any] = ()


async def _nobody(told: Sequence[Detected]) -> None:
    pass


def detection(rules: Rules) -> AlertDetection:
    made = AlertDetection(rules, horizon=timedelta(hours=24), publish=_nobody)
    app = SimpleNamespace(Table=lambda *_, **__: _Table(), consumer=SimpleNamespace(assignment=tuple))
    made.attach(app, 1, "idtrail.provisioning")
    return made


async def test_a_rule_of_too_many_groups_is_named_once_a_minute_while_events_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.alerts.live.MOST_GROUPS", 2)
    monkeypatch.setattr("streams.alerts.fresh.FORGET_SECONDS", 0.0)
    monkeypatch.setattr("streams.alerts.fresh.seen_of", lambda forwarded: forwarded)
    part = detection(Rules([rule("each", kind="match", group_by=["subject_id"])]))
    with capture_logs() as logs:
        for number in range(5):
            part.take(0, number, seen(0, number, "failure", f"p{number}"))  # type: ignore[arg-type]  # as it is seen
        await part.flush()
        await part.flush()
    [line] = logs
    assert (line["log_level"], line["rule"], line["events"]) == ("warning", "each", 3)
    assert "too many groups" in line["event"]
    assert ALERTS_SHED._value.get() == 3


async def test_what_an_expression_could_not_be_asked_of_is_counted_by_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.alerts.fresh.FORGET_SECONDS", 0.0)
    monkeypatch.setattr("streams.alerts.fresh.seen_of", lambda forwarded: forwarded)
    where = {"outcome": ["failure"], "where": "event.client_ip == 'x'"}
    part = detection(Rules([rule("asks", kind="match", group_by=[], match=where)]))
    part.take(0, 0, seen(0, 1, "failure"))  # type: ignore[arg-type]  # as it is seen
    await part.flush()
    assert EXPRESSION_ERRORS.labels("asks")._value.get() == 1
