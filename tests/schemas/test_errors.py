"""The drawing of the errors holds every one of them."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

from schemas import errors

ROOT = Path(__file__).parents[2]
PACKAGES = ("schemas", "producers", "streams", "queries", "idtrail", "broker")
OUTSIDE = {"Unreachable", "Refused"}
"""Raised and caught within one package."""


def classes() -> Iterator[tuple[str, set[str]]]:
    """Every class with the names of its bases."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.ClassDef):
                    yield node.name, {base.id for base in node.bases if isinstance(base, ast.Name)}


def test_every_error_is_drawn_and_nothing_else() -> None:
    found, ours = list(classes()), {"IdtrailError"}
    while more := {name for name, bases in found if bases & ours} - ours:
        ours |= more
    assert errors.__doc__
    drawn = re.findall(r"^ [ │├└─]*([A-Z]\w+)(?: |$)", errors.__doc__, re.M)
    assert sorted(drawn) == sorted(ours)
    foreign = {
        name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
    }
    assert {name for name, bases in found if bases & foreign} == {"IdtrailError", *OUTSIDE}
    assert all(name in errors.__doc__ for name in OUTSIDE)
