"""`idtrail rules import-sigma`: what is printed, written and refused, and the exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from idtrail.cli.commands.import_sigma import import_sigma
from schemas.errors import BadUsage
from tests.cli.test_rules import run

GOOD = """\
title: Closed
logsource: {product: jumpcloud}
detection:
  closed: {event_type: user_deprovision}
  condition: closed
"""
BAD = GOOD.replace("Closed", "Bad").replace("jumpcloud", "okta")
REFUSED = "s.yml:8: logsource: must be product: jumpcloud, alone or with service: directory_insights"


@pytest.fixture
def sigma(tmp_path: Path) -> Path:
    """A file with a rule that is imported, and one that is not."""
    file = tmp_path / "s.yml"
    file.write_text(f"{GOOD}---\n{BAD}")
    return file


def test_rules_are_printed_and_what_is_refused_is_told_beside_them(sigma: Path) -> None:
    printed, told = run("import-sigma", sigma, code=3)
    assert printed.startswith("id: sigma-closed\ntitle: Closed\n")
    assert "---" not in printed
    assert told.splitlines() == [f"{sigma.parent}/{REFUSED}", "idtrail: 1 rule, 1 refused"]


def test_a_pattern_that_is_none_is_told_in_one_line_too(sigma: Path) -> None:
    """The library that reads patterns would add its own."""
    sigma.write_text(GOOD.replace("user_deprovision", "user_deprovision, a|re: '(?=x)'"))
    _, told = run("import-sigma", sigma, code=3)
    says = "detection.closed.a|re: Regular expression '(?=x)' is invalid: invalid perl operator: (?="
    assert told.splitlines() == [f"{sigma}:4: {says}", "idtrail: 0 rules, 1 refused"]


def test_several_are_printed_as_documents(sigma: Path) -> None:
    sigma.write_text(f"{GOOD}---\n{GOOD.replace('Closed', 'Again')}")
    printed, told = run("import-sigma", sigma)
    assert [each.split("\n")[0] for each in printed.split("---\n")] == ["id: sigma-closed", "id: sigma-again"]
    assert told == "idtrail: 2 rules, 0 refused\n"


def test_rules_are_written_and_can_be_checked(sigma: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "rules"
    for _ in range(2):  # the same once more changes nothing
        printed, _told = run("import-sigma", sigma.parent, "--into", folder, code=3)
        assert printed == f"{folder}/sigma-closed.yaml\n"
    checked, _ = run("check", folder)
    assert checked.splitlines()[0] == "1 rule is valid, none has a test"


def test_what_was_changed_since_is_kept(sigma: Path, tmp_path: Path) -> None:
    sigma.write_text(GOOD)
    run("import-sigma", sigma, "--into", tmp_path)
    file = tmp_path / "sigma-closed.yaml"
    file.write_text(file.read_text() + "owner: ada\n")
    printed, told = run("import-sigma", sigma, "--into", tmp_path, code=3)
    assert printed == ""
    assert told.splitlines()[0] == f"{file}: is there already and says something else: remove it first"
    assert file.read_text().endswith("owner: ada\n")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"\xff", "s.yml: is not UTF-8", id="no text"),
        pytest.param(b"#" * 300_000, "s.yml: is larger than 256,000 bytes", id="too large"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(content: bytes, says: str, sigma: Path) -> None:
    sigma.write_bytes(content)
    _, told = run("import-sigma", sigma, code=3)
    assert told.splitlines()[0].endswith(says)


def test_what_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    _, told = run("import-sigma", tmp_path / "nothing.yml", code=2)
    assert told == f"idtrail: {tmp_path}/nothing.yml: no such file or folder\n"


def test_a_folder_that_cannot_be_written_is_told(sigma: Path) -> None:
    _, told = run("import-sigma", sigma, "--into", sigma, code=1)
    assert told == f"idtrail: {sigma}: the rules cannot be written: File exists\n"


def test_without_the_library_it_says_what_to_install(sigma: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigma.correlations", None)
    monkeypatch.delitem(sys.modules, "streams.alerts.sigma.conversion", raising=False)
    with pytest.raises(BadUsage, match=r"needs pySigma, which is not installed: pip install 'idtrail\[sigma\]'"):
        import_sigma([sigma])
