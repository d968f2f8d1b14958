"""The command `python -m pages [--check]`: generates files from the code, so that they cannot disagree with
it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pages.cause_page import cause_page
from pages.event_page import events_page
from pages.event_schemas import documents as schema_files
from pages.incident_page import incident_page
from pages.incident_picture import picture
from pages.integration_page import integration_page
from pages.metric_page import metrics_page
from pages.rule_page import rule_page
from pages.rule_schema import documents as rule_schema_files
from pages.setting_page import settings_page
from pages.transition_page import transition_page
from queries.api.app import documents as openapi_files

ROOT: Final = Path(__file__).parent.parent


PAGES: Final[dict[str, Callable[[], str]]] = {
    "docs/settings.md": settings_page,
    "docs/metrics.md": metrics_page,
    "docs/events.md": events_page,
    "docs/causes.md": cause_page,
    "docs/incidents.md": incident_page,
    "docs/incidents.svg": picture,
    "docs/integrations.md": integration_page,
    "docs/lifecycle.md": transition_page,
    "docs/rules.md": rule_page,
}
"""What makes each file."""
SETS: Final = (openapi_files, schema_files, rule_schema_files)
"""What makes several files: texts by their path from the root of the repository."""


def stale_files() -> dict[str, str]:
    """Return the files that differ from the code, with the text that they should have."""
    wanted = {path: page() for path, page in PAGES.items()}
    for files in SETS:
        wanted |= files()
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
