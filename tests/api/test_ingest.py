"""`POST /api/v1/events`: what is accepted, what is refused, and that a body cannot do harm."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pytest

from producers import slicer
from producers.slicer import KEPT_OF_BAD, Record, Slicer
from queries.api import bodies, ingest
from queries.api.bodies import Inflate
from schemas.envelope import Trust
from schemas.errors import BadUsage, SpoolFull, TooLarge
from tests.api.conftest import As
from tests.api.support import Log, assert_problem
from tests.queries.support import Trail
from tests.records import event

pytestmark = pytest.mark.store

PATH = "/api/v1/events"


def of(trail: Trail, count: int) -> list[bytes]:
    return [orjson.dumps(event(organization=trail.organization)) for _ in range(count)]


@pytest.mark.parametrize(
    ("count", "body"),
    [
        pytest.param(1, lambda raw: raw[0], id="one object"),
        pytest.param(3, lambda raw: b"[" + b",\n".join(raw) + b"]", id="an array"),
        pytest.param(3, lambda raw: b"\n".join(raw) + b"\n", id="NDJSON"),
        pytest.param(1, lambda raw: b" \n" + raw[0] + b"\n ", id="white space around"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_events_are_accepted_byte_for_byte(
    api: httpx.AsyncClient,
    using: As,
    trail: Trail,
    log: Log,
    count: int,
    body: Callable[[list[bytes]], bytes],
    packed: bool,
) -> None:
    raw = of(trail, count)
    sent = body(raw)
    headers = using("ingest") | ({"Content-Encoding": "gzip"} if packed else {})
    answer = await api.post(PATH, content=gzip.compress(sent) if packed else sent, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {
        "logged": count,
        "spooled": 0,
        "dead_lettered": 0,
        "refused": [],
        "by_type": {"user_update_provision": count},
    }
    assert [value for value, _ in log.events] == raw
    source = log.events[0][1]
    assert (source.name, source.trust, source.organization) == ("api:test", Trust.OPEN_INGEST, trail.organization)


async def test_spooled_events_are_told_apart(api: httpx.AsyncClient, using: As, trail: Trail, log: Log) -> None:
    log.spooling = True
    answer = await api.post(PATH, content=of(trail, 1)[0], headers=using("ingest"))
    assert answer.status_code == 202
    assert (answer.json()["logged"], answer.json()["spooled"]) == (0, 1)


async def test_a_full_spool_accepts_nothing_and_says_when_to_come_again(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    log.failure = SpoolFull("Kafka is away and its spool has no room")
    answer = await api.post(PATH, content=of(trail, 1)[0], headers=using("ingest"))
    assert_problem(answer, 503)
    assert answer.headers["retry-after"]


async def test_bad_records_are_dead_lettered_and_named_while_the_others_are_accepted(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    (good,) = of(trail, 1)
    foreign = orjson.dumps(event(organization="somebody else"))
    timeless = orjson.dumps({"organization": trail.organization, "id": "x"})
    body = b"[" + b",".join([b"7", good, foreign, timeless]) + b"]"
    answer = await api.post(PATH, content=body, headers=using("ingest"))
    assert answer.status_code == 200
    found = answer.json()
    assert (found["logged"], found["dead_lettered"]) == (1, 3)
    assert [(item["event"], item["reason"]) for item in found["refused"]] == [
        (1, "not_an_object"),
        (3, "foreign_organization"),
        (4, "no_timestamp"),
    ]
    assert [(raw, reason, position) for raw, _, reason, position in log.dead] == [
        (b"7", "not_an_object", "event 1 of a request"),
        (foreign, "foreign_organization", "event 3 of a request"),
        (timeless, "no_timestamp", "event 4 of a request"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        pytest.param(b"", 400, "", id="nothing"),
        pytest.param(b" [ ] ", 400, "", id="an empty array"),
        pytest.param(b"hello", 422, "not_json", id="no JSON"),
        pytest.param(b'{"id": 1', 422, "cut_off", id="cut off"),
        pytest.param(b'{"id": "\xff"}', 422, "invalid_utf8", id="no UTF-8"),
        pytest.param(b"{}", 422, "no_timestamp", id="no timestamp"),
        pytest.param(b"[" * 5000, 422, "cut_off", id="nothing but brackets"),
        pytest.param(b'{"a":' * 5000, 422, "cut_off", id="nested too deep"),
    ],
)
async def test_a_body_without_any_good_event_is_refused(
    api: httpx.AsyncClient, using: As, log: Log, body: bytes, status: int, reason: str
) -> None:
    found = assert_problem(await api.post(PATH, content=body, headers=using("ingest")), status)
    assert log.events == []
    if status == 422:
        assert found["refused"][0]["reason"] == reason
        assert len(log.dead) == found["dead_lettered"]


async def test_many_refused_records_are_counted_and_the_first_are_named(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    answer = await api.post(PATH, content=b"[" + b"{}," * 250 + of(trail, 1)[0] + b"]", headers=using("ingest"))
    found = answer.json()
    assert (found["logged"], found["dead_lettered"], len(found["refused"]), len(log.dead)) == (1, 250, 100, 250)


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        pytest.param("br", b"{}", 415, id="an encoding that we do not read"),
        pytest.param("gzip", b"{}", 400, id="not gzip"),
        pytest.param("gzip", b"", 400, id="no gzip at all"),
        pytest.param("gzip", gzip.compress(b"{}" * 100)[:-9], 400, id="cut off"),
        pytest.param("gzip", gzip.compress(b"{}") + b"tail", 400, id="something behind"),
    ],
)
async def test_a_body_that_cannot_be_unpacked_is_refused_whole(
    api: httpx.AsyncClient, using: As, log: Log, encoding: str, body: bytes, status: int
) -> None:
    answer = await api.post(PATH, content=body, headers={**using("ingest"), "Content-Encoding": encoding})
    assert_problem(answer, status)
    assert (log.events, log.dead) == ([], [])


async def test_bodies_are_bounded_packed_and_unpacked(
    api: httpx.AsyncClient, using: As, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "MAX_EVENTS_BYTES", 100_000)
    headers = using("ingest")
    assert_problem(await api.post(PATH, content=b" " * 100_001, headers=headers), 413)
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    assert_problem(await api.post(PATH, content=bomb, headers={**headers, "Content-Encoding": "gzip"}), 413)
    assert (log.events, log.dead) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{}," * 2_000_000, id="more objects than slicing should be asked for"),
        pytest.param(b"{}\n" * (ingest.MAX_RECORDS + 1), id="one record too many"),
    ],
)
async def test_a_request_of_too_many_records_is_refused_whole(
    api: httpx.AsyncClient, using: As, log: Log, body: bytes
) -> None:
    found = assert_problem(await api.post(PATH, content=body, headers=using("ingest")), 413)
    assert "send several requests" in found["detail"]
    assert (log.events, log.dead) == ([], [])


async def test_a_record_of_which_the_beginning_is_kept_tells_how_long_it_was(
    api: httpx.AsyncClient, using: As, log: Log
) -> None:
    body = b'{"id":x' + b"y" * (1 << 20) + b"}\n{}"
    assert_problem(await api.post(PATH, content=body, headers=using("ingest")), 422)
    assert [len(letter[0]) for letter in log.dead] == [KEPT_OF_BAD, 2]
    assert log.sizes == [8 + (1 << 20), 2]


async def test_a_request_is_cut_no_further_than_the_record_that_is_too_many(
    api: httpx.AsyncClient, using: As, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = 0

    class Watched(Slicer):
        def feed(self, block: bytes) -> list[Record]:
            nonlocal cut
            cut += len(block)
            return super().feed(block)

    monkeypatch.setattr(slicer, "Slicer", Watched)
    headers = using("ingest") | {"Content-Encoding": "gzip"}
    assert_problem(await api.post(PATH, content=gzip.compress(b"1\n" * 4_000_000), headers=headers), 413)
    assert 2 * ingest.MAX_RECORDS < cut <= 2 * ingest.MAX_RECORDS + (256 << 10)
    assert log.dead == []


async def test_a_request_may_hold_just_as_many_records_as_allowed(
    api: httpx.AsyncClient, using: As, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "MAX_RECORDS", 30)
    assert_problem(await api.post(PATH, content=b"{}" * 31, headers=using("ingest")), 413)
    assert log.dead == []
    assert_problem(await api.post(PATH, content=b"{}" * 30, headers=using("ingest")), 422)
    assert len(log.dead) == 30


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_every_member_of_a_gzip_is_unpacked_however_it_is_cut(step: int) -> None:
    packed = gzip.compress(b"first ") + gzip.compress(b"") + gzip.compress(b"second")
    inflate = Inflate(12)
    for start in range(0, len(packed), step):
        inflate.feed(packed[start : start + step])
    assert inflate.finish() == b"first second"
    with pytest.raises(TooLarge):
        Inflate(11).feed(packed)


def test_a_member_that_has_not_begun_to_end_is_cut_off() -> None:
    inflate = Inflate(100)
    inflate.feed(gzip.compress(b"x"))
    inflate.feed(zlib.compress(b"y", wbits=31)[:3])
    with pytest.raises(BadUsage, match="ends early"):
        inflate.finish()


async def test_events_of_a_token_of_all_organizations_say_whose_they_are(
    api: httpx.AsyncClient, using: As, trail: Trail, log: Log
) -> None:
    nameless: dict[str, Any] = event(organization=None)
    body = b"\n".join([*of(trail, 1), orjson.dumps(nameless)])
    found = (await api.post(PATH, content=body, headers=using.everywhere("ingest"))).json()
    assert (found["logged"], [item["reason"] for item in found["refused"]]) == (1, ["no_organization"])
