"""Generates the table of settings in `docs/settings.md` from the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from idtrail.settings import Settings

_INTRODUCTION: Final = """# Settings

Set by environment variable, or in `idtrail.toml` of the working directory by the name in lower case without
`IDTRAIL_`; the environment wins. A wrong value stops the start with an error that names the setting and what it must
be. An unknown name in either place does too, and the error suggests the closest setting. (On Kubernetes, services named
`idtrail…` put such names into every pod: set `enableServiceLinks: false`.) `idtrail doctor` checks that the files and
servers that the values refer to exist.

This page is generated from `idtrail/settings.py` (`make generate`).

| variable | default | what it does |
|---|---|---|
"""


def settings_page() -> str:
    """Return the whole page."""
    rows = [
        f"| `IDTRAIL_{name.upper()}` | {_default(field)} | {field.description}{_bounds(field)} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _INTRODUCTION + "".join(rows)


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        value = str(value).lower()
    if isinstance(value, Path):
        value = str(value)
    return f"`{value}`" if value != "" else "empty"


def _bounds(field: FieldInfo) -> str:
    least = next((bound.ge for bound in field.metadata if hasattr(bound, "ge")), None)
    most = next((bound.le for bound in field.metadata if hasattr(bound, "le")), None)
    if least is None:
        return ""
    return f" At least {least}." if most is None else f" From {least} to {most}."
