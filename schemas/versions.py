"""Versions of the event schema, and the conversion of an older record to the current version.

The log's bytes never change: a record is upcast when it is read. `ce_dataschema` names the version of what we emit
ourselves; the vendor's records name none and are read as they are. Other spellings of one version
(`integration_activate`, `_version`, `jc_timestamp`) are not versions: the models know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from schemas.errors import MalformedRecord

Record = dict[str, Any]
Upcaster = Callable[[Mapping[str, Any]], Record]
"""A pure function from a record of one version to the same record of the next; it does not change its argument."""

UPCASTERS: Final[tuple[Upcaster, ...]] = ()
"""The first converts version 1 to 2, and so on: each new version adds one. So far there is one version."""

CURRENT: Final = len(UPCASTERS) + 1

DATASCHEMA: Final = "urn:idtrail:event:[^:]{1,256}:([1-9][0-9]{0,3})"
_DATASCHEMA: Final = re.compile(DATASCHEMA)


def dataschema(event_type: str, version: int = CURRENT) -> str:
    """Return the `ce_dataschema` of a record, which is also the `$id` of that JSON Schema."""
    return f"urn:idtrail:event:{event_type}:{version}"


def version_in(text: str) -> int:
    """Return the version in a `ce_dataschema`. Raises `MalformedRecord` for a text that is not ours."""
    match = _DATASCHEMA.fullmatch(text)
    if match is None:
        raise MalformedRecord("unreadable ce_dataschema", reason="bad_headers")
    return int(match[1])


def is_older(version: int | None, upcasters: Sequence[Upcaster] = UPCASTERS) -> bool:
    """Whether a record of `version` must be upcast. One of a later version is read as it is: fields are only added."""
    return version is not None and version <= len(upcasters)


def upcast(record: Record, version: int | None, upcasters: Sequence[Upcaster] = UPCASTERS) -> Record:
    """Convert `record`, of `version`, to the current version."""
    for step in upcasters[version - 1 :] if version is not None else ():
        record = step(record)
    return record
