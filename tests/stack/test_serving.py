"""What is looked at before anything of the trail is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from idtrail.serving import embedded
from idtrail.settings import Settings
from schemas.errors import BadUsage
from tests.alerts.test_loading import GOOD


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("rules_dir", r"some-rule\.yaml:3: severity: input should be", id="rules"),
        pytest.param("destinations_file", "this is no TOML", id="destinations"),
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
