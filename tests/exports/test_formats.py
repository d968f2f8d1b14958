"""Rows in every format, read back by other people's readers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import BaseModel

from queries.exports import formats
from queries.exports.form import Format
from queries.exports.formats import cell, columns_of, encode


class Thing(BaseModel):
    """A row of every type that lists have."""

    thing_id: UUID
    at: datetime
    ended_at: datetime | None
    name: str
    tries: int
    fresh: bool
    changed: list[str]
    change: dict[str, Any] | None


AT = datetime(2026, 3, 19, 14, 3, 11, 482_001, tzinfo=UTC)
COLUMNS = columns_of(Thing)


def thing(number: int, **fields: Any) -> dict[str, Any]:
    row = {
        "thing_id": UUID(int=number), "at": AT, "ended_at": None, "name": "Ines", "tries": number, "fresh": True,
        "changed": ["active: false", "title"], "change": {"actor": "ada"},
    }  # fmt: skip
    return row | fields


def whole(rows: list[dict[str, Any]], form: Format) -> bytes:
    return b"".join(encode(iter(rows), COLUMNS, form))


def test_ndjson_has_a_line_a_row_as_the_api_tells_it() -> None:
    first, second = whole([thing(1), thing(2, name="Lena\n")], Format.NDJSON).splitlines()
    assert json.loads(first) == {
        "thing_id": "00000000-0000-0000-0000-000000000001", "at": "2026-03-19T14:03:11.482001Z", "ended_at": None,
        "name": "Ines", "tries": 1, "fresh": True, "changed": ["active: false", "title"], "change": {"actor": "ada"},
    }  # fmt: skip
    assert json.loads(second)["name"] == "Lena\n"


def test_csv_is_read_back_by_any_reader() -> None:
    header, row = csv.reader(io.StringIO(whole([thing(1, name='a, "b"\nc')], Format.CSV).decode(), newline=""))
    assert header == list(Thing.model_fields)
    assert row == [
        "00000000-0000-0000-0000-000000000001", "2026-03-19T14:03:11.482001Z", "", 'a, "b"\nc', "1", "true",
        "active: false; title", '{"actor":"ada"}',
    ]  # fmt: skip


def test_an_empty_csv_still_names_its_columns() -> None:
    assert whole([], Format.CSV).decode().split("\r\n")[0] == ",".join(Thing.model_fields)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("=1+1", "'=1+1", id="formula"),
        pytest.param("+351 21", "'+351 21", id="plus"),
        pytest.param("-2", "'-2", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at sign"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage return"),
        pytest.param("\uff1d1", "'\uff1d1", id="full-width equals sign"),
        pytest.param(["=1", "b"], "'=1; b", id="in a list"),
        pytest.param("a=1", "a=1", id="not at the beginning"),
        pytest.param("", "", id="empty"),
        pytest.param(None, "", id="nothing"),
        pytest.param([], "", id="an empty list"),
        pytest.param(0, "0", id="zero"),
    ],
)
def test_no_cell_is_a_formula(value: Any, shown: str) -> None:
    assert cell(value) == shown


@given(st.text())
def test_no_text_at_all_is_a_formula_and_none_is_lost(text: str) -> None:
    shown = cell(text)
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert shown in (text, f"'{text}")


def test_parquet_has_types_and_every_row_of_many_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "ROW_GROUP", 10)
    table = parquet.ParquetFile(io.BytesIO(whole([thing(n) for n in range(25)], Format.PARQUET)))
    assert table.num_row_groups == 3
    rows = table.read().to_pylist()
    assert [row["tries"] for row in rows] == list(range(25))
    assert rows[1] == thing(1) | {"thing_id": str(UUID(int=1)), "change": '{"actor":"ada"}'}
    assert table.schema_arrow.field("at").type == pa.timestamp("us", tz="UTC")


def test_an_empty_parquet_file_has_its_columns() -> None:
    assert parquet.read_table(io.BytesIO(whole([], Format.PARQUET))).column_names == list(Thing.model_fields)


@pytest.mark.parametrize("form", [Format.NDJSON, Format.CSV, Format.PARQUET])
def test_rows_are_asked_for_as_they_are_written(form: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "BLOCK", 10)
    monkeypatch.setattr(formats, "ROW_GROUP", 10)
    asked = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal asked
        for number in range(1000):
            asked += 1
            yield thing(number)

    next(encode(rows(), COLUMNS, form))
    assert asked <= 20
