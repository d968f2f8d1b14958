"""The command `python -m idtrail.generate [--check]`: generates files from the code, so that they cannot disagree with
it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from idtrail.cause_page import cause_page
from idtrail.documentation import settings_page
from idtrail.incident_page import incident_page
from idtrail.incident_picture import picture
from idtrail.integration_page import integration_page
from idtrail.measuring import metrics_page
from idtrail.rule_page import rule_page
from idtrail.transition_page import transition_page
from queries.api.app import documents as openapi_files
from schemas.documentation import documents as event_pages
from schemas.json_schema import documents as schema_files
from streams.alerts.json_schema import documents as rule_schema_files

ROOT: Final = Path(__file__).parent.parent


def _settings_files() -> dict[str, str]:
    return {"docs/settings.md": settings_page()}


def _cause_files() -> dict[str, str]:
    return {"docs/causes.md": cause_page()}


def _metrics_files() -> dict[str, str]:
    return {"docs/metrics.md": metrics_page()}


def _incident_files() -> dict[str, str]:
    return {"docs/incidents.md": incident_page(), "docs/incidents.svg": picture()}


def _integration_files() -> dict[str, str]:
    return {"docs/integrations.md": integration_page()}


def _lifecycle_files() -> dict[str, str]:
    return {"docs/lifecycle.md": transition_page()}


def _rule_files() -> dict[str, str]:
    return {"docs/rules.md": rule_page()}


GENERATORS: Final[tuple[Callable[[], dict[str, str]], ...]] = (
    _settings_files,
    _metrics_files,
    openapi_files,
    schema_files,
    rule_schema_files,
    event_pages,
    _cause_files,
    _incident_files,
    _integration_files,
    _lifecycle_files,
    _rule_files,
)
"""The generators; each returns texts by their path from the root of the repository."""


def stale_files() -> dict[str, str]:
    """Return the files that differ from the code, with the text that they should have."""
    wanted = {path: text for generate in GENERATORS for path, text in generate().items()}
    return {path: text for path, text in wanted.items() if _present(ROOT / path) != text}


def _present(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def main(arguments: list[str]) -> int:
    """Write or check the files. Returns 0 if they agree with the code, now or after writing."""
    stale = stale_files()
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path} is not what the code says: run `make generate`\n")
        else:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text)
            sys.stderr.write(f"{path} written\n")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
