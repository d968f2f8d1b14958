"""The language of the trail: one class for each of the twelve provisioning events, and one for the rest.

Envelope fields follow the vendor's Directory Insights API document; what the twelve carry in them is
documented by name only (no public sample of them exists), so every field but `event_type` is optional,
unknown fields are kept, and a field of an unexpected shape is set aside instead of refusing the event:
it is named in `set_aside`, and its bytes stay in the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import AliasChoices, Field, ValidationError

from schemas.action import CLOSINGS, Action
from schemas.association import ASSOCIATION_CHANGE
from schemas.jsontext import decode_object
from schemas.misfits import Misfit, settle
from schemas.parts import (
    Application,
    Boolean,
    Change,
    Correlation,
    InitiatedBy,
    Integer,
    Lenient,
    MessageChain,
    Resource,
)
from schemas.versions import UPCASTERS, Upcaster, is_older, upcast


class Kind(StrEnum):
    """What an event is about."""

    INTEGRATION = "integration"
    USER = "user"
    GROUP = "group"
    OTHER = "other"


class DirectoryInsightsEvent(Lenient):
    """The envelope common to all Directory Insights events. Only `timestamp` is guaranteed by the vendor."""

    canonical: ClassVar[str] = ""
    """The event type's canonical name, whichever alias the record uses; empty for other types."""
    kind: ClassVar[Kind] = Kind.OTHER
    action: ClassVar[Action | None] = None
    set_aside: ClassVar[tuple[str, ...]] = ()
    """Names of the fields with an unexpected form; an event with any has its own."""
    misfits: ClassVar[tuple[Misfit, ...]] = ()
    """The values that had another form, even where they could still be read."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.canonical = cls.model_fields["event_type"].default or ""

    id: str | Integer | None = Field(
        None, description="The vendor's own id; without one, the content identifies the event."
    )
    timestamp: Any = Field(
        None,
        validation_alias=AliasChoices("timestamp", "jc_timestamp"),
        description="When it occurred: RFC 3339 with 0 to 9 fractional digits. Null or garbage is kept and flagged.",
    )
    event_type: str | None = Field(None, description="What was attempted; an alias of the type is kept as written.")
    service: str | None = Field(None, description="The service that logged it: `directory`, `sso`, `radius`, …")
    organization: str | None = Field(None, description="The organization in the directory; must be the source's own.")
    version: str | Integer | None = Field(
        None,
        validation_alias=AliasChoices("@version", "_version"),
        serialization_alias="@version",
        description="The format's version; `_version` in exports to Google Cloud.",
    )
    initiated_by: InitiatedBy | None = Field(None, description="Who or what caused it.")
    client_ip: str | None = Field(None, description="The actor's address.")
    auth_method: str | None = Field(None, description="How the actor was signed in: `session`, `api key`, …")
    success: Boolean | None = Field(None, description="Whether it succeeded. Often absent, and never assumed then.")
    provider: str | None = Field(None, description="The identity provider of a sign-in; empty otherwise.")
    error_message: str | None = Field(None, description="The error in words; empty or absent if there was none.")
    resource: Resource | None = Field(None, description="The person or group that was provisioned.")
    application: Application | None = Field(None, description="The application that was provisioned into.")
    idm_client_id: str | None = Field(None, description="The integration's id.")
    message_chain: MessageChain | None = Field(None, description="The provider's answer; `{}` and absent are common.")
    correlation: Correlation | None = Field(
        None, description="What the event belongs to, such as an import; `{}` is common."
    )
    changes: list[Change] | None = Field(None, description="The attributes that were sent, one element each.")


class IdmIntegrationActivate(DirectoryInsightsEvent):
    """An administrator attempted to activate an application's SCIM integration."""

    event_type: Literal["idm_integration_activate", "integration_activate"] = "idm_integration_activate"
    kind = Kind.INTEGRATION
    action = Action.ACTIVATE


class IdmIntegrationUpdate(DirectoryInsightsEvent):
    """An administrator attempted to update an active integration."""

    event_type: Literal["idm_integration_update"] = "idm_integration_update"
    kind = Kind.INTEGRATION
    action = Action.UPDATE


class IdmIntegrationReauth(DirectoryInsightsEvent):
    """An administrator attempted to change an integration's credentials."""

    event_type: Literal["idm_integration_reauth"] = "idm_integration_reauth"
    kind = Kind.INTEGRATION
    action = Action.REAUTH


class IdmIntegrationDelete(DirectoryInsightsEvent):
    """An administrator attempted to deactivate an activated integration."""

    event_type: Literal["idm_integration_delete", "integration_deactivate"] = "idm_integration_delete"
    kind = Kind.INTEGRATION
    action = Action.DELETE


class UserCreateProvision(DirectoryInsightsEvent):
    """The directory tried to create an account in the application."""

    event_type: Literal["user_create_provision"] = "user_create_provision"
    kind = Kind.USER
    action = Action.CREATE


class UserUpdateProvision(DirectoryInsightsEvent):
    """The directory tried to update an account in the application."""

    event_type: Literal["user_update_provision"] = "user_update_provision"
    kind = Kind.USER
    action = Action.UPDATE


class UserDeprovision(DirectoryInsightsEvent):
    """The directory tried to set an account inactive. The vendor's name has no `_provision` suffix."""

    event_type: Literal["user_deprovision"] = "user_deprovision"
    kind = Kind.USER
    action = Action.DEPROVISION


class UserDeleteProvision(DirectoryInsightsEvent):
    """The directory tried to delete an account in the application."""

    event_type: Literal["user_delete_provision"] = "user_delete_provision"
    kind = Kind.USER
    action = Action.DELETE


class UserLookupProvision(DirectoryInsightsEvent):
    """The directory met a problem looking an account up. Only problems are logged."""

    event_type: Literal["user_lookup_provision"] = "user_lookup_provision"
    kind = Kind.USER
    action = Action.LOOKUP


class GroupCreateProvision(DirectoryInsightsEvent):
    """The directory tried to create a group in the application."""

    event_type: Literal["group_create_provision"] = "group_create_provision"
    kind = Kind.GROUP
    action = Action.CREATE


class GroupUpdateProvision(DirectoryInsightsEvent):
    """The directory tried to update a group, or its members, in the application."""

    event_type: Literal["group_update_provision"] = "group_update_provision"
    kind = Kind.GROUP
    action = Action.UPDATE


class GroupDeleteProvision(DirectoryInsightsEvent):
    """The directory tried to delete a group in the application."""

    event_type: Literal["group_delete_provision"] = "group_delete_provision"
    kind = Kind.GROUP
    action = Action.DELETE


class DirectoryEvent(DirectoryInsightsEvent):
    """Any other Directory Insights event: kept and queryable, never refused."""

    sso_token_success: Boolean | None = None
    """How sign-in events (`sso_auth`) report success."""
    username: str | None = None
    """Radius events name their user here."""


class AssociationChange(DirectoryInsightsEvent):
    """A group was bound to an application or unbound, or a person added to a group or removed. Not one of the twelve,
    and what sets many of them off."""

    event_type: Literal["association_change"] = ASSOCIATION_CHANGE
    association: dict[str, Any] | None = None


Event = DirectoryInsightsEvent

ProvisioningEvent = Annotated[
    IdmIntegrationActivate | IdmIntegrationUpdate | IdmIntegrationReauth | IdmIntegrationDelete
    | UserCreateProvision | UserUpdateProvision | UserDeprovision | UserDeleteProvision | UserLookupProvision
    | GroupCreateProvision | GroupUpdateProvision | GroupDeleteProvision,
    Field(discriminator="event_type"),
]  # fmt: skip
"""One of the twelve, discriminated by `event_type`: for models that hold events, and for exhaustive matching."""

PROVISIONING_EVENTS: Final[tuple[type[DirectoryInsightsEvent], ...]] = get_args(get_args(ProvisioningEvent)[0])
EVENT_TYPES: Final[tuple[str, ...]] = tuple(event.canonical for event in PROVISIONING_EVENTS)
REMOVALS: Final = frozenset(
    event.canonical for event in PROVISIONING_EVENTS if event.kind is not Kind.INTEGRATION and event.action in CLOSINGS
)
"""The types whose attempt may find the thing gone already."""

ALIASES: Final[dict[str, str]] = {
    "integration_activate": "idm_integration_activate",
    "integration_deactivate": "idm_integration_delete",
}
"""Names from the vendor's API document for types that its support articles call otherwise."""

_CLASSES: Final[dict[str, type[DirectoryInsightsEvent]]] = {
    **{event.canonical: event for event in PROVISIONING_EVENTS},
    **{alias: next(e for e in PROVISIONING_EVENTS if e.canonical == name) for alias, name in ALIASES.items()},
    ASSOCIATION_CHANGE: AssociationChange,
}


def class_of(event_type: object) -> type[DirectoryInsightsEvent]:
    """Return the class for records of `event_type`."""
    return _CLASSES.get(event_type, DirectoryEvent) if isinstance(event_type, str) else DirectoryEvent


def parse(
    value: bytes,
    event_type: str | None = None,
    version: int | None = None,
    upcasters: Sequence[Upcaster] = UPCASTERS,
) -> Event:
    """Parse the event in `value`, one JSON object, into the current class. Raises `MalformedRecord`, and nothing else.

    `event_type`, where the caller knows it, saves a look into the bytes; a wrong one changes nothing. `version` is the
    record's schema version, if it names one.
    """
    if event_type is not None and not is_older(version, upcasters):
        expected = class_of(event_type)
        try:
            event = expected.model_validate_json(value)
        except ValidationError:
            pass  # an odd field, another type, or JSON that only the lenient decoder reads
        else:
            # A record without a type has taken the class's own, and `DirectoryEvent` accepts any.
            own = event.event_type if "event_type" in event.model_fields_set else None
            if class_of(own) is expected:
                return event
    return from_object(upcast(decode_object(value), version, upcasters))


def from_object(record: dict[str, Any]) -> Event:
    """Return the typed event in a decoded record. Never raises: only what does not fit is set aside."""
    cls = class_of(record.get("event_type"))
    odd: set[str] = set()
    misfits: set[Misfit] = set()
    while True:
        try:
            event = cls.model_validate(record)
        except ValidationError as error:
            record, fields, refused = settle(record, error)
            odd |= fields
            misfits |= refused
        else:
            break
    # Not pydantic's private attributes, whose cost every event would pay for the few that need them.
    if odd:
        event.__dict__["set_aside"] = tuple(sorted(odd))
    if misfits:
        event.__dict__["misfits"] = tuple(sorted(misfits))
    return event
