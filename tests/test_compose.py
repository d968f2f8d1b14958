"""compose.yaml and the Dockerfile, as far as they can be held to the code without an engine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from idtrail.settings import Settings

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_every_environment_name_of_ours_is_a_setting(compose: dict[str, Any]) -> None:
    known = {f"IDTRAIL_{name.upper()}" for name in Settings.model_fields}
    used = set(re.findall(r"\bIDTRAIL_[A-Z_]+", (ROOT / "compose.yaml").read_text()))
    used |= set(re.findall(r"\bIDTRAIL_[A-Z_]+", (ROOT / ".env.example").read_text()))
    used -= {"IDTRAIL_"}
    assert used
    assert used <= known


def test_the_broker_is_the_version_that_the_jar_lock_pins(compose: dict[str, Any]) -> None:
    lock = tomllib.loads((ROOT / "idtrail" / "kafka.lock.toml").read_text())
    (pinned,) = {jar["version"] for jar in lock["jars"] if jar["artifact"] == "kafka_2.13"}
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{pinned}"


@pytest.mark.parametrize("service", ["kafka", "clickhouse", "worker", "api"])
def test_every_service_is_watched_restarted_and_keeps_its_data(compose: dict[str, Any], service: str) -> None:
    definition = compose["services"][service]
    assert definition["healthcheck"]["test"][0] == "CMD"
    assert definition["restart"] == "unless-stopped"
    volumes = [volume.split(":")[0] for volume in definition["volumes"]]
    assert set(volumes) <= set(compose["volumes"])


def test_nothing_runs_as_root(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["user"] == "1000:1000"
    assert compose["services"]["clickhouse"]["user"] == "101:101"
    last_stage = (ROOT / "Dockerfile").read_text().rsplit("FROM", 1)[1]
    assert re.search(r"^USER idtrail$", last_stage, re.MULTILINE)


def test_no_secret_has_a_default(compose: dict[str, Any]) -> None:
    for name in ("CLICKHOUSE_PASSWORD", "IDTRAIL_ADMIN_TOKEN"):
        uses = re.findall(rf"\$\{{{name}[^}}]*\}}", (ROOT / "compose.yaml").read_text())
        assert uses
        assert all(":?" in use for use in uses)


def test_the_image_copies_every_package_and_installs_by_hash() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for package in ("schemas", "broker", "producers", "streams", "queries", "idtrail"):
        assert f"COPY {package} {package}" in text
    installs = [line for line in text.splitlines() if "pip install" in line and ".lock" in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


@pytest.mark.parametrize(
    ("lock", "needed"),
    [
        pytest.param("requirements.lock", "s3fs", id="to run, buckets of S3 included"),
        pytest.param("requirements-build.lock", "hatchling", id="to build"),
        pytest.param("requirements-dev.lock", "pytest", id="to develop"),
    ],
)
def test_locks_carry_hashes_and_no_addresses(lock: str, needed: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    pinned = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)
    assert needed in pinned
    assert text.count("--hash=sha256:") >= len(pinned)
