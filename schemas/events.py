"""The language of the trail: one class for each of the twelve provisioning events, and one for the rest.

Envelope fields follow the vendor's Directory Insights API document; what the twelve carry in them is
documented by name only (no public sample of them exists), so every field but `event_type` is optional,
unknown fields are kept, and a field of an unexpected shape is set aside instead of refusing the event:
it is named in `set_aside`, and its bytes stay in the record.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from schemas.jsontext import decode_object


class Kind(StrEnum):
    """What an event is about."""

    INTEGRATION = "integration"
    USER = "user"
    GROUP = "group"
    OTHER = "other"


Integer = Annotated[int, Field(ge=-(2**63), lt=2**64)]
"""What one JSON reader takes for an integer and another for a float is neither here."""


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="allow", populate_by_name=True, ser_json_inf_nan="constants")


class InitiatedBy(_Lenient):
    """Who or what caused the event: an administrator, a user, or a service."""

    id: str | None = None
    type: str | None = None
    email: str | None = None
    username: str | None = None
    source: str | None = None


class Resource(_Lenient):
    """What the event is about, in the directory's own terms."""

    id: str | None = None
    type: str | None = None
    username: str | None = None
    email: str | None = None
    name: str | None = None
    display_name: str | None = Field(None, alias="displayName")


class Application(_Lenient):
    """The application that is provisioned into."""

    id: str | None = None
    name: str | None = None
    display_label: str | None = None


class MessageChain(_Lenient):
    """The provider's answer, as far as the directory passes it on."""

    response_code: str | Integer | None = None
    response_message: str | None = None
    message_details: Any = None


class Change(_Lenient):
    """One attribute that was set or changed; `from` and `to` are of any JSON type."""

    field: str | None = None
    from_: Any = Field(None, alias="from")
    to: Any = None


class Correlation(_Lenient):
    """What the event belongs to, such as a user import."""

    id: str | None = None
    type: str | None = None


class DirectoryInsightsEvent(_Lenient):
    """The envelope common to all Directory Insights events. Only `timestamp` is guaranteed by the vendor."""

    canonical: ClassVar[str] = ""
    """The event type's own name, whichever alias the record uses; empty for other types."""
    kind: ClassVar[Kind] = Kind.OTHER
    action: ClassVar[str] = ""
    set_aside: ClassVar[tuple[str, ...]] = ()
    """Names of the fields whose shape was not the expected one; an odd event has its own."""

    id: str | Integer | None = None
    timestamp: Any = Field(None, validation_alias=AliasChoices("timestamp", "jc_timestamp"))
    service: str | None = None
    organization: str | None = None
    version: str | Integer | None = Field(
        None, validation_alias=AliasChoices("@version", "_version"), serialization_alias="@version"
    )
    initiated_by: InitiatedBy | None = None
    client_ip: str | None = None
    auth_method: str | None = None
    success: bool | None = None
    provider: str | None = None
    error_message: str | None = None
    resource: Resource | None = None
    application: Application | None = None
    idm_client_id: str | None = None
    message_chain: MessageChain | None = None
    correlation: Correlation | None = None
    changes: list[Change] | None = None


class IdmIntegrationActivate(DirectoryInsightsEvent):
    """An administrator attempted to activate an application's SCIM integration."""

    event_type: Literal["idm_integration_activate", "integration_activate"] = "idm_integration_activate"
    canonical = "idm_integration_activate"
    kind = Kind.INTEGRATION
    action = "activate"


class IdmIntegrationUpdate(DirectoryInsightsEvent):
    """An administrator attempted to update an active integration."""

    event_type: Literal["idm_integration_update"] = "idm_integration_update"
    canonical = "idm_integration_update"
    kind = Kind.INTEGRATION
    action = "update"


class IdmIntegrationReauth(DirectoryInsightsEvent):
    """An administrator attempted to change an integration's credentials."""

    event_type: Literal["idm_integration_reauth"] = "idm_integration_reauth"
    canonical = "idm_integration_reauth"
    kind = Kind.INTEGRATION
    action = "reauth"


class IdmIntegrationDelete(DirectoryInsightsEvent):
    """An administrator attempted to deactivate an activated integration."""

    event_type: Literal["idm_integration_delete", "integration_deactivate"] = "idm_integration_delete"
    canonical = "idm_integration_delete"
    kind = Kind.INTEGRATION
    action = "delete"


class UserCreateProvision(DirectoryInsightsEvent):
    """The directory tried to create an account in the application."""

    event_type: Literal["user_create_provision"] = "user_create_provision"
    canonical = "user_create_provision"
    kind = Kind.USER
    action = "create"


class UserUpdateProvision(DirectoryInsightsEvent):
    """The directory tried to update an account in the application."""

    event_type: Literal["user_update_provision"] = "user_update_provision"
    canonical = "user_update_provision"
    kind = Kind.USER
    action = "update"


class UserDeprovision(DirectoryInsightsEvent):
    """The directory tried to set an account inactive. The vendor's name has no `_provision` suffix."""

    event_type: Literal["user_deprovision"] = "user_deprovision"
    canonical = "user_deprovision"
    kind = Kind.USER
    action = "deprovision"


class UserDeleteProvision(DirectoryInsightsEvent):
    """The directory tried to delete an account in the application."""

    event_type: Literal["user_delete_provision"] = "user_delete_provision"
    canonical = "user_delete_provision"
    kind = Kind.USER
    action = "delete"


class UserLookupProvision(DirectoryInsightsEvent):
    """The directory met a problem looking an account up. Only problems are logged."""

    event_type: Literal["user_lookup_provision"] = "user_lookup_provision"
    canonical = "user_lookup_provision"
    kind = Kind.USER
    action = "lookup"


class GroupCreateProvision(DirectoryInsightsEvent):
    """The directory tried to create a group in the application."""

    event_type: Literal["group_create_provision"] = "group_create_provision"
    canonical = "group_create_provision"
    kind = Kind.GROUP
    action = "create"


class GroupUpdateProvision(DirectoryInsightsEvent):
    """The directory tried to update a group, or its members, in the application."""

    event_type: Literal["group_update_provision"] = "group_update_provision"
    canonical = "group_update_provision"
    kind = Kind.GROUP
    action = "update"


class GroupDeleteProvision(DirectoryInsightsEvent):
    """The directory tried to delete a group in the application."""

    event_type: Literal["group_delete_provision"] = "group_delete_provision"
    canonical = "group_delete_provision"
    kind = Kind.GROUP
    action = "delete"


class DirectoryEvent(DirectoryInsightsEvent):
    """Any other Directory Insights event: kept and queryable, never refused."""

    event_type: str | None = None
    sso_token_success: bool | None = None
    """How sign-in events (`sso_auth`) say success."""
    username: str | None = None
    """Radius events name their user here."""


Event = DirectoryInsightsEvent

PROVISIONING_EVENTS: Final[tuple[type[DirectoryInsightsEvent], ...]] = (
    IdmIntegrationActivate, IdmIntegrationUpdate, IdmIntegrationReauth, IdmIntegrationDelete,
    UserCreateProvision, UserUpdateProvision, UserDeprovision, UserDeleteProvision, UserLookupProvision,
    GroupCreateProvision, GroupUpdateProvision, GroupDeleteProvision,
)  # fmt: skip

EVENT_TYPES: Final[tuple[str, ...]] = tuple(event.canonical for event in PROVISIONING_EVENTS)

ALIASES: Final[dict[str, str]] = {
    "integration_activate": "idm_integration_activate",
    "integration_deactivate": "idm_integration_delete",
}
"""Names of the vendor's API document for what its support articles call otherwise."""

_CLASSES: Final[dict[str, type[DirectoryInsightsEvent]]] = {
    **{event.canonical: event for event in PROVISIONING_EVENTS},
    **{alias: next(e for e in PROVISIONING_EVENTS if e.canonical == name) for alias, name in ALIASES.items()},
}


_VERSION_NAMES: Final = {"version", "@version", "_version"}


def class_of(event_type: object) -> type[DirectoryInsightsEvent]:
    """The class that types records of `event_type`."""
    return _CLASSES.get(event_type, DirectoryEvent) if isinstance(event_type, str) else DirectoryEvent


def parse(value: bytes, event_type: str | None = None) -> Event:
    """The typed event in `value`, one JSON object. Raises `MalformedRecord`, and nothing else.

    `event_type`, where the caller knows it, saves a look into the bytes; it must be the record's own.
    """
    if event_type is not None:
        try:
            return class_of(event_type).model_validate_json(value)
        except ValidationError:
            pass  # an odd field, or JSON that only the lenient decoder reads
    return from_object(decode_object(value))


def from_object(record: dict[str, Any]) -> Event:
    """The typed event in a decoded record. Never raises: what does not fit is set aside."""
    cls = class_of(record.get("event_type"))
    try:
        return cls.model_validate(record)
    except ValidationError as error:
        odd = {str(details["loc"][0]) for details in error.errors(include_url=False, include_input=False)}
    # One name of the version may hide another that is as odd.
    dropped = odd | (_VERSION_NAMES if odd & _VERSION_NAMES else set())
    event = cls.model_validate({name: value for name, value in record.items() if name not in dropped})
    # Not a private attribute of pydantic's: every event would pay for what few have.
    event.__dict__["set_aside"] = tuple(sorted(odd))
    return event
