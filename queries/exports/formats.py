"""Encodes an export: rows in, blocks of bytes out, with a bounded number of rows in memory. Pure.

Rows come from models of the API, which also define the columns, so an export and the API agree.
"""

from __future__ import annotations

import csv
import io
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, Union, get_args, get_origin

import orjson
import pyarrow as pa
from pyarrow import parquet
from pydantic import BaseModel

from queries.exports.form import Format
from queries.exports.ocsf import ocsf
from queries.exports.pipe import Pipe

BLOCK: Final = 2_000
"""Rows encoded at once."""
ROW_GROUP: Final = 20_000
"""Rows of a Parquet file that readers skip or read together."""

Row = Mapping[str, Any]
Encoder = Callable[[Iterable[Row], pa.Schema], Iterator[bytes]]


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The characters that make a spreadsheet take a cell for a formula; the last four are full-width forms."""


def columns_of(model: type[BaseModel], first: Sequence[str] = ()) -> pa.Schema:
    """Return the columns of a list whose rows are `model`: texts, numbers, times in UTC; nested values are JSON text.

    The columns in `first`, which readers look for, come first; the others follow in the model's order.
    """
    names = dict.fromkeys((*first, *model.model_fields))
    return pa.schema([pa.field(name, _arrow(model.model_fields[name].annotation)) for name in names])


def _arrow(annotation: Any) -> pa.DataType:
    if get_origin(annotation) in (Union, types.UnionType):
        (annotation, *others) = [own for own in get_args(annotation) if own is not type(None)]
        if others:
            return pa.string()
    if get_origin(annotation) is list and get_args(annotation) == (str,):
        return pa.list_(pa.string())
    return _ARROW.get(annotation, pa.string())


_ARROW: Final[dict[Any, pa.DataType]] = {
    int: pa.int64(), float: pa.float64(), bool: pa.bool_(), datetime: pa.timestamp("us", tz="UTC"),
}  # fmt: skip


def encode(rows: Iterable[Row], columns: pa.Schema, form: Format) -> Iterator[bytes]:
    """Yield the whole file, in blocks."""
    return _ENCODERS[form](rows, columns)


def _blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rest = iter(rows)
    while block := list(islice(rest, size)):
        yield block


def _ndjson(rows: Iterable[Row], columns: pa.Schema) -> Iterator[bytes]:
    for block in _blocks(rows, BLOCK):
        yield b"".join(_json(row) + b"\n" for row in block)


def _in_ocsf(version: str) -> Encoder:
    return lambda rows, columns: _ndjson((ocsf(row, version) for row in rows), columns)


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


def _csv(rows: Iterable[Row], columns: pa.Schema) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns.names)
    for block in _blocks(rows, BLOCK):
        writer.writerows([cell(row[name]) for name in columns.names] for row in block)
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()
    if rest := text.getvalue():
        yield rest.encode()


def cell(value: Any) -> str:
    """Return one value as a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = "; ".join(value)
    elif not isinstance(value, str):
        value = _plain(value)
    return f"'{value}" if value.startswith(_FORMULA) else value


def _plain(value: Any) -> str:
    """Return the value as JSON spells it, without the quotes of a text. Exports have no negative numbers."""
    return _json(value).decode().removeprefix('"').removesuffix('"')


def _parquet(rows: Iterable[Row], columns: pa.Schema) -> Iterator[bytes]:
    pipe = Pipe()
    with parquet.ParquetWriter(pa.PythonFile(pipe, mode="w"), columns, compression="zstd") as writer:
        for block in _blocks(rows, ROW_GROUP):
            writer.write_table(_table(block, columns))
            yield pipe.taken()
    yield pipe.taken()


def _table(block: list[Row], columns: pa.Schema) -> pa.Table:
    return pa.Table.from_pydict(
        {field.name: [_typed(row[field.name], field.type) for row in block] for field in columns}, schema=columns
    )


def _typed(value: Any, kind: pa.DataType) -> Any:
    if value is None or not pa.types.is_string(kind):
        return value
    return str(value) if isinstance(value, str) else _plain(value)


_ENCODERS: Final[dict[Format, Encoder]] = {
    Format.NDJSON: _ndjson,
    Format.CSV: _csv,
    Format.PARQUET: _parquet,
    **{form: _in_ocsf(form.ocsf_version) for form in Format if form.ocsf_version},
}
