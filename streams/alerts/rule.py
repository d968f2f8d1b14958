"""Rules as people write them, checked: fields that the rule's kind does not use are refused, missing ones are
reported."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from schemas.alerts import Severity
from schemas.cause import Cause
from schemas.events import ALIASES, Kind
from schemas.near import meant
from schemas.outcome import Outcome
from streams.alerts.duration import Duration, as_default, within
from streams.alerts.example import Example, Part
from streams.alerts.expression import MAX_BYTES, checked
from streams.alerts.seen import FACT_TYPES, TEXT_FACTS

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
MOST_WITHIN: Final = 10_000
"""The latest matches kept of a window: a group's state has to fit into a Kafka record."""

TOLD_WITHOUT: Final = frozenset(
    {
        "accounts-left-open",
        "conflicting-copies",
        "delivery-failing",
        "pipeline-behind",
        "pipeline-dead-letters",
        "pipeline-detection-behind",
        "pipeline-source-silent",
        "token-near-expiry",
    }
)
"""Ids of alerts that no rule makes: no rule may use them."""


class RuleKind(StrEnum):
    """What has to happen for an alert."""

    MATCH = "match"
    """Triggers on any event that matches."""
    THRESHOLD = "threshold"
    """Triggers on a number of events within a window."""
    DISTINCT = "distinct"
    """Triggers on a number of distinct values of a fact within a window."""
    RATIO = "ratio"
    """Triggers on a share of the events within a window."""
    SEQUENCE = "sequence"
    """Triggers on one event followed by another within a window."""
    ABSENCE = "absence"
    """Triggers on one event that another does not follow within a window."""
    NEW = "new"
    """Triggers on a value that a fact did not have before."""
    SILENCE = "silence"
    """Triggers when no more events come within a window."""
    MASS = "mass"
    """Triggers on many more people within an hour than usual."""


WINDOWED: Final = frozenset(
    {RuleKind.THRESHOLD, RuleKind.DISTINCT, RuleKind.RATIO, RuleKind.SEQUENCE, RuleKind.ABSENCE, RuleKind.SILENCE}
)
PAIRED: Final = frozenset({RuleKind.SEQUENCE, RuleKind.ABSENCE})
COUNTING: Final = frozenset({RuleKind.THRESHOLD, RuleKind.DISTINCT, RuleKind.MASS})
COMPARING: Final = frozenset({RuleKind.DISTINCT, RuleKind.NEW})

REQUIRED: Final[dict[str, frozenset[RuleKind]]] = {
    "window": WINDOWED,
    "then": PAIRED,
    "of": COMPARING,
    "threshold": frozenset({RuleKind.THRESHOLD, RuleKind.DISTINCT}),
    "ratio": frozenset({RuleKind.RATIO}),
    "minimum": frozenset({RuleKind.RATIO}),
}
"""Fields that a kind requires."""
ALLOWED: Final[dict[str, frozenset[RuleKind]]] = {
    **REQUIRED,
    "threshold": COUNTING,
    "failed": frozenset({RuleKind.RATIO}),
    "learn": frozenset({RuleKind.NEW}),
    "multiple": frozenset({RuleKind.MASS}),
}
"""The kinds that each field applies to, for fields that not all kinds use."""


def _no_repeats(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = {value for value in values if values.count(value) > 1}
    if repeated:
        raise ValueError(f"has {', '.join(sorted(map(str, repeated)))} more than once")
    return values


def _fact(name: str) -> str:
    if name not in TEXT_FACTS:
        raise ValueError(f"{name!r} is not a text fact; {meant(name, TEXT_FACTS)}")
    return name


TextFact = Annotated[str, AfterValidator(_fact), Field(json_schema_extra={"enum": list(TEXT_FACTS)})]
"""The name of a fact whose value is text."""
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Condition(Part):
    """Which events are meant: those for which everything given holds, of each list any."""

    type: Annotated[tuple[Name, ...], AfterValidator(_no_repeats)] = Field(
        (),
        max_length=100,
        description="Event types, such as `user_deprovision`; the vendor's other names count too. By default the "
        "twelve provisioning types, and events that drift.",
    )
    kind: Annotated[tuple[Kind, ...], AfterValidator(_no_repeats)] = Field(
        (), description="What the events are about: `integration`, `user`, `group` or `other`."
    )
    action: Annotated[tuple[Name, ...], AfterValidator(_no_repeats)] = Field(
        (), max_length=100, description="What was attempted, such as `create`, `deprovision`, `reauth`."
    )
    outcome: Annotated[tuple[Outcome, ...], AfterValidator(_no_repeats)] = Field(
        (), description="The outcome: `success`, `failure`, `reported_absent` or `unknown`."
    )
    cause: Annotated[tuple[Cause, ...], AfterValidator(_no_repeats)] = Field(
        (), description="Why the attempt failed, such as `credentials` or `conflict`: see the causes."
    )
    where: str = Field("", description="An expression in CEL over `fact` and `event`.", max_length=MAX_BYTES)

    @field_validator("type", mode="after")
    @classmethod
    def _by_own_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ALIASES.get(name, name) for name in names))

    @field_validator("where", mode="after")
    @classmethod
    def _can_be_asked(cls, source: str) -> str:
        if source:
            checked(source, FACT_TYPES)
        return source

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.type or self.kind or self.action or self.outcome or self.cause or self.where):
            raise ValueError("says nothing: give at least one of type, kind, action, outcome, cause, where")
        if Kind.OTHER in self.kind and not self.type:
            raise ValueError("is about events beside those of provisioning: name their types, too")
        return self


class Rule(Part):
    """One rule. `window`, `threshold` and the like are set exactly where the kind uses them."""

    id: str = Field(pattern="^[a-z0-9-]{3,64}$", description="The rule's permanent name: the file's, without `.yaml`.")
    title: str = Field(
        min_length=1, max_length=200, description="The alert's title; `{subject_name}` and other facts are filled in."
    )
    severity: Severity = Field(description="How urgent the alert is.")
    description: str = Field(min_length=1, description="What the alert means and why it matters.")
    remedy: str = Field(min_length=1, description="What to do now.")
    kind: RuleKind = Field(description="What triggers an alert.")
    match: Condition = Field(description="The events that are counted, or that come first.")
    unless: Condition | None = Field(None, description="Exceptions from `match`.")
    then: Condition | None = Field(None, description="sequence, absence: the event that follows, or should follow.")
    failed: Condition | None = Field(
        None, description="ratio: which matches are failures; by default those with the outcome `failure`."
    )
    until: Condition | None = Field(None, description="The event that ends the alert, in the same group.")
    group_by: Annotated[tuple[TextFact, ...], AfterValidator(_no_repeats)] = Field(
        max_length=5, description="Facts: one alert for each of their values; `[]` for one per organization."
    )
    of: TextFact | None = Field(None, description="distinct, new: the fact whose values are compared.")
    threshold: int | None = Field(
        None, ge=1, le=MOST_WITHIN, description="threshold, distinct: how many; mass: the minimum (10)."
    )
    ratio: float | None = Field(None, gt=0, le=1, description="ratio: the fraction that must have failed.")
    minimum: int | None = Field(
        None, ge=1, le=MOST_WITHIN, description="ratio: the least number of matches in the window."
    )
    window: Annotated[Duration, within("1s", "30d")] | None = Field(
        None, description="How long the rule looks back, or waits."
    )
    learn: Annotated[Duration, within("0s", "90d")] | None = Field(
        None, description="new: how long after the group's first event nothing counts as new (7d)."
    )
    multiple: float | None = Field(None, ge=1, le=1_000, description="mass: how many times the usual busiest hour (3).")
    dedup: Annotated[Duration, within("1m", "30d")] = Field(
        DAY,
        json_schema_extra=as_default(DAY),
        description="Period in which a new trigger reopens the same alert.",
    )
    quiet: Annotated[Duration, within("1m", "30d")] | None = Field(
        None,
        description="Without `until`: resolved after this time without another trigger (the window, at least 1h).",
    )
    staging: bool = Field(False, strict=True, description="Whether alerts are only recorded and page nobody.")
    owner: str = Field("", max_length=200, description="Who is responsible for the rule.")
    destinations: Annotated[tuple[Name, ...], AfterValidator(_no_repeats)] = Field(
        (), max_length=20, description="Destinations to notify; without any, their filters decide."
    )
    tests: tuple[Example, ...] = Field((), max_length=200, description="Events, and the alerts that they must make.")

    @field_validator("id", mode="after")
    @classmethod
    def _is_free(cls, own: str) -> str:
        if own in TOLD_WITHOUT:
            raise ValueError(f"{own!r} is reserved for alerts that need no rule: choose another")
        return own

    @field_validator("title", mode="after")
    @classmethod
    def _names_facts(cls, title: str) -> str:
        for name in title_parts(title)[1]:
            if name not in TEXT_FACTS:
                raise ValueError(f"{{{name}}} is not a text fact; {meant(name, TEXT_FACTS)}")
        return title

    @model_validator(mode="wrap")
    @classmethod
    def _suits_its_kind(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Check the fields that were given, before defaults are added: a given field must apply to the kind. Reports
        the other problems too."""
        kind = given.get("kind") if isinstance(given, dict) else None
        if kind not in set(RuleKind):
            return handler(given)
        written = {name: value for name, value in given.items() if value is not None}
        wrong = [_error(name, "unsuitable", message) for name, message in _unsuitable(RuleKind(kind), written)]
        try:
            made = handler({**_DEFAULTS.get(RuleKind(kind), {}), **written})
        except ValidationError as error:
            wrong += [_error(found["loc"], found["type"], found["msg"]) for found in error.errors()]
            raise ValidationError.from_exception_data(cls.__name__, wrong) from None
        for number, test in enumerate(made.tests):
            places = test.grouped_otherwise(made.group_by)
            wrong += [_error(("tests", number, *place), "grouped", message) for place, message in places]
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return made

    @property
    def resolves_after(self) -> timedelta | None:
        """How long without a trigger until the alert ends; None where `until` says what ends it."""
        if self.until is not None:
            return None
        return self.quiet if self.quiet is not None else max(self.window or HOUR, HOUR)


_DEFAULTS: Final[dict[RuleKind, dict[str, Any]]] = {
    RuleKind.RATIO: {"failed": {"outcome": ["failure"]}},
    RuleKind.NEW: {"learn": "7d"},
    RuleKind.MASS: {"threshold": 10, "multiple": 3},
}


def _unsuitable(kind: RuleKind, written: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, kinds in ALLOWED.items():
        if name in written and kind not in kinds:
            yield name, f"is for kind {_either(kinds)}, and this rule is of kind {kind}"
    for name, kinds in REQUIRED.items():
        if kind in kinds and name not in written:
            yield name, f"is missing: kind {kind} needs it"
    if "until" in written and "quiet" in written:
        yield "quiet", "is for rules without `until`: leave one of them out"


def _error(place: str | tuple[str | int, ...], kind: str, message: str) -> InitErrorDetails:
    told = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=told, loc=(place,) if isinstance(place, str) else place, input=None)


def _either(kinds: frozenset[RuleKind]) -> str:
    names = [kind for kind in RuleKind if kind in kinds]
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def title_parts(title: str) -> tuple[str, list[str]]:
    """Split a title into a format with positional values, and the names of those. Raises `ValueError` for braces that
    hold no plain name."""
    made, names = "", []
    for text, name, form, conversion in string.Formatter().parse(title):
        made += text.replace("{", "{{").replace("}", "}}")
        if name is None:
            continue
        if form or conversion or not name.isidentifier():
            raise ValueError("braces must hold the name of a fact, such as {subject_name}")
        made += "{}"
        names.append(name)
    return made, names
