"""Exports in buckets: S3 against moto's server; gs:// over fsspec's own memory, for there is no such server for it."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import fsspec
import orjson
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from producers.buckets import list_objects
from producers.files import FileSummary
from producers.journal import Journal
from producers.watch import Watch
from schemas.errors import BadUsage, NotFound, UserError
from tests.files.support import MemoryEmitter, imported
from tests.records import NOON, ORGANIZATION, event

NAME = f"jc_directoryinsights_{ORGANIZATION}_directory_2026-03-19T14-00-00Z_2026-03-19T14-07-30Z.json.gz"
REGISTRY: dict[str, Any] = sys.modules["fsspec.registry"].__dict__["_registry"]
"""Implementations that fsspec has imported; its read-only view of them has the module's own name."""


class GsInMemory(MemoryFileSystem):  # type: ignore[misc]  # because fsspec ships no types
    """Stands for gcsfs: the same calls, nothing behind them."""

    protocol = "gs"
    store: dict[str, Any] = {}  # noqa: RUF012  because that is how the class it stands on keeps its files

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("gs://")))


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer  # half a second that only this file's process has to spend

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "pretend",
        "AWS_SECRET_ACCESS_KEY": "pretend",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    return "s3"


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(REGISTRY, "gs", GsInMemory)
    monkeypatch.setattr(GsInMemory, "store", {})
    return "gs"


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest) -> str:
    """The address of an empty bucket."""
    address = f"{request.getfixturevalue(request.param)}://exports-{uuid4().hex[:8]}"
    files_of(address).mkdir(address)
    return address


def files_of(address: str) -> Any:
    return fsspec.filesystem(address.partition("://")[0], use_listings_cache=False)


def put(address: str, content: bytes) -> str:
    files_of(address).pipe(address, content)
    return address


def export(*events: dict[str, Any], indent: int | None = 2) -> bytes:
    """As the vendor's S3 application writes them: one gzipped array."""
    return gzip.compress(json.dumps(list(events), indent=indent).encode())


async def test_the_exports_of_a_bucket_are_imported_and_other_objects_named(bucket: str) -> None:
    emitter = MemoryEmitter()
    first = put(f"{bucket}/{NAME}", export(event(), event()))
    second = put(f"{bucket}/older/all.json.gz", export(event(), indent=None))
    other = put(f"{bucket}/picture.png", b"\x89PNG")
    summary = await imported(emitter, bucket)
    assert [(file.name, file.accepted) for file in summary.files] == [(first, 2), (second, 1)]
    assert summary.skipped == [other]
    assert {source for source, _ in emitter.logged} == {f"file:{first}", f"file:{second}"}


async def test_an_object_or_a_folder_of_a_bucket_may_be_named_by_itself(bucket: str) -> None:
    odd = put(f"{bucket}/a/export.2026", export(event()))
    put(f"{bucket}/b/x.json", orjson.dumps(event()))
    assert [file.name for file in (await imported(MemoryEmitter(), odd)).files] == [odd]
    assert [file.name for file in (await imported(MemoryEmitter(), f"{bucket}/b")).files] == [f"{bucket}/b/x.json"]


async def test_a_large_object_comes_through_whole_and_in_order(bucket: str) -> None:
    lines = [orjson.dumps(event(pad="x" * 4_000)) for _ in range(1_500)]  # more than is fetched at once
    address = put(f"{bucket}/large.ndjson", b"\n".join(lines))
    emitter = MemoryEmitter()
    (file,) = (await imported(emitter, address)).files
    assert [raw for _, raw in emitter.logged] == lines
    assert file.stopped == ""


async def test_a_bucket_is_watched_as_a_folder_is(bucket: str, tmp_path: Path) -> None:
    emitter, told = MemoryEmitter(), list[FileSummary]()
    steps: list[Callable[[], object]] = [
        lambda: put(f"{bucket}/b.json.gz", export(event())[:-9]),
        lambda: put(f"{bucket}/b.json.gz", export(event(), event())),
        lambda: None,
    ]

    async def wait(pause: timedelta) -> bool:
        if steps:
            steps.pop(0)()
            return True
        return False

    put(f"{bucket}/a.json.gz", export(event()))
    for _ in range(2):  # the second one finds nothing new
        with Journal(tmp_path / "imports.sqlite3") as journal:
            watch = Watch(
                [bucket], emitter, journal, organization=ORGANIZATION, every=timedelta(seconds=1),
                clock=lambda: NOON, wait=wait, on_file=told.append,
            )  # fmt: skip
            await watch.run()
            assert watch.watched.complete
    assert [(file.name.rpartition("/")[2], bool(file.stopped)) for file in told] == [
        ("a.json.gz", False),
        ("b.json.gz", True),
        ("b.json.gz", False),
    ]


@pytest.mark.parametrize("below", ["/nothing", "/nothing.json"])
async def test_what_is_not_there_is_told_before_anything_is_read(bucket: str, below: str) -> None:
    put(f"{bucket}/a.json", orjson.dumps(event()))
    emitter = MemoryEmitter()
    with pytest.raises(NotFound, match="no such bucket, folder or object"):
        await imported(emitter, bucket, bucket + below)
    assert emitter.logged == []


def test_a_bucket_that_refuses_us_is_told(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Any:
        raise RuntimeError("Unable to locate credentials\nand much more")

    monkeypatch.setattr(fsspec.get_filesystem_class(s3), "find", refuse)
    with pytest.raises(UserError, match=r"s3://mine cannot be listed: Unable to locate credentials: .*docs/imports.md"):
        list_objects("s3://mine")


async def test_an_object_that_breaks_off_is_worth_another_try(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"s3://broken-{uuid4().hex[:8]}"
    files_of(bucket).mkdir(bucket)
    address = put(f"{bucket}/a.json", orjson.dumps(event()))

    def fail(*_: object, **__: object) -> bytes:
        raise ConnectionResetError("the connection was reset")

    monkeypatch.setattr("s3fs.core.S3File._fetch_range", fail)
    (file,) = (await imported(MemoryEmitter(), address)).files
    assert file.stopped == "stopped at byte 0: it cannot be read further: the connection was reset"
    assert file.passing


@pytest.mark.parametrize(
    ("address", "missing", "told"),
    [
        pytest.param("s3://b/a.json", "s3fs", r"s3:// needs s3fs.*pip install 'idtrail\[s3\]'", id="no s3fs"),
        pytest.param("gs://b/a.json", "gcsfs", r"gs:// needs gcsfs.*pip install 'idtrail\[gs\]'", id="no gcsfs"),
        pytest.param("s3://b/a.json", "fsspec", r"pip install 'idtrail\[s3\]'", id="no fsspec either"),
        pytest.param("ftp://b/a.json", "", "ftp:// cannot be read: only s3://, gs:// and files", id="another scheme"),
    ],
)
def test_what_cannot_be_read_yet_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, address: str, missing: str, told: str
) -> None:
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
        for scheme in ("s3", "gs"):
            monkeypatch.delitem(REGISTRY, scheme, raising=False)
    with pytest.raises(BadUsage, match=told):
        list_objects(address)
