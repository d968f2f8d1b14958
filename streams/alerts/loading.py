"""From YAML to rules: what is wrong is said with file, line and field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import BadRule
from streams.alerts.example import Example, ExampleEvent, ExpectedAlert
from streams.alerts.rule import Condition, Rule
from streams.alerts.spelling import meant

SUFFIX: Final = ".yaml"
MAX_BYTES: Final = 256_000
MAX_DEPTH: Final = 50

Place = tuple[str | int, ...]
"""Where in a document something stands: keys, and numbers in lists."""

_FIELDS: Final = {
    name: frozenset(model.model_fields) for name, model in (
        ("a rule", Rule), ("a condition", Condition), ("a test", Example), ("a test's event", ExampleEvent),
        ("a test's alert", ExpectedAlert),
    )
}  # fmt: skip


class _Reader(yaml.SafeLoader):
    """YAML whose words mean what they seem to: `no` is a text, and so is a time."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  because that is how the library has it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """As the inherited one, of what is nested in bounds."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"is nested deeper than {MAX_DEPTH}", problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, _pattern, _first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
):
    _Reader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_rule(text: str, name: str, rule_id: str | None = None) -> Rule:
    """The rule that `text` holds; `name` is its file's for messages, `rule_id` the one it must have.

    Raises `BadRule` with all that is wrong with it.
    """
    lines: dict[Place, int] = {}
    document = _document(text, name, lines)
    try:
        rule = Rule.model_validate(document)
    except ValidationError as error:
        raise BadRule(_problems(error.errors(), name, lines)) from None
    if rule_id is not None and rule.id != rule_id:
        raise BadRule([f"{name}:{lines[('id',)]}: id: must be {rule_id!r}, as the file is named {rule_id}{SUFFIX}"])
    return rule


class Examined(NamedTuple):
    """What files hold."""

    rules: dict[str, Rule]
    """By the names of their files, in order."""
    problems: list[str]
    """What is wrong with the others."""

    def sound(self) -> list[Rule]:
        """The rules. Raises `BadRule` if anything is wrong."""
        if self.problems:
            raise BadRule(self.problems)
        return list(self.rules.values())

    def with_own(self, own: Examined) -> Examined:
        """Both; one's own rules stand in for these of their ids."""
        ids = {rule.id for rule in own.rules.values()}
        kept = {name: rule for name, rule in self.rules.items() if rule.id not in ids}
        return Examined(kept | own.rules, [*self.problems, *own.problems])


def examine(paths: Iterable[Path]) -> Examined:
    """The rules of files, and of all `*.yaml` in folders, in the order of their names."""
    return _examine((file, str(file)) for path in paths for file in _files(path))


def examine_shipped() -> Examined:
    """The rules that come with idtrail."""
    return _examine((file, f"idtrail:{file.name}") for file in _shipped())


def load_rules(paths: Iterable[Path]) -> list[Rule]:
    """The rules of files and folders. Raises `BadRule`."""
    return examine(paths).sound()


def shipped_rules() -> list[Rule]:
    """The rules that come with idtrail."""
    return examine_shipped().sound()


def rule_texts(paths: Iterable[Path]) -> list[str]:
    """What the files of rules hold. Raises `BadRule` for one that cannot be used."""
    files: list[Traversable] = [file for path in paths for file in _files(path)]
    return _texts_of(files)


def texts_in_force(own: Iterable[Path] = ()) -> list[str]:
    """What the files of the rules in force hold, as `rules_in_force` has them."""
    files: dict[str, Traversable] = {file.name: file for file in _shipped()}
    files |= {file.name: file for path in own for file in _files(path)}
    return _texts_of(list(files.values()))


def _texts_of(files: list[Traversable]) -> list[str]:
    texts = {file.name: _text(file, file.name) for file in files}
    for name, text in texts.items():
        read_rule(text, name, name.removesuffix(SUFFIX))
    return list(texts.values())


def rules_in_force(own: Iterable[Rule]) -> list[Rule]:
    """The shipped rules and one's own; one's own of the same id stands in for the shipped one."""
    return examine_shipped().with_own(Examined({rule.id: rule for rule in own}, [])).sound()


def _shipped() -> list[Traversable]:
    folder = resources.files("streams.alerts") / "rules"
    return sorted((file for file in folder.iterdir() if file.name.endswith(SUFFIX)), key=lambda file: file.name)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]


def _examine(files: Iterable[tuple[Traversable, str]]) -> Examined:
    found = Examined({}, [])
    names: dict[str, str] = {}
    for file, name in files:
        try:
            rule = read_rule(_text(file, name), name, file.name.removesuffix(SUFFIX))
        except BadRule as error:
            found.problems.extend(error.problems)
            continue
        if names.setdefault(rule.id, name) != name:
            found.problems.append(f"{name}: the id {rule.id!r} is that of {names[rule.id]} too")
        else:
            found.rules[name] = rule
    return found


def _text(file: Traversable, name: str) -> str:
    try:
        content = file.read_bytes()
        if len(content) > MAX_BYTES:
            raise BadRule([f"{name}: is larger than {MAX_BYTES:,} bytes"])
        return content.decode()
    except UnicodeDecodeError:
        raise BadRule([f"{name}: is not UTF-8"]) from None
    except OSError as error:
        raise BadRule([f"{name}: cannot be read: {error.strerror}"]) from None


def _document(text: str, name: str, lines: dict[Place, int]) -> Any:
    """What the YAML says; `lines` learns where."""
    try:
        reader = _Reader(text)
        node = reader.get_single_node()
        if node is None:
            raise BadRule([f"{name}: is empty"])
        return _value(reader, node, (), lines, set())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadRule([f"{name}:{mark.line + 1 if mark else 1}: cannot be read as YAML: {error.problem}"]) from None
    except yaml.YAMLError as error:
        raise BadRule([f"{name}: cannot be read as YAML: {str(error).splitlines()[0]}"]) from None


def _value(reader: yaml.SafeLoader, node: yaml.Node, place: Place, lines: dict[Place, int], met: set[int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in met:
        # Some aliases of aliases make a document without end.
        raise _trouble("a rule repeats itself in full: aliases (*name) are not allowed", node)
    met.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = reader.construct_object(key_node)
            if not isinstance(key, str):
                raise _trouble("a field's name is a text", key_node)
            if key in found:
                raise _trouble(f"{key} is given twice", key_node)
            inner = (*place, key)
            lines[inner] = key_node.start_mark.line + 1
            found[key] = _value(reader, value_node, inner, lines, met)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(reader, each, (*place, index), lines, met) for index, each in enumerate(node.value)]
    return reader.construct_object(node)


def _trouble(message: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)


def _problems(errors: Sequence[ErrorDetails], name: str, lines: dict[Place, int]) -> list[str]:
    """`file.yaml:12: match.outcome.0: …`, in the order of their lines."""
    found = []
    for error in errors:
        place = near = error["loc"]
        if error["type"] == "too_short" and any(
            len(one["loc"]) > len(place) and one["loc"][: len(place)] == place for one in errors
        ):
            continue  # what is wrong in it is told
        while near not in lines:
            near = near[:-1]
        shown = ".".join(map(str, place))
        found.append((lines[near], f"{shown + ': ' if shown else ''}{_complaint(error)}"))
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
    """What it is no field of, with the one that is nearest."""
    holder = _holder(place[:-1])
    return f"is no field of {holder}; {meant(str(place[-1]), _FIELDS[holder])}"


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
