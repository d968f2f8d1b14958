"""The table of settings in `docs/settings.md`, from the model itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from idtrail.settings import Settings

_INTRODUCTION: Final = """# Settings

Set by environment variable, or by the name in lower case without `IDTRAIL_` in `idtrail.toml` of the working
directory; the environment wins. A wrong value is refused at the start, with its name and what it must be; so is a name
that is no setting's, in either place, with the one that is nearest. (On Kubernetes, services named `idtrail…` put such
names into every pod: set `enableServiceLinks: false`.) `idtrail doctor` checks that
what the values refer to exists.

This page is generated from `idtrail/settings.py` (`make generate`).

| variable | default | what it does |
|---|---|---|
"""


def settings_page() -> str:
    """The whole page."""
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
