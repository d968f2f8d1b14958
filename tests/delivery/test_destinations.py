"""The file of destinations: what is wrong is said with table and field, and secrets are never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import BadUsage
from streams.alerts.delivery.destinations import load_destinations, read_destinations
from tests.cli.running import ROOT
from tests.delivery.log import HOOK, SECRET

GOOD = f"""
[security]
url = "slack://T0K3N/T0K3N/T0K3N"
severities = ["high", "critical"]
rules = ["mass-deletion"]
quiet_hours = {{begin = 22:00:00, end = "06:30", zone = "Europe/Vienna"}}
per_hour = 10

[siem]
{HOOK}"""


def test_a_file_of_destinations(tmp_path: Path) -> None:
    file = tmp_path / "destinations.toml"
    file.write_text(GOOD)
    found = load_destinations(file)
    assert [(one.name, one.scheme, one.is_webhook, one.per_hour) for one in found] == [
        ("security", "slack", False, 10),
        ("siem", "webhook+https", True, None),
    ]
    hours = found["security"].quiet_hours
    assert hours is not None
    assert (hours.begin.hour, hours.end.minute, hours.zone.key) == (22, 30, "Europe/Vienna")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "it names no destination", id="empty"),
        pytest.param('[one]\nurl = "T0K3N', "this is not valid TOML (at ", id="no TOML"),
        pytest.param('url = "T0K3N"', "url: must be a table", id="no table"),
        pytest.param("[one]", "one.url: field required", id="no URL"),
        pytest.param('[one]\nurl = "T0K3N"', "one.url: is not a URL", id="a URL that is none"),
        pytest.param("[One]\n" + HOOK, "One: a destination's name must be 1", id="a name"),
        pytest.param('[one]\nurl = "webhook+https://h/T0K3N"', "one: `secret` is for webhooks", id="no secret"),
        pytest.param(f'[one]\nurl = "json://h"\nsecret = "{SECRET}"', "one: `secret` is for", id="a secret too many"),
        pytest.param("[one]\n" + HOOK.replace("whsec_", "whsec_T0K3N!"), "one.secret: must be whsec_", id="no base64"),
        pytest.param('[one]\nurl = "webhook+https://h"\nsecret = "whsec_T0K3"', "one.secret: must be", id="too short"),
        pytest.param(f'[one]\n{HOOK}severities = ["urgent"]', "one.severities: input should be", id="severity"),
        pytest.param(f"[one]\n{HOOK}per_hour = 0", "one.per_hour: input should be greater", id="a limit"),
        pytest.param(f"[one]\n{HOOK}organizations = []", "one.organizations: frozenset should", id="nobody's"),
        pytest.param(f"[one]\n{HOOK}limit = 3", "one.limit: there is no such field; expected one of:", id="a field"),
        pytest.param(
            f'[one]\n{HOOK}quiet_hours = {{begin = "22:00", end = "06:00", zone = "Vienna"}}',
            "one.quiet_hours.zone: is not a time zone", id="a zone",
        ),
        pytest.param(
            f'[one]\n{HOOK}quiet_hours = {{begin = "22:00", end = "22:00", zone = "UTC"}}',
            "one.quiet_hours: `begin` and `end` are two", id="no hours",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_secrets_are_not(text: str, said: str) -> None:
    with pytest.raises(BadUsage) as told:
        read_destinations(text, "destinations.toml")
    assert str(told.value).startswith(f"destinations.toml: {said}")
    assert "T0K3N" not in str(told.value)
    assert "MfKQ9r8" not in str(told.value)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadUsage) as told:
        read_destinations(f"[one]\n{HOOK}per_hour = 0\nlimit = 1\n[two]", "f")
    assert [line.split(":")[1] for line in str(told.value).splitlines()] == [" one.per_hour", " one.limit", " two.url"]


def test_a_file_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match=r"IDTRAIL_DESTINATIONS_FILE: .*none.toml cannot be read: No such file"):
        load_destinations(tmp_path / "none.toml")


def test_the_guide_s_example_can_be_used() -> None:
    text = (ROOT / "docs" / "deliveries.md").read_text().split("```toml\n")[1].split("```")[0]
    found = read_destinations(text.replace("whsec_…", SECRET), "f")
    assert [one.name for one in found] == ["security", "night", "siem"]


def test_no_representation_shows_a_secret() -> None:
    found = read_destinations(GOOD, "f")
    for one in found:
        shown = f"{one!r} {one} {one.model_dump()} {one.model_dump_json()}"
        assert "T0K3N" not in shown
        assert "MfKQ9r8" not in shown
