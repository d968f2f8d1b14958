"""Importing files: every record is accepted or dead-lettered with its place, and the counts add up."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from producers import files
from producers.emitter import Batch
from producers.exports import LINKED
from producers.files import Progress
from producers.slicer import KEPT_OF_BAD
from schemas.envelope import Source
from schemas.errors import BadUsage, Fatal, NotFound, SpoolFull
from tests.files.support import MemoryEmitter, imported
from tests.records import event

SAMPLES = Path(__file__).parents[1] / "cli" / "samples"


def lines(count: int) -> bytes:
    return b"".join(json.dumps(event()).encode() + b"\n" for _ in range(count))


def open_files() -> set[Path]:
    return {link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


@pytest.fixture
def emitter() -> MemoryEmitter:
    return MemoryEmitter()


async def test_good_and_bad_records_are_told_apart_with_their_places(tmp_path: Path, emitter: MemoryEmitter) -> None:
    good = [json.dumps(event(kind)).encode() for kind in ("user_create_provision", "user_deprovision")]
    foreign = json.dumps(event(organization="5bf6defbdcd8233029e0c598")).encode()
    parts = [good[0], b'{"id":"no time"}', b"7", foreign, b'{"timestamp":"\xff"}', good[1]]
    file = tmp_path / "export.json.gz"
    file.write_bytes(gzip.compress(b"[" + b",".join(parts) + b"]"))
    (told,) = (await imported(emitter, file)).files
    starts = [1 + sum(len(part) + 1 for part in parts[:number]) for number in range(len(parts))]
    assert emitter.logged == [("file:export.json.gz", raw) for raw in good]
    assert emitter.letters == [
        ("file:export.json.gz", f"element 2, byte {starts[1]}", "no_timestamp", parts[1]),
        ("file:export.json.gz", f"element 3, byte {starts[2]}", "not_an_object", parts[2]),
        ("file:export.json.gz", f"element 4, byte {starts[3]:,}", "foreign_organization", parts[3]),
        ("file:export.json.gz", f"element 5, byte {starts[4]:,}", "invalid_utf8", parts[4]),
    ]
    assert told.reasons[:2] == ["element 2: no timestamp", "element 3: not an object"]
    assert (told.read, told.accepted, told.spooled, told.dead_lettered) == (6, 2, 1, 4)
    assert told.by_type == {"user_create_provision": 1, "user_deprovision": 1}
    assert told.stopped == ""


async def test_a_bad_record_of_which_the_beginning_is_kept_tells_how_long_it_was(
    tmp_path: Path, emitter: MemoryEmitter
) -> None:
    long = b'{"id":x' + b"y" * KEPT_OF_BAD + b"}"
    (tmp_path / "a.json").write_bytes(b"[" + long + b",7 ,{}]")
    await imported(emitter, tmp_path)
    assert [raw for *_, raw in emitter.letters] == [long[:KEPT_OF_BAD], b"7", b"{}"]
    assert emitter.sizes == [len(long), 1, 2]


async def test_wrapped_events_are_accepted_as_they_stand(tmp_path: Path, emitter: MemoryEmitter) -> None:
    wrapped = b'{"jumpcloud_bridge": ' + json.dumps(event()).encode() + b"}"
    (tmp_path / "bridge.jsonl").write_bytes(wrapped)
    assert (await imported(emitter, tmp_path)).accepted == 1
    assert emitter.logged == [("file:bridge.jsonl", wrapped)]


async def test_published_samples_come_through_byte_for_byte(emitter: MemoryEmitter) -> None:
    samples = sorted(SAMPLES.glob("*.json"))
    for file in samples:
        await files.import_files([file], emitter, organization=None, on_progress=lambda _: None)
    assert [raw for _, raw in emitter.logged] == [file.read_bytes().strip() for file in samples]


async def test_only_the_first_reasons_are_kept_but_all_are_counted(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / "a.ndjson").write_bytes(lines(1) + b"7\n" * 450)
    (told,) = (await imported(emitter, tmp_path)).files
    assert (told.accepted, told.dead_lettered, len(told.reasons)) == (1, 450, files.TOLD)
    assert [letter[1] for letter in emitter.letters[:2]] == [
        f"element {n}, byte {2 * n + len(lines(1)) - 4}" for n in (2, 3)
    ]


async def test_a_cut_off_gzip_keeps_what_it_had_and_drops_the_fragment(tmp_path: Path, emitter: MemoryEmitter) -> None:
    stored = gzip.compress(lines(500), mtime=0)
    (tmp_path / "cut.json.gz").write_bytes(stored[: len(stored) // 2])
    summary = await imported(emitter, tmp_path)
    (told,) = summary.files
    assert 50 < told.accepted < 450
    assert told.dead_lettered == 0
    assert told.stopped == (f"stopped at byte {len(stored) // 2:,}: the gzip stream ends early (the file is cut off)")
    assert not summary.complete


@pytest.mark.parametrize(
    ("end", "why"),
    [
        pytest.param(b',{"id":"x', "the file ends inside element 2 (it is cut off)", id="inside an element"),
        pytest.param(b",\n", "the file ends before its array is closed (it is cut off)", id="between elements"),
    ],
)
async def test_a_cut_off_plain_file_is_told_too(tmp_path: Path, emitter: MemoryEmitter, end: bytes, why: str) -> None:
    content = b"[" + lines(1).strip() + end
    (tmp_path / "cut.json").write_bytes(content)
    (told,) = (await imported(emitter, tmp_path)).files
    assert (told.accepted, told.dead_lettered) == (1, 0)
    assert told.stopped == f"stopped at byte {len(content)}: {why}"


CSV = b"id,timestamp,event_type\r\n" + b'"1","2026-03-19T14:00:00Z","user_update"\r\n' * 3_000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"PK\x03\x04 export.json", "it is a ZIP file: unpack it first", id="ZIP"),
        pytest.param(
            gzip.compress(gzip.compress(lines(9))), "it is compressed twice: unpack it once more", id="gzip in gzip"
        ),
        pytest.param(CSV, "it is CSV: export JSON instead", id="CSV"),
        pytest.param(gzip.compress(CSV), "it is CSV: export JSON instead", id="compressed CSV"),
        pytest.param(
            b"\xef\xbb\xbf" + CSV.replace(b",", b";"), "it is CSV: export JSON instead", id="a spreadsheet's CSV"
        ),
        pytest.param(b"\xef\xbb\xbf[" + lines(1).strip() + b"]\r\n", "", id="one line behind a byte order mark"),
        pytest.param(b"id,time,type\n" + lines(1), "", id="lines of JSON under a line of words"),
        pytest.param(b",,,\n" + lines(1).strip(), "", id="the rest of an array"),
    ],
)
async def test_a_file_of_another_format_is_named_and_leaves_no_dead_letters(
    tmp_path: Path, emitter: MemoryEmitter, content: bytes, why: str
) -> None:
    (tmp_path / "export.json").write_bytes(content)
    (told,) = (await imported(emitter, tmp_path)).files
    assert (told.stopped, told.accepted) == (why, 0 if why else 1)
    assert not (why and emitter.letters)


async def test_directories_are_walked_in_order_and_other_files_named(tmp_path: Path, emitter: MemoryEmitter) -> None:
    for name in ("b/2.json", "b/1.ndjson", "a.json.gz", "c.log", "notes.md", "b/data.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(lines(1)) if name.endswith(".gz") else lines(1))
    os.mkfifo(tmp_path / "pipe.json")  # would block whoever opened it
    summary = await imported(emitter, tmp_path)
    assert [file.name for file in summary.files] == ["a.json.gz", "b/1.ndjson", "b/2.json", "c.log"]
    assert [name for name, _ in emitter.logged][:2] == ["file:a.json.gz", "file:b/1.ndjson"]
    assert summary.skipped == [str(tmp_path / name) for name in ("b/data.csv", "notes.md", "pipe.json")]
    assert summary.complete


async def test_a_linked_directory_is_read_under_its_own_name_or_told(tmp_path: Path) -> None:
    tree, elsewhere = tmp_path / "tree", tmp_path / "elsewhere"
    for day in (tree / "2026-11-30", elsewhere):
        day.mkdir(parents=True)
        (day / "a.json").write_bytes(lines(1))
    (tree / "latest").symlink_to("2026-11-30")
    (tree / "round").symlink_to(tree)
    (tree / "old").symlink_to(elsewhere)
    (tree / "up").symlink_to(tmp_path)
    summary = await imported(MemoryEmitter(), tree)
    told = {Path(file.name).name: file.stopped for file in summary.files}
    assert told == {"a.json": "", "old": LINKED, "up": LINKED}
    assert (summary.accepted, summary.complete) == (1, False)
    both = await imported(MemoryEmitter(), tree, elsewhere)
    assert [file.name for file in both.files if not file.stopped] == ["2026-11-30/a.json", "a.json"]
    assert [Path(file.name).name for file in both.files if file.stopped] == ["up"]


async def test_a_file_named_by_itself_may_be_called_anything(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / "export").write_bytes(lines(2))
    assert (await imported(emitter, tmp_path / "export")).accepted == 2


async def test_a_name_that_is_no_utf8_is_no_obstacle(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / os.fsdecode(b"\xff.json")).write_bytes(lines(1))
    assert (await imported(emitter, tmp_path)).files[0].name == "\ufffd.json"


async def test_a_path_that_does_not_exist_is_told_before_anything_is_read(
    tmp_path: Path, emitter: MemoryEmitter
) -> None:
    (tmp_path / "a.json").write_bytes(lines(1))
    with pytest.raises(NotFound, match=r"b\.json: there is no such file or directory"):
        await imported(emitter, tmp_path / "a.json", tmp_path / "b.json")
    assert emitter.logged == []


async def test_a_path_that_cannot_be_looked_at_is_told_in_a_sentence(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / "a.json").write_bytes(lines(1))
    with pytest.raises(BadUsage, match=r"^a{300}: it cannot be read: File name too long$"):
        await imported(emitter, tmp_path / "a.json", "a" * 300)
    assert emitter.logged == []


async def test_an_unreadable_file_is_told_and_the_rest_goes_on(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / "z.json").write_bytes(lines(1))
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(tmp_path / "a.json"))  # exists, but nobody can open it
        summary = await imported(emitter, tmp_path / "a.json", tmp_path / "z.json")
    assert [(file.accepted, file.stopped) for file in summary.files] == [
        (0, "it cannot be read: No such device or address"),
        (1, ""),
    ]


async def test_an_unreadable_directory_is_told(
    tmp_path: Path, emitter: MemoryEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.json").write_bytes(lines(1))
    list_directory = os.scandir

    def scandir(path: str) -> os.PathLike[str]:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return list_directory(path)  # type: ignore[return-value]  # because the iterator is only passed on

    monkeypatch.setattr(os, "scandir", scandir)
    summary = await imported(emitter, tmp_path)
    assert [file.stopped for file in summary.files] == ["", "it cannot be read: Permission denied"]
    assert not summary.complete


async def test_a_file_that_cannot_be_looked_at_is_told_and_the_rest_goes_on(
    tmp_path: Path, emitter: MemoryEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(lines(1))
    is_file = Path.is_file

    def looked_at(path: Path) -> bool:
        if path.name == "a.json":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", looked_at)
    summary = await imported(emitter, tmp_path)
    assert [(file.accepted, file.stopped) for file in summary.files] == [
        (0, "it cannot be read: Permission denied"),
        (1, ""),
    ]


async def test_standard_input_is_a_file_like_any_other(emitter: MemoryEmitter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(lines(3)))))
    assert (await imported(emitter, "-")).files[0].name == "standard input"
    assert [name for name, _ in emitter.logged] == ["file:standard input"] * 3


async def test_batches_are_bounded_and_keep_the_order(tmp_path: Path, emitter: MemoryEmitter) -> None:
    content = lines(5_000)
    (tmp_path / "a.json").write_bytes(content)
    progress: list[Progress] = []
    await imported(emitter, tmp_path, progress=progress)
    assert emitter.batches == [2_000, 2_000, 1_000]
    assert b"".join(raw + b"\n" for _, raw in emitter.logged) == content
    assert [state.records for state in progress] == [2_000, 4_000, 5_000]
    assert progress[-1] == Progress("a.json", len(content), len(content), 5_000)
    assert 0 < progress[0].bytes_read < len(content)


async def test_large_records_make_small_batches(tmp_path: Path, emitter: MemoryEmitter) -> None:
    large = json.dumps(event(detail="x" * 900_000)).encode()
    (tmp_path / "a.json").write_bytes((large + b"\n") * 12)
    await imported(emitter, tmp_path)
    assert emitter.batches == [5, 5, 2]


async def test_a_file_without_any_event_is_given_up(tmp_path: Path, emitter: MemoryEmitter) -> None:
    (tmp_path / "access.log").write_bytes(b"GET / 200\n" * 10_000)
    (tmp_path / "z.json").write_bytes(lines(1))
    log, good = (await imported(emitter, tmp_path)).files
    assert (log.read, log.dead_lettered) == (2_000, 2_000)
    assert log.stopped.endswith("none of its first 2,000 records is an event; the rest was left out")
    assert good.accepted == 1


async def test_a_full_spool_ends_the_import_and_says_how_far_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(lines(5_000))
    emitter = MemoryEmitter(room=4_500)
    with pytest.raises(SpoolFull, match=r"a\.json: stopped after 4,000 records: the spool is full"):
        await imported(emitter, tmp_path)
    again = MemoryEmitter()
    assert (await imported(again, tmp_path)).accepted == 5_000


async def test_dead_letters_that_were_confirmed_count_though_one_found_no_room(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(lines(1) + b"7\n" * 300)
    with pytest.raises(SpoolFull, match="stopped after 250 records"):
        await imported(MemoryEmitter(room=250), tmp_path)


async def test_an_emitter_that_answers_for_other_records_ends_the_process(tmp_path: Path) -> None:
    class Forgetful(MemoryEmitter):
        async def emit_many(self, records: object, source: Source) -> Batch:
            return Batch(1, 0, [], Counter())

    (tmp_path / "a.json").write_bytes(lines(2))
    with pytest.raises(Fatal, match="of 2 records, 1 accepted, 0 refused"):
        await imported(Forgetful(), tmp_path)


async def test_a_cancelled_import_closes_its_file(tmp_path: Path) -> None:
    entered = asyncio.Event()

    class Slow(MemoryEmitter):
        async def emit_many(self, records: object, source: Source) -> Batch:
            entered.set()
            await asyncio.Event().wait()
            raise AssertionError

    (tmp_path / "a.json").write_bytes(lines(5_000))
    running = asyncio.create_task(imported(Slow(), tmp_path))
    await entered.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert tmp_path / "a.json" not in open_files()
