"""Decides which records are one event: the normal form, the fingerprint over it, and the identity.

An event reaches us by several routes (tenant API, S3 and GCS exports, SIEM shippers, webhooks), and each rewrites it a
little: keys are sorted, or sanitised for BigQuery (`@version` to `_version`), empty values become null or are omitted,
the object is wrapped. The normal form undoes the known changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import orjson

from schemas.credentials import MARK

NAMESPACE: Final = UUID("3f0b6c1e-6a53-5d0e-9d43-0c6f6a1c7c55")
"""The UUIDv5 namespace of event identities; never changes."""

WRAPPER_FIELDS: Final = frozenset({"jumpcloud_event_type", "jc_transformation_ts", "testing_event"})
"""Fields that shippers and workflow payloads add to the vendor's own."""

RENAMED_FIELDS: Final = {"jc_timestamp": "timestamp"}
"""Fields that a shipper renames to make room for its own."""

MAX_NAMES: Final = 4096
MAX_NAME: Final = 64
"""Longer keys are not cached."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_]")


class _Names(dict[str, str]):
    """Keys in the Google export's spelling; cached after the first look at each key."""

    def __missing__(self, key: str) -> str:
        name = _UNSAFE.sub("_", key)
        if len(self) < MAX_NAMES and len(key) <= MAX_NAME:  # keys come from outside
            self[key] = name
        return name


_NAMES: Final = _Names()


def normal_form(event: dict[str, Any]) -> bytes:
    """Return the canonical bytes of a decoded event: keys sanitised and sorted; null, empty and absent are the same.

    Array elements keep their place (an empty one becomes null); a whole float equals its integer.
    """
    if not RENAMED_FIELDS.keys().isdisjoint(event):
        event = {_unwrapped(key, event): value for key, value in event.items()}
    cleaned = _clean_object(event)
    for field in WRAPPER_FIELDS:
        cleaned.pop(field, None)
    try:
        return orjson.dumps(cleaned, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer beyond 64 bits, in a record that was not decoded from bytes
        return json.dumps(cleaned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _unwrapped(key: str, event: dict[str, Any]) -> str:
    new = RENAMED_FIELDS.get(key)
    return key if new is None or new in event else new


def _clean_object(value: dict[str, Any]) -> dict[str, Any]:
    cleaned: dict[str, Any] = {}
    collided: dict[str, list[Any]] | None = None
    for key, item in value.items():
        kind = type(item)
        if kind is str:
            if not item:
                continue
        elif kind is dict:
            item = _clean_object(item)
            if not item:
                continue
        elif kind is list:
            if not item:
                continue
            item = [(_clean_object(element) or None) if type(element) is dict else _clean(element) for element in item]
        elif item is None:
            continue
        elif kind is float and item.is_integer() and abs(item) < 2**53:
            item = int(item)
        name = _NAMES[key]
        if name in cleaned:
            if collided is None:
                collided = {}
            collided.setdefault(name, [cleaned[name]]).append(item)
        cleaned[name] = item
    for name, items in (collided or {}).items():
        # Keys that the sanitised export could not distinguish: keep all their values, in an order independent of the
        # text's, so that none can hide behind another.
        cleaned[name] = {"_": sorted(items, key=_order)}
    return cleaned


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _clean(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return _clean_object(value) or None
    if kind is list:
        return [_clean(element) for element in value] or None
    if kind is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return None if value == "" else value


def fingerprint(normal: bytes) -> bytes:
    """Return 128 bits of BLAKE2b over the normal form."""
    return hashlib.blake2b(normal, digest_size=16).digest()


def event_id(organization: str, own_id: object, normal: bytes) -> UUID:
    """Return the identity: UUIDv5 over organization and the event's own id, or without one over the normal form."""
    if own_id is None or own_id == "":
        name = organization.encode() + b"\0\0" + normal
    else:
        # With NULs replaced, no id can contain the separators.
        name = "\0".join((organization, str(own_id).replace("\0", "\0\1"))).encode()
    digest = hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


class Relation(StrEnum):
    """How two records of one identity stand to each other."""

    SAME = "same"
    PARTIAL = "partial"
    CONFLICT = "conflict"


def relation(left: dict[str, Any], right: dict[str, Any]) -> Relation:
    """Compare two decoded records of one identity, ignoring what was cut out of either.

    `PARTIAL`: the leaves of one are a subset of the other's, as in webhook forms: no contradiction. `CONFLICT`: a leaf
    differs, or each has one that the other lacks.
    """
    first, second = dict(_leaves(normal_form(left))), dict(_leaves(normal_form(right)))
    for path in first.keys() & second.keys():
        if _hides(first[path], second[path]) or _hides(second[path], first[path]):
            del first[path], second[path]
    if first == second:
        return Relation.SAME
    subset = first.items() <= second.items() or second.items() <= first.items()
    return Relation.PARTIAL if subset else Relation.CONFLICT


def _hides(cut: str, whole: str) -> bool:
    """Whether one leaf can be the other with secrets cut out, as another release would cut them."""
    first, *others = cut.split(MARK)
    if not others or cut == f'"{MARK}"':  # the whole value was cut, and may have been a number
        return bool(others)
    *between, last = others
    at = len(first)
    for piece in between:
        found = whole.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return whole.startswith(first) and whole.endswith(last) and at + len(last) <= len(whole)


def _leaves(normal: bytes) -> Iterator[tuple[str, str]]:
    stack: list[tuple[str, Any]] = [("", json.loads(normal))]
    while stack:
        path, value = stack.pop()
        if isinstance(value, dict):
            stack.extend((f"{path}.{key}", item) for key, item in value.items())
        elif isinstance(value, list):
            stack.extend((f"{path}[{index}]", item) for index, item in enumerate(value))
        else:
            yield path, json.dumps(value)
