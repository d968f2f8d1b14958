"""The formats of an export."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """A format."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"
    OCSF_1_8 = "ocsf-1.8"
    """For events; people as Account Change."""
    OCSF_1_9 = "ocsf-1.9"
    """For events; people as User Management."""

    @property
    def suffix(self) -> str:
        """The file's suffix."""
        return "ndjson" if self.ocsf_version else self.value

    @property
    def ocsf_version(self) -> str:
        """The version of the OCSF formats, which only events have; else empty."""
        return f"{self.removeprefix('ocsf-')}.0" if self.startswith("ocsf-") else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What readers of the file must know."""
        if self.ocsf_version:
            return (f"Events in OCSF {self.ocsf_version}; what it has no field for is under `unmapped`.",)
        return _NOTES.get(self, ())


_NOTES: Final = {
    Format.CSV: (
        "A cell that begins with = + - @, a tab or a line end has an apostrophe before it: spreadsheets would run it "
        "as a formula. Lists are joined by '; '.",
    ),
}
