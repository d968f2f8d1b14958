"""The command line against a whole running trail: what comes in is found again, and repeats change nothing."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from idtrail.stack.lock import read_running
from producers.simulation import Organisation
from tests.cli.running import ROOT, RunningTrail
from tests.records import event
from tests.shapes import SHAPES, write
from tests.test_readme import BLOCK, COLUMNS, EXAMPLE, README, played, without_ages

pytestmark = [pytest.mark.kafka, pytest.mark.store]


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTrail]:
    running = RunningTrail(tmp_path_factory.mktemp("trail") / "state")
    try:
        running.start()
        yield running
    finally:
        assert running.stop() == 0


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    """A small simulated organisation of the last month, odd envelopes included."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
    simulated = Organisation(7, 12, 3, 4, start, oddities=0.05, story=False)
    return [json.loads(event.raw) for event in simulated]


def test_the_tour_of_the_readme_shows_what_a_user_sees(trail: RunningTrail) -> None:
    """On a trail in which nothing is yet: the first of these tests."""
    wide = RunningTrail(trail.state, more=COLUMNS)
    blocks = BLOCK.findall(README.read_text())
    assert len(blocks) >= 4
    for block in blocks:
        command = block.splitlines()[0]
        assert without_ages(played(wide, command)) == without_ages(block), command


def test_the_readme_s_example_in_python_runs_as_it_stands(trail: RunningTrail, tmp_path: Path) -> None:
    running = read_running(trail.state)
    assert running is not None
    (script,) = EXAMPLE.findall(README.read_text())
    one, *more = (json.dumps(event(id=f"readme-{number}")) for number in range(3))
    (tmp_path / "event.json").write_text(one)
    (tmp_path / "events.ndjson").write_text("\n".join(more))
    done = subprocess.run(
        [sys.executable, "-c", script.replace("kafka-1:9092", running.bootstrap)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("logged 2 0 0\n", 0), done.stderr
    trail.settle()


QUESTIONS = [
    ("stats",),
    ("failures", "--since", "60d"),
    ("events", "--since", "2000-01-01", "--limit", "20000"),
    ("events", "--unplaced", "--limit", "20000"),
    ("dead-letters", "list"),
]


def answers(trail: RunningTrail) -> list[Any]:
    """What the trail answers, but for where its copies came from and how far the log has grown."""
    found = [trail.json(*question) for question in QUESTIONS]
    for answer in found:
        for item in answer:
            for name in ("log", "behind", "source", "trust", "known_at"):
                item.pop(name, None)
    return found


def counted(trail: RunningTrail) -> int:
    """How many events the trail has."""
    (stats,) = trail.json("stats")
    return int(stats["events"] + stats["unplaced"])


class Imported(NamedTuple):
    """What the first import did."""

    added: int
    answers: list[Any]


@pytest.fixture(scope="module")
def imported(trail: RunningTrail, events: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Imported:
    had = counted(trail)
    file = write(tmp_path_factory.mktemp("first"), "multi-line", events)
    summary = trail.json("import", str(file))
    assert summary[0]["read"] == summary[0]["accepted"] == len(events)
    trail.settle()
    return Imported(counted(trail) - had, answers(trail))


def test_every_event_is_counted_once(imported: Imported, events: list[dict[str, Any]]) -> None:
    assert imported.added == len({event.get("id") or json.dumps(event, sort_keys=True) for event in events})


OFTEN = ("multi-line", "google", "wrapped")
"""Shapes of the ordinary run; the others differ from these in how they are cut, which tests/files has tests of."""


@pytest.mark.parametrize(
    "shapes", [pytest.param(OFTEN, id="often"), pytest.param(tuple(SHAPES), id="all", marks=[pytest.mark.soak])]
)
def test_importing_again_in_any_shape_changes_no_answer(
    trail: RunningTrail, imported: Imported, events: list[dict[str, Any]], tmp_path: Path, shapes: Sequence[str]
) -> None:
    files = [str(write(tmp_path, shape, events)) for shape in shapes]
    for summary in trail.json("import", *files):
        assert (summary["accepted"], summary["dead_lettered"]) == (len(events), 0)
    trail.settle()
    assert answers(trail) == imported.answers


def test_emitting_the_same_events_changes_no_answer(
    trail: RunningTrail, imported: Imported, events: list[dict[str, Any]]
) -> None:
    body = "\n".join(json.dumps(event) for event in events[:50]).encode()
    receipts = trail.run("emit", "--json", stdin=body).splitlines()
    assert {json.loads(line)["state"] for line in receipts} == {"logged"}
    trail.settle()
    assert answers(trail) == imported.answers


def test_the_published_samples_are_found_again_byte_for_byte(trail: RunningTrail) -> None:
    samples = Path(__file__).parent / "samples"
    raws = [file.read_bytes().strip() for file in sorted(samples.glob("*.json"))]
    receipts = trail.run("emit", "--json", stdin=b"\n".join(raws)).splitlines()
    trail.settle()
    for receipt, raw in zip(receipts, raws, strict=True):
        assert trail.run("events", json.loads(receipt)["event_id"], "--raw").encode() == raw


def test_a_cut_off_gzip_tells_how_far_it_got_and_keeps_what_it_had(
    trail: RunningTrail, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    whole = gzip.compress(b"".join(json.dumps(event).encode() + b"\n" for event in events * 3), mtime=0)
    cut = tmp_path / "cut.json.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    told = trail.run("import", str(cut), code=1)
    assert "stopped at byte" in told
    assert "the gzip stream ends early (the file is cut off)" in told
    assert "nothing doubles" in told


def test_bad_records_are_named_and_the_rest_goes_on(trail: RunningTrail, tmp_path: Path) -> None:
    lines = [
        b'{"id":"good-1","event_type":"user_update","timestamp":"2026-11-01T00:00:00Z","organization":"o"}',
        b'{"id":"bad-1","organization":"o"}',
        b'"a text"',
        b'{"id":"good-2","event_type":"user_update","timestamp":"2026-11-01T00:00:01Z","organization":"o"}',
        b'{"id": broken}',
    ]
    file = tmp_path / "mixed.ndjson"
    file.write_bytes(b"\n".join(lines))
    told = trail.run("import", str(file), code=1)
    assert "mixed.ndjson: 2 events accepted, 3 dead-lettered" in told
    assert "no timestamp" in told
    assert "not an object" in told
    trail.settle()
    letters = trail.json("dead-letters", "list", "--source", "mixed.ndjson")
    assert {letter["reason"] for letter in letters} == {"no_timestamp", "not_an_object", "not_json"}
    told = trail.run("dead-letters", "stats", "--source", "mixed.ndjson")
    assert told.startswith("3 dead letters wait: 1 no_timestamp, 1 not_an_object, 1 not_json\n")
    (first,) = [letter for letter in letters if letter["reason"] == "no_timestamp"]
    (shown,) = trail.json("dead-letters", "show", first["letter_id"])
    assert shown["raw"].encode() == lines[1]


def test_a_letter_of_a_wrong_organization_is_redriven_and_another_discarded(
    trail: RunningTrail, tmp_path: Path
) -> None:
    file = tmp_path / "astray.ndjson"
    event = {
        "id": "astray-1",
        "event_type": "user_update",
        "timestamp": "2026-11-01T00:00:00Z",
        "organization": "right",
    }
    file.write_text(json.dumps(event) + '\n"a text"')
    trail.run("import", str(file), "--organization", "wrong", code=1)
    trail.settle()
    told = trail.run("dead-letters", "redrive", "--source", "astray", "--into", "right", code=1)
    assert told.startswith("2 dead letters: 1 redriven, 1 still unreadable\n")
    trail.settle()
    told = trail.run("dead-letters", "discard", "--source", "astray", "--because", "a stray text")
    assert told.startswith("2 dead letters: 1 discarded, 1 already redriven\n")
    trail.settle()
    told = trail.run("dead-letters", "list", "--source", "astray")
    assert told.startswith("0 dead letters wait · 1 redriven · 1 discarded\n")
    assert "by local: a stray text" in told


def test_what_is_new_in_the_records_is_told_with_a_sample(trail: RunningTrail, tmp_path: Path) -> None:
    assert trail.run("schema", "drift") == "nothing new in the last 30d\n"
    lines = [
        b'{"id":"d1","event_type":"user_deprovision","timestamp":"2026-11-01T00:00:00Z","organization":"o","moon":1}',
        b'{"id":"d2","event_type":"user_renamed","timestamp":"2026-11-01T00:00:00Z","organization":"o","success":"no"}',
    ]
    file = tmp_path / "new.ndjson"
    file.write_bytes(b"\n".join(lines))
    trail.run("import", str(file))
    trail.settle()
    told = trail.run("schema", "drift", code=3)
    assert told.startswith("1 unknown type, 1 new field, 1 changed type in the last 30d\n")
    assert "unknown type  user_renamed" in told
    assert "new field     moon: number (whole number)  in user_deprovision" in told
    items = [json.loads(line) for line in trail.run("schema", "drift", "--json", code=3).splitlines()]
    (sample,) = [item["sample"] for item in items if item["name"] == "moon"]
    assert f"idtrail events {sample}" in told
    assert '"moon":1' in trail.run("events", sample, "--raw")


def test_a_watched_folder_is_read_until_ctrl_c(trail: RunningTrail, tmp_path: Path) -> None:
    (tmp_path / "early.json").write_text(
        '{"timestamp": "2026-11-01T00:00:00Z", "event_type": "user_update", "organization": "w"}'
    )
    command = [sys.executable, "-m", "idtrail", "import", "--watch", "--every", "1", str(tmp_path)]
    watch = subprocess.Popen(command, env=trail.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert watch.stdout is not None
        assert watch.stdout.readline() == "early.json: 1 event accepted\n"
        watch.send_signal(signal.SIGINT)
        told, said = watch.communicate(timeout=60)
    finally:
        watch.kill()
        watch.wait()
    assert told.startswith("1 file read: 1 record, 1 accepted, 0 dead-lettered\n")
    assert watch.returncode == 0
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        pytest.param(("import", "no/such/file.json"), 1, "no/such/file.json: there is no such file", id="no file"),
        pytest.param(("lifecycle", "nobody.at.all"), 1, "nobody is known as 'nobody.at.all'", id="unknown person"),
        pytest.param(("failures", "--since", "soon"), 2, "neither a time", id="not a time"),
        pytest.param(("events", "not-an-id"), 2, "UUID", id="not an id"),
        pytest.param(("events", "00000000-0000-0000-0000-000000000000"), 1, "no event", id="unknown event"),
        pytest.param(("events", "--subject", ""), 2, "subject: must not be empty", id="an empty filter"),
        pytest.param(("schema", "show", "user_renamed"), 2, "idtrail schema", id="unknown type"),
        pytest.param(("dead-letters", "redrive"), 2, "say which letters", id="redrive of nothing named"),
        pytest.param(("emit",), 2, "nothing on standard input", id="nothing to emit"),
        pytest.param(("frobnicate",), 2, "No such command", id="unknown command"),
        pytest.param(("up",), 1, "a trail already runs in", id="a second trail"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    trail: RunningTrail, arguments: tuple[str, ...], code: int, told: str
) -> None:
    trail.run(*arguments, code=code)
    assert told in trail.said
    assert "Traceback" not in trail.said


def test_the_doctor_finds_nothing_wrong(trail: RunningTrail) -> None:
    assert "everything is as it should be" in trail.run("doctor")


def test_a_token_of_another_organization_sees_nothing_of_this_one(trail: RunningTrail, imported: Imported) -> None:
    (made,) = trail.json("token", "create", "elsewhere", "--organization", "elsewhere")
    other = RunningTrail(trail.state, more={"IDTRAIL_TOKEN": made["token"]})
    (stats,) = other.json("stats")
    assert stats["events"] == 0
    event = trail.json("events", "--since", "60d", "--limit", "1")[0]["event_id"]
    other.run("events", event, code=1)
    assert "no event" in other.said


def test_without_a_running_trail_the_command_says_what_to_do(tmp_path: Path) -> None:
    nothing = RunningTrail(tmp_path)
    nothing.run("stats", code=1)
    assert "start one with `idtrail up`" in nothing.said


def test_what_trickles_in_has_its_receipt_before_there_is_more(
    trail: RunningTrail, events: list[dict[str, Any]]
) -> None:
    command = [sys.executable, "-m", "idtrail", "emit", "--json"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=trail.environment, cwd=ROOT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for event in events[:2]:
            process.stdin.write(json.dumps(event).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["event_id"]
        process.stdin.close()
        assert process.wait(60) == 0


def test_receipts_come_in_the_order_of_the_events_and_bad_ones_do_not_stop_them(
    trail: RunningTrail, events: list[dict[str, Any]]
) -> None:
    good = [json.dumps(event).encode() for event in events[:600]]
    ids = [json.loads(line)["event_id"] for line in trail.run("emit", "--json", stdin=b"\n".join(good)).splitlines()]
    body = b"\n".join([*good[:300], b"[1]", *good[300:]])
    again = [json.loads(line)["event_id"] for line in trail.run("emit", "--json", stdin=body, code=1).splitlines()]
    assert again == ids
    assert "event 301: not an object" in trail.said


def test_an_export_is_written_whole_with_what_proves_it(
    trail: RunningTrail, events: list[dict[str, Any]], tmp_path: Path
) -> None:
    trail.run("emit", stdin=b"\n".join(json.dumps(event).encode() for event in events[:600]))
    trail.settle()
    file = tmp_path / "events.zip"
    manifest = json.loads(
        trail.run("export", "events", "--since", "30d", "--type", "user_create_provision", "-o", str(file), "--json")
    )
    listed = trail.run("events", "--since", "30d", "--type", "user_create_provision", "--limit", "100000", "--json")
    with zipfile.ZipFile(file) as archive:
        data = archive.read("events.ndjson").decode()
    assert [json.loads(line) for line in data.splitlines()] == [json.loads(line) for line in listed.splitlines()]
    assert manifest["rows"] == len(listed.splitlines()) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["events.zip"]
    trail.run("export", "exposures", "--since", "7d", "-o", str(file), code=2)
    assert "exposures cannot be filtered by since" in trail.said
    told = trail.run("export", "exposures", "--at", "1h", "--sla", "0", "-o", str(file), "--json")
    assert json.loads(told)["filters"]["sla_seconds"] == 0


def test_an_alert_is_found_acted_on_and_ended_by_what_ends_its_condition(trail: RunningTrail) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    event = {
        "event_type": "user_deprovision",
        "organization": "alerted",
        "resource": {"id": "u1", "type": "user", "username": "kofi.mensah"},
        "application": {"id": "a1", "name": "vaultly"},
    }
    refused = {"response_code": "401", "response_message": "no", "message_details": "token expired"}
    tried = {**event, "id": "alerted-1", "timestamp": at.isoformat(), "success": False, "message_chain": refused}
    trail.run("emit", stdin=json.dumps(tried).encode())
    asked = ("alerts", "--rule", "deprovision-failed", "--app", "vaultly")
    trail.settle()
    (alert,) = trail.found(*asked, "--state", "open")
    assert alert["title"] == "kofi.mensah could not be closed in vaultly: credentials"
    own = alert["alert_id"][:8]
    assert trail.run("alerts", "ack", own, "--note", "mine").startswith(f"{own} is acknowledged: kofi.mensah")
    trail.found(*asked, "--state", "acknowledged")
    closed = {**event, "id": "alerted-2", "timestamp": (at + timedelta(minutes=1)).isoformat(), "success": True}
    trail.run("emit", stdin=json.dumps(closed).encode())
    trail.found(*asked, "--state", "resolved")
    (whole,) = trail.json("alerts", "show", own)
    assert [(each["what"], each["by"], each["text"]) for each in whole["history"]] == [
        ("opened", "", ""),
        ("acknowledge", "local", "mine"),
        ("ended", "", ""),
    ]
    trail.run("alerts", "ack", own, code=1)
    assert "is resolved: there is nothing to acknowledge" in trail.said
