"""Loads rules from YAML; problems are reported with file, line and field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import BadRule
from schemas.near import meant
from streams.alerts.document import Document, Place, file_text, read_document
from streams.alerts.example import Example, ExampleEvent, ExpectedAlert
from streams.alerts.rule import Condition, Rule

SUFFIX: Final = ".yaml"
Named = tuple[Traversable, str]
"""A file, and its name in messages."""

_FIELDS: Final = {
    name: frozenset(model.model_fields) for name, model in (
        ("a rule", Rule), ("a condition", Condition), ("a test", Example), ("a test's event", ExampleEvent),
        ("a test's alert", ExpectedAlert),
    )
}  # fmt: skip


@lru_cache(maxsize=1_024)
def read_rule(text: str, name: str, rule_id: str | None = None) -> Rule:
    """Parse the rule in `text`, once; `name` is its file's name in messages, `rule_id` the id that it must have.

    Raises `BadRule` with everything that is wrong with it.
    """
    document = read_document(text, name)
    try:
        rule = Rule.model_validate(document.value)
    except ValidationError as error:
        raise BadRule(_problems(error.errors(), name, document)) from None
    if rule_id is not None and rule.id != rule_id:
        raise BadRule(
            [f"{name}:{document.line(('id',))}: id: must be {rule_id!r}, as the file is named {rule_id}{SUFFIX}"]
        )
    return rule


class Examined(NamedTuple):
    """The rules found in files, and the problems of the rest."""

    rules: dict[str, Rule]
    """Rules by file name, in order."""
    problems: list[str]
    """What is wrong with the other files."""

    def sound(self) -> list[Rule]:
        """Return the rules. Raises `BadRule` if there are problems."""
        if self.problems:
            raise BadRule(self.problems)
        return list(self.rules.values())

    def with_own(self, own: Examined) -> Examined:
        """Return both; one's own rules replace these of the same id."""
        ids = {rule.id for rule in own.rules.values()}
        kept = {name: rule for name, rule in self.rules.items() if rule.id not in ids}
        return Examined(kept | own.rules, [*self.problems, *own.problems])


def examine(paths: Iterable[Path]) -> Examined:
    """Examine the rules of files, and of all `*.yaml` in folders, in order of their names."""
    return _examine((file, str(file)) for path in paths for file in _files(path))


def examine_shipped() -> Examined:
    """Examine the rules that come with idtrail."""
    return _examine((file, f"idtrail:{file.name}") for file in _shipped())


def examine_in_force(own: Path | None) -> Examined:
    """Examine the shipped rules and those of one's own folder, if there is one."""
    return examine_shipped() if own is None else examine_shipped().with_own(examine([own.expanduser()]))


def load_rules(paths: Iterable[Path]) -> list[Rule]:
    """Load the rules of files and folders. Raises `BadRule`."""
    return examine(paths).sound()


def shipped_rules() -> list[Rule]:
    """Return the rules that come with idtrail."""
    return examine_shipped().sound()


def rule_texts(paths: Iterable[Path], *, named: bool = True) -> list[str]:
    """Return the texts of rule files. Raises `BadRule` for a rule that cannot be used. Without `named`, a file need
    not be named after its rule."""
    return _texts_of([(file, str(file)) for path in paths for file in _files(path)], named=named)


def texts_in_force(own: Iterable[Path] = ()) -> list[str]:
    """Return the texts of the rules in force, as chosen by `rules_in_force`."""
    files: dict[str, Named] = {file.name: (file, f"idtrail:{file.name}") for file in _shipped()}
    files |= {file.name: (file, str(file)) for path in own for file in _files(path)}
    return _texts_of(list(files.values()))


def _texts_of(files: Sequence[Named], *, named: bool = True) -> list[str]:
    _examine(files, named=named).sound()
    return [file_text(file, name) for file, name in files]


def rules_in_force(own: Iterable[Rule]) -> list[Rule]:
    """Return the shipped rules and one's own; one's own rule replaces the shipped one of the same id."""
    return examine_shipped().with_own(Examined({rule.id: rule for rule in own}, [])).sound()


def _shipped() -> list[Traversable]:
    folder = resources.files("streams.alerts") / "rules"
    return sorted((file for file in folder.iterdir() if file.name.endswith(SUFFIX)), key=lambda file: file.name)


def _files(path: Path) -> list[Path]:
    """Return the rule files at a path, also those with a wrong suffix, so that no rule is skipped unseen."""
    return sorted([*path.glob(f"*{SUFFIX}"), *path.glob("*.yml")]) if path.is_dir() else [path]


def _examine(files: Iterable[Named], *, named: bool = True) -> Examined:
    found = Examined({}, [])
    names: dict[str, str] = {}
    for file, name in files:
        if named and not file.name.endswith(SUFFIX) and file.is_file():
            found.problems.append(f"{name}: a rule's file is named after its id, and ends with {SUFFIX}")
            continue
        try:
            rule = read_rule(file_text(file, name), name, file.name.removesuffix(SUFFIX) if named else None)
        except BadRule as error:
            found.problems.extend(error.problems)
            continue
        if names.setdefault(rule.id, name) != name:
            found.problems.append(f"{name}: the id {rule.id!r} is that of {names[rule.id]} too")
        else:
            found.rules[name] = rule
    return found


def _problems(errors: Sequence[ErrorDetails], name: str, document: Document) -> list[str]:
    """Return the problems as `file.yaml:12: match.outcome.0: …`, in order of their lines."""
    found = []
    for error in errors:
        place = error["loc"]
        if error["type"] == "too_short" and any(
            len(one["loc"]) > len(place) and one["loc"][: len(place)] == place for one in errors
        ):
            continue  # problems inside it are reported
        shown = ".".join(map(str, place))
        found.append((document.line(place), f"{shown + ': ' if shown else ''}{_complaint(error)}"))
    return [f"{name}:{line}: {text}" for line, text in sorted(found, key=lambda one: one[0])]


_WORDS: Final = {
    "missing": "is missing",
    "model_type": "must be fields with their values",
    "dict_type": "must be fields with their values",
    "tuple_type": "must be a list",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
}


def _complaint(found: ErrorDetails) -> str:
    if found["type"] in _WORDS:
        return _WORDS[found["type"]]
    if found["type"] == "extra_forbidden":
        return _unknown(found["loc"])
    message = found["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _unknown(place: Place) -> str:
    """Return the message for an unknown field, with the nearest known one."""
    holder = _holder(place[:-1])
    return f"is not a field of {holder}; {meant(str(place[-1]), _FIELDS[holder])}"


def _holder(place: Place) -> str:
    match place:
        case ():
            return "a rule"
        case ("tests", _):
            return "a test"
        case ("tests", _, "events", _):
            return "a test's event"
        case ("tests", _, "alerts", _):
            return "a test's alert"
        case _:
            return "a condition"
