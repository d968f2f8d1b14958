"""The modules are where CONTRIBUTING.md says, and each says what it is for."""

from __future__ import annotations

import ast
import re

from tests.cli.running import ROOT

PACKAGES = ("schemas", "broker", "producers", "streams", "queries", "idtrail", "pages")


def test_the_map_names_every_module_of_the_queries() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    table = text.partition("## Where things are in `queries/`")[2].partition("\n## ")[0]
    named = re.findall(r"`([a-z_]+)/?`", table)
    found = [
        path.stem for path in (ROOT / "queries").iterdir() if path.suffix == ".py" or path.name in ("api", "exports")
    ]
    assert sorted(named) == sorted(set(found) - {"__init__"})


def test_every_module_says_what_it_is_for() -> None:
    """An empty file is probably one that was left behind."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert found
    assert [path for path in found if ast.get_docstring(ast.parse(path.read_text())) is None] == []
