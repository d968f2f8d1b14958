"""The objects that events are made of. Every field may be absent, and unknown ones are kept."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")
    return value


Integer = Annotated[int, Field(ge=-(2**63), lt=2**64), BeforeValidator(_no_boolean)]
"""A number that one JSON decoder takes for an integer and another for a float is not an integer here."""
Boolean = Annotated[bool, Field(strict=True)]
"""A boolean in another form is accepted too, but reported: see `schemas.misfits`."""


class Lenient(BaseModel):
    """An object that is read for what it has."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, ser_json_inf_nan="constants")


class InitiatedBy(Lenient):
    """Who or what caused the event: an administrator, a user, or a service."""

    id: str | None = Field(None, description="The actor's id in the directory.")
    type: str | None = Field(None, description="`admin`, `user`, or a service.")
    email: str | None = Field(None, description="An administrator's name.")
    username: str | None = Field(None, description="A user's name.")
    source: str | None = Field(None, description="The service that acted, such as `jumpcloud:scim`.")


class Resource(Lenient):
    """What the event is about, in the directory's own terms."""

    id: str | None = Field(None, description="The person's or group's id in the directory.")
    type: str | None = Field(None, description="`user` or `user_group`.")
    username: str | None = Field(None, description="A person's user name.")
    email: str | None = Field(None, description="A person's mail address.")
    name: str | None = Field(None, description="A group's name.")
    display_name: str | None = Field(None, alias="displayName", description="The name shown to people.")


class Application(Lenient):
    """The application that is provisioned into."""

    id: str | None = Field(None, description="The application's id in the directory.")
    name: str | None = Field(None, description="Its name in the vendor's catalogue.")
    display_label: str | None = Field(None, description="The name an administrator gave it.")


class MessageChain(Lenient):
    """The provider's answer, as far as the directory passes it on."""

    response_code: str | Integer | None = Field(None, description="The provider's HTTP status, as text or number.")
    response_message: str | None = Field(None, description="The status in words, or the directory's own sentence.")
    message_details: Any = Field(None, description="The answer's body: SCIM, other JSON, HTML, text or none.")


class Change(Lenient):
    """One attribute that was set or changed; `from` and `to` are of any JSON type."""

    field: str | None = Field(None, description="The SCIM attribute, or the directory's own name.")
    from_: Any = Field(None, alias="from", description="The value before; absent if it was not sent.")
    to: Any = Field(None, description="The value after.")


class Correlation(Lenient):
    """What the event belongs to, such as a user import."""

    id: str | None = Field(None, description="The correlation's id.")
    type: str | None = Field(None, description="The correlation's type, such as `user_import`.")
