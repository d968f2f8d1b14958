"""Versions of the event schema, and how a record of an older one reads as if it were of today.

The log's bytes never change: a record is upcast when it is read. `ce_dataschema` names the version of what
we emit ourselves; the vendor's records name none and are read as they are. Other spellings of one version
(`integration_activate`, `_version`, `jc_timestamp`) are no versions: the models know them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from schemas.errors import MalformedRecord

Record = dict[str, Any]
Upcaster = Callable[[Mapping[str, Any]], Record]
"""A pure function from a record of one version to the same record of the next; it leaves its argument alone."""

UPCASTERS: Final[tuple[Upcaster, ...]] = ()
"""The first leads from version 1 to 2, and so on: one is added whenever a version is. There is one version yet."""

CURRENT: Final = len(UPCASTERS) + 1

DATASCHEMA: Final = "urn:idtrail:event:[^:]{1,256}:([1-9][0-9]{0,3})"
_DATASCHEMA: Final = re.compile(DATASCHEMA)


def dataschema(event_type: str, version: int = CURRENT) -> str:
    """What `ce_dataschema` says of a record; also the `$id` of that JSON Schema."""
    return f"urn:idtrail:event:{event_type}:{version}"


def version_in(text: str) -> int:
    """The version that a `ce_dataschema` names. Raises `MalformedRecord` for a text that is not of our making."""
    match = _DATASCHEMA.fullmatch(text)
    if match is None:
        raise MalformedRecord("unreadable ce_dataschema", reason="bad_headers")
    return int(match[1])


def is_older(version: int | None, upcasters: Sequence[Upcaster] = UPCASTERS) -> bool:
    """Whether a record of `version` must be upcast. One of a later version is read as it is: fields are only added."""
    return version is not None and version <= len(upcasters)


def upcast(record: Record, version: int | None, upcasters: Sequence[Upcaster] = UPCASTERS) -> Record:
    """`record`, of `version`, in the current one."""
    for step in upcasters[version - 1 :] if version is not None else ():
        record = step(record)
    return record
