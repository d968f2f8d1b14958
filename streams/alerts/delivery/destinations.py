"""Destinations of alerts: a TOML file with one table each; problems are named by table and field.

URLs are secrets: only their scheme is ever shown.
"""

from __future__ import annotations

import base64
import binascii
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from schemas.alerts import MAX_NAMED, Detected, Severity
from schemas.errors import BadUsage
from schemas.near import meant
from streams.alerts.delivery.quiet import QuietHours
from streams.alerts.rule import Rule

DELIVERY_FAILING: Final = "delivery-failing"
"""The rule id of alerts about unreachable destinations; every other destination receives them."""
WEBHOOKS: Final = ("webhook+https", "webhook+http")
INCIDENTS: Final = frozenset({
    "firehydrant", "goalert", "goalerts", "ilert", "incidentio", "jira", "opsgenie", "opsimate", "opsimates",
    "pagerduty", "pagertree", "signl4", "splunk", "squadcast", "victorops",
})  # fmt: skip
"""Apprise schemes whose services make an incident of each message."""
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  because it is what secrets begin with
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""In bytes, as Standard Webhooks requires."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_SCHEME: Final = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://[^\s/?#]", re.ASCII)


class Destination(BaseModel):
    """One place that receives alerts."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    url: SecretStr = Field(description="Of Apprise, or `webhook+https://…`.")
    secret: SecretStr | None = Field(None, description="A webhook's: `whsec_` and 24 to 64 bytes in base64.")
    organizations: frozenset[str] = Field(
        frozenset(), min_length=1, description="Those whose alerts it may be told of; without any, all."
    )
    severities: frozenset[Severity] = Field(frozenset(), description="Those it takes; without any, all.")
    apps: frozenset[str] = Field(frozenset(), description="Ids of the applications it takes; without any, all.")
    rules: frozenset[str] = Field(frozenset(), description="Ids of the rules it takes; without any, all.")
    quiet_hours: QuietHours | None = None
    per_hour: int | None = Field(None, ge=1, le=1000, description="Maximum number of messages within an hour.")

    @field_validator("name")
    @classmethod
    def _short(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a destination's name must be 1 to 63 characters from a-z, 0-9 and -")
        return name

    @field_validator("url")
    @classmethod
    def _a_url(cls, url: SecretStr) -> SecretStr:
        if not _SCHEME.match(url.get_secret_value()):
            raise ValueError("is not a URL: give one of Apprise's, such as slack://…, or webhook+https://…")
        return url

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not SHORTEST_SECRET <= len(_bytes_of(secret)) <= LONGEST_SECRET:
            raise ValueError(
                f"must be {SECRET_PREFIX} and {SHORTEST_SECRET} to {LONGEST_SECRET} bytes in base64, such as "
                "`echo whsec_$(openssl rand -base64 32)` gives"
            )
        return secret

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if self.is_webhook != (self.secret is not None):
            raise ValueError("`secret` is for webhooks, and each must have one")
        return self

    @property
    def scheme(self) -> str:
        """The scheme of the URL, the only part that may be shown."""
        found = _SCHEME.match(self.url.get_secret_value())
        assert found is not None, "checked when it was read"
        return found[1].lower()

    @property
    def is_webhook(self) -> bool:
        """Whether it is a webhook, read by a program."""
        return self.scheme in WEBHOOKS

    @property
    def of_incidents(self) -> bool:
        """Whether it is a service that makes an incident of each message."""
        return self.scheme in INCIDENTS

    @property
    def one_by_one(self) -> bool:
        """Whether it receives each occasion in a message of its own; people receive all at once."""
        return self.is_webhook or self.of_incidents

    def key(self) -> bytes:
        """The key that a webhook's messages are signed with."""
        return b"" if self.secret is None else _bytes_of(self.secret)

    def takes(self, alert: Detected) -> bool:
        """Whether its filters pass an alert that names no destinations.

        A record lists only the first of many applications: where its list is full, the alert may be about any other.
        """
        named = alert.applications
        return (
            (not self.severities or alert.severity in self.severities)
            and (not self.rules or alert.rule_id in self.rules)
            and (not self.apps or len(named) >= MAX_NAMED or not self.apps.isdisjoint(named))
        )

    def released(self, at: datetime) -> datetime:
        """Return when something that is due at `at` may be sent."""
        return at if self.quiet_hours is None else self.quiet_hours.over_at(at)


class Destinations:
    """The destinations of a file, by name."""

    def __init__(self, destinations: Mapping[str, Destination]) -> None:
        self._by_name = dict(destinations)

    def __iter__(self) -> Iterator[Destination]:
        return iter(self._by_name.values())

    def __getitem__(self, name: str) -> Destination:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def of(self, alert: Detected) -> list[Destination]:
        """Return the destinations of an alert: those that its rule names, else all whose filters pass. A destination
        for other organizations is never included, whatever the rule says.

        If none of the names in a rule is known here, the filters decide: better to reach somebody else than nobody.
        """
        its = [one for one in self if not one.organizations or alert.organization in one.organizations]
        if alert.rule_id == DELIVERY_FAILING:
            return [one for one in its if one.name != alert.group.get("destination")]
        named = [one for one in its if one.name in alert.destinations]
        return named or [one for one in its if one.takes(alert)]


def unknown_names(rules: Iterable[Rule], known: Destinations, file: Path) -> list[str]:
    """Return a sentence for each destination that a rule names and `file` does not define."""
    return [
        f"the rule {rule.id} names the destination {name!r}, which is not in {file}; "
        f"{meant(name, (one.name for one in known))}"
        for rule in rules
        for name in rule.destinations
        if name not in known
    ]


def read_destinations(text: str, file: str) -> Destinations:
    """Parse the destinations in `text`. Raises `BadUsage` with everything that is wrong; `file` is its name in
    messages."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # Its place only: the library's words can contain the value.
        place = re.search(r"\(at [^)]*\)", str(error))
        raise BadUsage(f"{file}: this is not valid TOML {place[0] if place else ''}".rstrip()) from None
    found: dict[str, Destination] = {}
    problems: list[str] = []
    for name, table in document.items():
        if not isinstance(table, dict):
            problems.append(f"{file}: {name}: must be a table: begin a destination with [its-name]")
            continue
        try:
            found[name] = Destination.model_validate({**table, "name": name})
        except ValidationError as error:
            problems += [f"{file}: {_place(name, one['loc'])}: {_why(one['msg'])}" for one in _errors(error)]
    if not problems and not found:
        problems = [f"{file}: it names no destination: begin one with [its-name]"]
    if problems:
        raise BadUsage("\n".join(problems))
    return Destinations(found)


def load_destinations(file: Path) -> Destinations:
    """Read the destinations of a file. Raises `BadUsage`."""
    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadUsage(f"IDTRAIL_DESTINATIONS_FILE: {file} cannot be read: {why}") from None
    return read_destinations(text, str(file))


def _errors(error: ValidationError) -> list[Any]:
    return list(error.errors(include_input=False, include_url=False, include_context=False))


def _place(name: str, location: tuple[int | str, ...]) -> str:
    fields = [str(part) for part in location if part != "name" and not isinstance(part, int)]
    return ".".join([name, *fields])


def _why(message: str) -> str:
    message = message.removeprefix("Value error, ")
    if message.startswith("Extra inputs"):
        return (
            f"there is no such field; expected one of: {', '.join(f for f in Destination.model_fields if f != 'name')}"
        )
    return message[0].lower() + message[1:]


def _bytes_of(secret: SecretStr) -> bytes:
    prefix, found, rest = secret.get_secret_value().partition(SECRET_PREFIX)
    try:
        return b"" if prefix or not found else base64.b64decode(rest, validate=True)
    except binascii.Error:
        return b""
