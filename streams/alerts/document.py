"""Parses YAML as people write it, with the line of every value."""

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
"""The path of a value in a document: keys, and indexes of lists."""


_REMEDIES: Final = {
    "mapping values are not allowed here": ": put a text with a colon in quotes",
    "found character '\\t' that cannot start any token": ": indent with spaces",
}
"""Replacements for the library's messages."""


class Document(NamedTuple):
    """The value of a document, with the lines of its parts."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """Return the line of the value at `place`, or else of the closest value around it."""
        while place not in self.lines:
            place = place[:-1]
        return self.lines[place]


def file_text(file: Traversable, name: str) -> str:
    """Return the text of a file; `name` is the file's name in messages. Raises `BadRule`."""
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
    """Parses YAML without surprising types: `no` is a text, and so is a time."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  because that is how the library has it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node as the base class does, with limits on nesting."""
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
    """Parse the one document of `text`; `name` is its file's name in messages. Raises `BadRule`."""
    with _troubles_of(name):
        reader = _Reader(text)
        node = reader.get_single_node()
        if node is None:
            raise BadRule([f"{name}: is empty"])
        return _document(reader, node)


def read_documents(text: str, name: str) -> list[Document]:
    """Parse the documents of `text`, none or several; otherwise as `read_document`."""
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
        # Aliases of aliases can make a document without end.
        raise _trouble("a rule repeats itself in full: aliases (*name) are not allowed", node)
    met.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = reader.construct_object(key_node)
            if not isinstance(key, str):
                raise _trouble("a field's name must be text", key_node)
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
