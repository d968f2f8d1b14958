"""YAML as people write it, with the line of everything that stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

import yaml

from schemas.errors import BadRule

MAX_BYTES: Final = 256_000
MAX_DEPTH: Final = 50

Place = tuple[str | int, ...]
"""Where in a document something stands: keys, and numbers in lists."""


_REMEDIES: Final = {
    "mapping values are not allowed here": ": put a text with a colon in quotes",
    "found character '\\t' that cannot start any token": ": indent with spaces",
}
"""To what the library says."""


class Document(NamedTuple):
    """What a document says, and where."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Where that stands, or else what holds it."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def file_text(file: Traversable, name: str) -> str:
    """What a file holds; `name` is the file's for messages. Raises `BadRule`."""
    try:
        content = file.read_bytes()
        if len(content) > MAX_BYTES:
            raise BadRule([f"{name}: is larger than {MAX_BYTES:,} bytes"])
        return content.decode()
    except UnicodeDecodeError:
        raise BadRule([f"{name}: is not UTF-8"]) from None
    except OSError as error:
        raise BadRule([f"{name}: cannot be read: {error.strerror}"]) from None


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


def read_document(text: str, name: str) -> Document:
    """What the one document of `text` says; `name` is its file's for messages. Raises `BadRule`."""
    with _troubles_of(name):
        reader = _Reader(text)
        node = reader.get_single_node()
        if node is None:
            raise BadRule([f"{name}: is empty"])
        return _document(reader, node)


def read_documents(text: str, name: str) -> list[Document]:
    """The same of several documents, or none."""
    with _troubles_of(name):
        reader = _Reader(text)
        found = []
        while reader.check_node():
            node = reader.get_node()
            assert node is not None
            found.append(_document(reader, node))
        return found


@contextmanager
def _troubles_of(name: str) -> Iterator[None]:
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = f"{error.problem}{_REMEDIES.get(str(error.problem), '')}"
        raise BadRule([f"{name}:{mark.line + 1 if mark else 1}: cannot be read as YAML: {said}"]) from None
    except yaml.YAMLError as error:
        raise BadRule([f"{name}: cannot be read as YAML: {str(error).splitlines()[0]}"]) from None


def _document(reader: yaml.SafeLoader, node: yaml.Node) -> Document:
    lines: dict[Place, int] = {}
    return Document(_value(reader, node, (), lines, set()), lines)


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
