"""`idtrail rules`: what people see of rules and their tests, and the exit codes that a pipeline goes by."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from idtrail.cli.rule_screens import show_backtest
from idtrail.cli.screen import Screen
from streams.alerts.loading import shipped_rules
from tests.alerts.test_loading import GOOD
from tests.cli.running import ROOT, stateless
from tests.delivery.log import PEOPLE

TESTED = GOOD.replace(
    "    alerts: []\n",
    "    alerts: []\n"
    "  - name: three\n"
    "    events:\n"
    "      - {at: 0m, event_type: user_deprovision, times: 3}\n"
    "    alerts:\n"
    "      - {count: 3}\n",
)


def run(
    *arguments: str | Path, code: int = 0, rules_dir: Path | None = None, destinations: Path | None = None
) -> tuple[str, str]:
    """What a command prints, and what it complains of."""
    own = {} if rules_dir is None else {"IDTRAIL_RULES_DIR": str(rules_dir)}
    own |= {} if destinations is None else {"IDTRAIL_DESTINATIONS_FILE": str(destinations)}
    ended, out, err = stateless(["rules", *map(str, arguments)], own)
    assert ended == code, (out, err)
    return out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One rule, `some-rule`, whose two tests pass."""
    (tmp_path / "some-rule.yaml").write_text(TESTED)
    return tmp_path


def test_the_rules_that_ship_pass_their_own_check() -> None:
    shown, _ = run("check")
    rules = shipped_rules()
    tests = sum(len(rule.tests) for rule in rules)
    assert shown.splitlines()[0] == f"{len(rules)} rules are valid, all {tests} tests pass"
    assert "no known event type" not in shown


def test_a_check_lists_each_rule(folder: Path) -> None:
    shown, _ = run("check", folder)
    assert [line.split() for line in shown.splitlines()] == [
        "1 rule is valid, all 2 tests pass".split(),
        ["rule", "kind", "severity", "tests"],
        ["some-rule", "threshold", "low", "2", "passed"],
    ]
    (told,) = map(json.loads, run("check", folder / "some-rule.yaml", "--json")[0].splitlines())
    assert told == {
        "file": f"{folder}/some-rule.yaml",
        "id": "some-rule",
        "kind": "threshold",
        "severity": "low",
        "tests": 2,
        "passed": 2,
    }


def test_ones_own_rules_are_in_force_beside_those_that_ship(folder: Path) -> None:
    (folder / "rate-limited.yaml").write_text(TESTED.replace("some-rule", "rate-limited"))
    told = [json.loads(line) for line in run("check", "--json", rules_dir=folder)[0].splitlines()]
    files = {each["id"]: each["file"] for each in told}
    assert len(told) == len(files) == len(shipped_rules()) + 1
    assert files["some-rule"] == f"{folder}/some-rule.yaml"
    assert files["rate-limited"] == f"{folder}/rate-limited.yaml"
    assert files["failure-ratio"] == "idtrail:failure-ratio.yaml"


def test_a_check_ends_with_findings_where_a_rule_cannot_be_used(folder: Path) -> None:
    (folder / "other-rule.yaml").write_text(GOOD.replace("severity: low", "severity: urgent"))
    shown, _ = run("check", folder, code=3)
    assert f"{folder}/other-rule.yaml:3: severity: input should be 'low'" in shown
    assert "1 rule is valid, all 2 tests pass" in shown
    *_, problem = map(json.loads, run("check", folder, "--json", code=3)[0].splitlines())
    assert problem["problem"].startswith(f"{folder}/other-rule.yaml:3: severity:")


def test_a_check_ends_with_findings_where_a_test_fails(folder: Path) -> None:
    file = folder / "some-rule.yaml"
    file.write_text(TESTED.replace("{count: 3}", "{count: 2}"))
    shown, _ = run("check", folder, code=3)
    assert shown.splitlines()[0] == "1 rule is valid, 1 of 2 tests pass"
    assert "1 of 2 FAILED" in shown
    assert f"Next: idtrail rules test {file}" in shown


def test_an_event_type_that_nobody_sends_is_doubted(folder: Path) -> None:
    (folder / "some-rule.yaml").write_text(TESTED.replace("[user_deprovision]", "[user_deprovison]").split("tests:")[0])
    shown, _ = run("check", folder)
    assert shown.splitlines()[0] == "1 rule is valid, none has a test"
    assert "some-rule: 'user_deprovison' is not a known event type; did you mean user_deprovision?" in shown


def test_an_action_that_there_is_not_and_a_misspelt_type_of_a_test_are_doubted(folder: Path) -> None:
    text = TESTED.replace("[user_deprovision]", "[user_deprovision]\n  action: [add, deprovison]")
    (folder / "some-rule.yaml").write_text(
        text.replace("event_type: user_deprovision}", "event_type: user_deprovisoin}")
    )
    shown, _ = run("check", folder, code=3)
    assert "some-rule: 'deprovison' is not a known action; did you mean deprovision?" in shown
    assert "some-rule: 'user_deprovisoin' is not a known event type; did you mean user_deprovision?" in shown
    assert "'add'" not in shown


def test_a_value_that_a_fact_never_has_is_doubted(folder: Path) -> None:
    where = "fact.cause in ['quota', 'credential'] || fact.weekday != 'Monday' || fact.subject_name == r'any'"
    text = TESTED.replace("[user_deprovision]", f"[user_deprovision]\n  where: {where}")
    (folder / "some-rule.yaml").write_text(text)
    doubts = [line for line in run("check", folder)[0].splitlines() if "never" in line]
    assert doubts == [
        "some-rule: fact.cause is never 'credential'; did you mean credentials?",
        "some-rule: fact.weekday is never 'Monday'; did you mean monday?",
    ]


def test_a_backtest_that_leaves_something_out_says_what_and_what_mends_it() -> None:
    none: dict[str, Any] = {"alerts": 3, "events": 9, "fresh": 9, "rules": {"a": 3}, "against": "told", "same": 3}
    none |= {"gained": 0, "lost": 0, "moved": 0, "listed": [], "left_out": {}}
    left = {"a": {"events": 1, "alerts": 0}, "b": {"events": 20_000, "alerts": 1_000}}
    screens = []
    for result in (none, {**none, "left_out": left}):
        out = StringIO()
        show_backtest(Screen(file=out, width=80), result)
        screens.append(out.getvalue().splitlines())
    plain, told = screens
    mends = "match less, or group by what has fewer values"
    assert [line for line in told if line not in plain] == [
        f"a: too many groups, 1 event left out: {mends}",
        f"b: too many groups, 20,000 events left out; too many alerts, 1,000 left out: {mends}",
    ]


@pytest.mark.parametrize(
    ("named", "written", "said"),
    [
        pytest.param("night", f"[night]\n{PEOPLE}", "", id="a known one"),
        pytest.param(
            "nigth",
            f"[night]\n{PEOPLE}",
            "the rule some-rule names the destination 'nigth', which is not in {file}; did you mean night?",
            id="a misspelt one",
        ),
        pytest.param("night", "[night]", "{file}: night.url: field required", id="a file that cannot be used"),
    ],
)
def test_the_destinations_that_a_rule_names_are_checked_where_a_file_is_set(
    named: str, written: str, said: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "some-rule.yaml").write_text(TESTED.replace("tests:", f"destinations: [{named}]\ntests:"))
    file = tmp_path_factory.mktemp("told") / "destinations.toml"
    file.write_text(written)
    code = 3 if said else 0
    plain = run("check", folder)[0].splitlines()
    told = run("check", folder, destinations=file, code=code)[0].splitlines()
    wrong = [said.format(file=file)] if said else []
    assert [line for line in told if line not in plain] == wrong
    lines = run("check", folder, "--json", destinations=file, code=code)[0].splitlines()
    assert [one["problem"] for one in map(json.loads, lines) if "problem" in one] == wrong


def test_a_rule_without_tests_says_so(folder: Path) -> None:
    (folder / "some-rule.yaml").write_text(TESTED.split("tests:")[0])
    assert run("test", folder / "some-rule.yaml")[0] == "some-rule has no test\n"


@pytest.mark.parametrize("command", ["check", "list", "backtest"])
def test_a_folder_without_rules_is_wrong_use(command: str, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    _, complaint = run(command, tmp_path / "none", code=2)
    assert complaint == f"idtrail: {tmp_path}/none: it has no rules, which are files named *.yaml\n"


def test_a_test_shows_what_was_expected_and_what_came(folder: Path) -> None:
    file = folder / "some-rule.yaml"
    file.write_text(TESTED.replace("{count: 3}", "{count: 2, state: resolved}"))
    shown, _ = run("test", file, code=3)
    assert shown.splitlines() == [
        "some-rule: 1 of 2 tests pass",
        "  passed  one",
        "    expected  no alert",
        "    came      no alert",
        "  FAILED  three",
        "    expected  all: 2 events, resolved",
        "    came      all: 3 events, open",
    ]
    told = [json.loads(line) for line in run("test", file, "--json", code=3)[0].splitlines()]
    assert [(each["name"], each["passed"]) for each in told] == [("one", True), ("three", False)]
    assert told[1]["came"] == [{"group": {}, "count": 3, "state": "open"}]


@pytest.mark.parametrize("command", ["check", "test", "list"])
def test_what_is_not_there_is_wrong_use(command: str, tmp_path: Path) -> None:
    _, complaint = run(command, tmp_path / "nowhere.yaml", code=2)
    assert complaint.startswith(f"idtrail: {tmp_path}/nowhere.yaml: no such file")


def test_a_list_begins_with_the_most_urgent(folder: Path) -> None:
    lines = run("list")[0].splitlines()
    assert lines[0].startswith(f"{len(shipped_rules())} rules: 3 critical, ")
    severities = [line.split()[1] for line in lines[2:]]
    assert severities == sorted(severities, key=["critical", "high", "medium", "low"].index)
    (told,) = map(json.loads, run("list", folder, "--json")[0].splitlines())
    assert (told["id"], told["window"], told["threshold"]) == ("some-rule", "5m", 3)


def test_the_schema_is_the_published_one() -> None:
    assert run("schema")[0] == (ROOT / "schemas/json/rule.json").read_text()
