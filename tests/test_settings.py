"""Settings: where they come from, what a wrong one says, that each is documented."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from idtrail.settings import Settings, load_settings
from pages.setting_page import settings_page
from schemas.errors import BadUsage
from tests.cli.running import ROOT


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the settings of whoever runs it."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"IDTRAIL_{name.upper()}", raising=False)
    return tmp_path


def test_the_environment_wins_over_the_file(own_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_directory / "idtrail.toml").write_text('api_port = 1111\norganization = "acme"\n')
    monkeypatch.setenv("IDTRAIL_API_PORT", "2222")
    settings = load_settings()
    assert (settings.api_port, settings.organization) == (2222, "acme")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("IDTRAIL_API_PORT", "eighty", "IDTRAIL_API_PORT: .*integer", id="not a number"),
        pytest.param("IDTRAIL_API_PORT", "70000", "IDTRAIL_API_PORT: .*65535", id="no such port"),
        pytest.param("IDTRAIL_JAVA", "homebrew", "IDTRAIL_JAVA: .*'bundled' or 'system'", id="not a choice"),
        pytest.param("IDTRAIL_SINK_FLUSH_MS", "0", "IDTRAIL_SINK_FLUSH_MS", id="below the least"),
        pytest.param("IDTRAIL_ORGANIZATION", "*", "IDTRAIL_ORGANIZATION: .*the id of one", id="all organizations"),
        pytest.param("IDTRAIL_SYNCED", "perhaps", "IDTRAIL_SYNCED", id="not a boolean"),
    ],
)
def test_a_wrong_value_names_the_setting_and_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadUsage, match=told):
        load_settings()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b'organization = "acme\n', r"idtrail\.toml is not valid TOML: .*line 1", id="a quote is missing"),
        pytest.param("organization = 'Zoë'".encode("latin-1"), r"idtrail\.toml is not UTF-8 \(byte 18\)", id="Latin-1"),
        pytest.param(None, r"idtrail\.toml cannot be read: Input/output error", id="unreadable"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong(own_directory: Path, content: bytes | None, told: str) -> None:
    file = own_directory / "idtrail.toml"
    if content is None:
        file.symlink_to("/proc/self/mem")
    else:
        file.write_bytes(content)
    with pytest.raises(BadUsage, match=told):
        load_settings()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDTRAIL_STATE_DIR", "~nobody-of-that-name/trail")
    with pytest.raises(BadUsage, match="IDTRAIL_STATE_DIR: `~` needs a home directory"):
        load_settings()


def test_an_unknown_name_in_the_file_is_named(own_directory: Path) -> None:
    (own_directory / "idtrail.toml").write_text("api_prot = 1\n")
    with pytest.raises(BadUsage, match="no setting 'api_prot', did you mean api_port"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("IDTRAIL_KAFKA_SASL_PASWORD", "did you mean IDTRAIL_KAFKA_SASL_PASSWORD", id="misspelt"),
        pytest.param("IDTRAIL_COFFEE_BEANS", "IDTRAIL_COFFEE_BEANS, which is not a setting \\(", id="like no other"),
        pytest.param("idtrail_api_prot", "did you mean IDTRAIL_API_PORT", id="in small letters"),
    ],
)
def test_an_unknown_name_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    monkeypatch.setenv(name, "hush")
    with pytest.raises(BadUsage, match=told) as said:
        load_settings()
    assert "hush" not in str(said.value)


def test_names_of_other_programs_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDTRAILER", "1")
    load_settings()


def test_a_secret_is_never_in_what_is_said_of_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDTRAIL_TOKEN", "idt_hush")
    monkeypatch.setenv("IDTRAIL_JAVA", "idt_hush")
    with pytest.raises(BadUsage) as told:
        load_settings()
    assert "hush" not in str(told.value)
    monkeypatch.setenv("IDTRAIL_JAVA", "bundled")
    assert "hush" not in repr(load_settings())


def test_every_setting_has_a_default_and_a_sentence_and_is_on_the_page() -> None:
    page = settings_page()
    for name, field in Settings.model_fields.items():
        assert not field.is_required()
        assert field.description
        assert field.description.rstrip()[-1] in ".:)"
        assert f"`IDTRAIL_{name.upper()}`" in page


def test_every_setting_is_read() -> None:
    code = "".join(path.read_text() for path in (ROOT / "idtrail").rglob("*.py"))

    assert set(Settings.model_fields) <= set(re.findall(r"\b(?:settings|self)\.(\w+)", code))
