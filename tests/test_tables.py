"""A table that maps the members of an enum has an entry for each: whoever adds one is told here."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from idtrail.cli import alert_screens
from idtrail.cli.commands import export
from queries.exports import form, formats
from queries.findings import listing as findings
from queries.findings import mass_changes
from queries.findings.finding import MASS, Kind
from schemas import alerts, cause
from streams.alerts import kinds, rule


@pytest.mark.parametrize(
    ("table", "members"),
    [
        pytest.param(formats._ENCODERS, form.Format, id="encoders of exports"),
        pytest.param(export._TAKES, export.What, id="filters of exports"),
        pytest.param(cause.CAUSES, cause.Cause, id="what is known of causes"),
        pytest.param(alerts.MEANT_FOR, alerts.Act, id="states for acts on alerts"),
        pytest.param(alert_screens.DONE, alerts.Act, id="words for acts on alerts"),
        pytest.param(alert_screens.STATES, alerts.State, id="states of alerts"),
        pytest.param(kinds._MACHINES, rule.RuleKind, id="machines of rules"),
        pytest.param(set().union(*findings._READERS), Kind, id="readers of findings"),
        pytest.param(mass_changes._DID, MASS, id="words for mass changes"),
    ],
)
def test_every_member_has_its_entry(table: Collection[Any], members: Collection[Any]) -> None:
    assert set(table) == set(members)
