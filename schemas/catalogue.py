"""The known fields and the JSON types that each may have: fields that the models read, and fields that are only
kept."""

from __future__ import annotations

from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo

from schemas.events import DirectoryInsightsEvent
from schemas.misfits import json_type
from schemas.parts import Application, InitiatedBy, Resource

Types = frozenset[str]

ANY: Final[Types] = frozenset(("string", "number", "boolean", "object", "array"))
"""Null is the absence of a value, not a type."""

_STRING: Final[Types] = frozenset(("string",))
_OBJECT: Final[Types] = frozenset(("object",))
_BOOLEAN: Final[Types] = frozenset(("boolean",))

BESIDE: Final[dict[type[BaseModel], dict[str, Types]]] = {
    DirectoryInsightsEvent: {
        **dict.fromkeys(("server_timestamp", "timestamp_source"), _STRING),
        **dict.fromkeys(
            ("geoip", "useragent", "user_agent", "association", "auth_context", "mfa_meta", "system", "system_group",
             "target_resource"), _OBJECT,
        ),
        "mfa": _BOOLEAN,
        # What shippers add, and the vendor's own workflows.
        **dict.fromkeys(("error_chain", "jumpcloud_event_type", "jc_transformation_ts", "testing_event"), ANY),
    },
    InitiatedBy: {
        "user_id": _STRING, "administrator": _BOOLEAN, "provider": _STRING, "source_metadata": _OBJECT,
    },
    Resource: {"recipient_email": _STRING, "email_type": _STRING},
    Application: {"sso_type": _STRING, "sso_url": _STRING},
}  # fmt: skip
"""Fields that are documented or have been seen, but are never read; their contents are not checked."""

_WRITTEN_AS: Final[dict[str, Types]] = {"timestamp": _STRING, "jc_timestamp": _STRING}
"""Fields that the models accept in any form, and the vendor writes in one."""


class Known(NamedTuple):
    """A field of a model, under one of its names in JSON."""

    types: Types
    attribute: str
    inner: type[BaseModel] | None
    """The model of the object, or of the array's elements."""


@lru_cache
def fields_of(model: type[BaseModel]) -> dict[str, Known]:
    """Return the fields that a model reads, by all of their names."""
    found = {}
    for attribute, field in model.model_fields.items():
        types, inner = _types(field.annotation)
        for name in _names(attribute, field):
            found[name] = Known(_WRITTEN_AS.get(name, types), attribute, inner)
    return found


@lru_cache
def parts_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the fields of a model that hold objects or arrays of them: JSON name to attribute."""
    return {name: known.attribute for name, known in fields_of(model).items() if known.inner}


@lru_cache
def beside(model: type[BaseModel]) -> dict[str, Types]:
    """Return the fields of a model that are known but not read, plus those it reads, because a record may have both
    spellings."""
    kept = {name: types for base in model.__mro__ for name, types in BESIDE.get(base, {}).items()}
    return kept | {name: known.types for name, known in fields_of(model).items()}


def _names(attribute: str, field: FieldInfo) -> list[str]:
    alias = field.validation_alias
    names = [str(choice) for choice in alias.choices] if isinstance(alias, AliasChoices) else [alias]
    return [attribute, *(name for name in names if isinstance(name, str))]


def _types(annotation: Any) -> tuple[Types, type[BaseModel] | None]:
    origin = get_origin(annotation)
    if annotation is Any:
        return ANY, None
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        branches = [_types(branch) for branch in get_args(annotation) if branch is not NoneType]
        return frozenset().union(*(types for types, _ in branches)), next((m for _, m in branches if m), None)
    if origin is list:
        return frozenset(("array",)), _types(get_args(annotation)[0])[1]
    if origin is Literal:
        return frozenset(json_type(value) for value in get_args(annotation)), None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _OBJECT, annotation
    return frozenset((json_type(annotation()),)), None


def types_at(model: type[BaseModel], path: str) -> Types:
    """Return the JSON types allowed at a path such as `changes[].field`; any type where nothing is known of it."""
    here: type[BaseModel] | None = model
    types = ANY
    for step in path.split("."):
        known = fields_of(here).get(step.removesuffix("[]")) if here is not None else None
        if known is None:
            return ANY
        types, here = (_OBJECT if step.endswith("[]") and known.inner else known.types), known.inner
    return types
