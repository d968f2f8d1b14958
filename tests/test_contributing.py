"""The map of modules in CONTRIBUTING.md names each module of `queries`, and no other."""

from __future__ import annotations

import re

from tests.cli.running import ROOT


def test_the_map_names_every_module_of_the_queries() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("## Where things are in `queries/`")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_]+)/?`", table)
    found = [
        path.stem for path in (ROOT / "queries").iterdir() if path.suffix == ".py" or path.name in ("api", "exports")
    ]
    assert sorted(named) == sorted(set(found) - {"__init__"})
