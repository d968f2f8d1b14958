"""Which of ClickHouse's errors are worth another try, which ask for less, and which end the process."""

from __future__ import annotations

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, ProgrammingError
from urllib3.exceptions import ProtocolError

from queries.refusals import Refused, ours
from schemas.errors import IdtrailError, StoreAway, UserError

PARTS = "Code: 252. DB::Exception: Too many parts (3000). Merges are processing significantly slower than inserts."
LONG = "Poco::Exception. Code: 1000, e.code() = 0, HTML Form Exception: Field value too long"
PARTITIONS = "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)."


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        pytest.param(DatabaseError("too slow", code=159), UserError, StoreAway, id="over its time"),
        pytest.param(DatabaseError("memory", code=241), UserError, StoreAway, id="over its memory"),
        pytest.param(DatabaseError("rows", code=396), UserError, StoreAway, id="over its rows"),
        pytest.param(DatabaseError("busy", code=202), StoreAway, StoreAway, id="too many queries at once"),
        pytest.param(DatabaseError("keeper", code=999), StoreAway, StoreAway, id="keeper away"),
        pytest.param(DatabaseError("read-only", code=242), StoreAway, StoreAway, id="replica read-only"),
        pytest.param(DatabaseError("unknown", code=319), StoreAway, StoreAway, id="insert of unknown fate"),
        pytest.param(DatabaseError("disk", code=243), StoreAway, StoreAway, id="disk full"),
        pytest.param(DatabaseError(PARTS, code=252), StoreAway, StoreAway, id="merges behind"),
        pytest.param(DatabaseError(PARTITIONS, code=252), Refused, Refused, id="over a hundred months"),
        pytest.param(
            DatabaseError("Poco::Exception. Code: 1000, Net Exception", code=1000), StoreAway, StoreAway, id="net"
        ),
        pytest.param(DatabaseError(LONG, code=1000), Refused, Refused, id="a value too long for a statement"),
        pytest.param(DatabaseError("no table", code=60), Refused, Refused, id="no such table"),
        pytest.param(DatabaseError("password", code=516), Refused, Refused, id="wrong password"),
        pytest.param(OperationalError("Error executing HTTP request"), StoreAway, StoreAway, id="no connection"),
        pytest.param(
            DatabaseError("HTTP driver received HTTP status 502, server response: Bad Gateway"),
            StoreAway,
            StoreAway,
            id="a proxy without a server",
        ),
        pytest.param(
            DatabaseError("HTTP driver received HTTP status 404"), Refused, Refused, id="a server of another kind"
        ),
        pytest.param(ProgrammingError("wrong use"), Refused, Refused, id="the driver's own refusal"),
        pytest.param(ProtocolError("connection broken"), StoreAway, StoreAway, id="cut off in the answer"),
        pytest.param(ConnectionResetError(), StoreAway, StoreAway, id="reset"),
        pytest.param(TimeoutError("timed out"), StoreAway, StoreAway, id="no answer in time"),
    ],
)
def test_an_error_says_what_to_do(error: Exception, reading: type[IdtrailError], writing: type[IdtrailError]) -> None:
    assert type(ours(error)) is reading
    assert type(ours(error, writing=True)) is writing


def test_a_message_holds_neither_the_statement_nor_more_than_one_line() -> None:
    text = f"Code: 60. Unknown table 'x'. In scope SELECT 'a secret' FROM x.\nStack: {'y' * 5000}"
    told = str(ours(DatabaseError(text, code=60)))
    assert "Unknown table 'x'" in told
    assert "secret" not in told
    assert len(told) < 400


DRIVER = (
    "Error HTTPConnectionPool(host='db.inner', port=8123): Max retries exceeded with url: /?param_subject=secret.person"
    " (Caused by {})"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(
            DRIVER.format(
                "NewConnectionError(\"HTTPConnection(host='db.inner', port=8123): Failed to establish a new"
                ' connection: [Errno 111] Connection refused")'
            ),
            "Connection refused",
            id="nothing listens",
        ),
        pytest.param(
            DRIVER.format(
                "NameResolutionError(\"HTTPConnection(host='db.inner', port=8123): Failed to resolve 'db.inner'"
                ' ([Errno -2] Name or service not known)")'
            ),
            "Name or service not known",
            id="no such host",
        ),
        pytest.param(
            DRIVER.format("ReadTimeoutError(\"HTTPConnectionPool(host='db.inner', port=8123): Read timed out.\")"),
            "Read timed out",
            id="too slow",
        ),
        pytest.param(
            "HTTP driver received HTTP status 502, server response: secret (for url http://db.inner:8123)",
            "HTTP status 502",
            id="a proxy",
        ),
        pytest.param(DRIVER.format("something new"), "OperationalError", id="anything else"),
    ],
)
def test_what_does_not_answer_is_told_without_its_address_and_the_question(text: str, why: str) -> None:
    assert str(ours(OperationalError(text))) == f"ClickHouse does not answer: {why}"
