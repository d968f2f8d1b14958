"""The modules are where CONTRIBUTING.md says, and each says what it is for."""

from __future__ import annotations

import ast
import re

from tests.cli.running import ROOT

PACKAGES = ("schemas", "broker", "producers", "streams", "queries", "idtrail", "pages")


def test_the_map_names_every_module_and_package_of_the_queries() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.partition("## Where things are in `queries/`")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    named = re.findall(r"`([a-z_]+/?)`", "\n".join(table))
    queries = ROOT / "queries"
    modules = {path.stem for path in queries.glob("*.py")} - {"__init__"}
    packages = {f"{path.parent.name}/" for path in queries.glob("*/__init__.py")} - {"migrations/"}
    assert sorted(named) == sorted(modules | packages)


def test_every_module_says_what_it_is_for() -> None:
    """An empty file is probably one that was left behind."""
    found = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert found
    assert [path for path in found if ast.get_docstring(ast.parse(path.read_text())) is None] == []
