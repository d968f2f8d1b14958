"""The broker's jars: what the lock names, whole and unaltered, or a sentence that names the one that is not."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jgo.maven import PythonResolver

from idtrail.stack.jars import KAFKA_VERSION, LOCK, Jar, cache_directory, read_lock, render_lock, verified_jars
from schemas.errors import Fatal

NAMES = ("broker", "clients", "logging")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's Maven repository with three pretend jars, an empty cache, and a lock of them in `tmp_path`."""
    root = tmp_path / "repository"
    jars = []
    for name in NAMES:
        content = name.encode() * 1000
        jar = Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())
        path = root / "org/example" / name / "1.0" / jar.file
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        jars.append(jar)
    (tmp_path / "lock.toml").write_text(render_lock(jars))
    monkeypatch.setenv("M2_REPO", str(root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "none.conf"))
    monkeypatch.setattr(PythonResolver, "download", _no_network)
    return root


def _no_network(resolver: PythonResolver, artifact: object) -> None:
    raise ConnectionError("no route to any repository")


def test_the_committed_lock_is_what_its_jars_render_to() -> None:
    jars = read_lock()
    assert LOCK.read_text() == render_lock(reversed(jars))
    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= {jar.artifact for jar in jars}
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {KAFKA_VERSION}


def test_the_committed_lock_names_no_address_and_no_day() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert "generated" not in text
    assert all(len(jar.sha256) == 64 for jar in read_lock())


def test_jars_are_fetched_once_and_then_come_from_the_cache(repository: Path, tmp_path: Path) -> None:
    said: list[str] = []
    first = verified_jars(said.append, tmp_path / "lock.toml")
    assert [path.name for path in first] == [f"{name}-1.0.jar" for name in NAMES]
    assert len(said) == 1
    for path in repository.rglob("*.jar"):
        path.unlink()
    assert verified_jars(said.append, tmp_path / "lock.toml") == first
    assert len(said) == 1


def test_a_cached_jar_is_no_link_to_a_file_that_others_may_write(repository: Path, tmp_path: Path) -> None:
    for path in verified_jars(lock=tmp_path / "lock.toml"):
        assert not path.is_symlink()
        assert path.stat().st_nlink == 1


def test_only_the_jar_that_is_gone_is_fetched_again(repository: Path, tmp_path: Path) -> None:
    said: list[str] = []
    gone = verified_jars(lock=tmp_path / "lock.toml")[1]
    gone.unlink()
    verified_jars(said.append, tmp_path / "lock.toml")
    assert gone.exists()
    assert said[0].startswith("fetching 1 ")


def test_processes_that_start_together_fetch_once(repository: Path, tmp_path: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: verified_jars(said.append, tmp_path / "lock.toml"), range(4)))
    assert len(said) == 1
    assert found == [found[0]] * 4


def test_an_altered_jar_is_named_and_removing_it_mends(repository: Path, tmp_path: Path) -> None:
    altered = verified_jars(lock=tmp_path / "lock.toml")[2]
    altered.write_bytes(altered.read_bytes()[:-1] + b"!")
    with pytest.raises(Fatal, match=r"logging-1\.0\.jar is not the jar that is locked .* remove it"):
        verified_jars(lock=tmp_path / "lock.toml")
    altered.unlink()
    assert verified_jars(lock=tmp_path / "lock.toml")


def test_a_jar_that_is_too_many_is_named(repository: Path, tmp_path: Path) -> None:
    verified_jars(lock=tmp_path / "lock.toml")
    (cache_directory() / "stranger-6.6.jar").write_bytes(b"")
    with pytest.raises(Fatal, match=r"stranger-6\.6\.jar is not among the broker's locked jars: remove it"):
        verified_jars(lock=tmp_path / "lock.toml")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(
            lambda path: path.unlink(),
            r"clients-1\.0\.jar could not be fetched \(no route .* network is there, or set IDTRAIL_KAFKA_BOOTSTRAP",
            id="nowhere to be had",
        ),
        pytest.param(
            lambda path: path.write_bytes(b"half"), r"clients-1\.0\.jar is not the jar that is locked", id="half of it"
        ),
    ],
)
def test_a_jar_that_cannot_be_had_leaves_none_of_it_in_the_cache(
    repository: Path, tmp_path: Path, spoil: object, sentence: str
) -> None:
    assert callable(spoil)
    spoil(repository / "org/example/clients/1.0/clients-1.0.jar")
    with pytest.raises(Fatal, match=sentence):
        verified_jars(lock=tmp_path / "lock.toml")
    assert "clients-1.0.jar" not in {path.name for path in cache_directory().parent.rglob("*")}
