"""From files to rules: what is wrong is said with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import BadRule
from streams.alerts.loading import load_rules, read_rule, rule_texts

GOOD = """\
id: some-rule
title: "{subject_name}"
severity: low
description: Why.
remedy: no
kind: threshold
threshold: 3
window: 5m
match:
  type: [user_deprovision]
group_by: []
owner: 2026-01-05
tests:
  - name: one
    events:
      - {at: 0m, event_type: user_deprovision}
    alerts: []
"""


def problems(text: str) -> list[str]:
    with pytest.raises(BadRule) as caught:
        read_rule(text, "r.yaml", "some-rule")
    return list(caught.value.problems)


def test_words_mean_what_they_seem_to() -> None:
    rule = read_rule(GOOD, "r.yaml", "some-rule")
    assert (rule.remedy, rule.owner) == ("no", "2026-01-05")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        pytest.param("severity: low", "severity: urgent", "3: severity: input should be 'low'", id="no such word"),
        pytest.param("threshold: 3", "treshold: 3", "7: treshold: is not a field of a rule; did you", id="misspelt"),
        pytest.param("[user_deprovision]", "user_deprovision", "10: match.type: must be a list", id="no list"),
        pytest.param("  type:", "  tpye:", "10: match.tpye: is not a field of a condition;", id="in a condition"),
        pytest.param("at: 0m, ", "", "16: tests.0.events.0.at: is missing", id="missing in a test"),
        pytest.param("{at: 0m, e", "{when: 1, at: 0m, e", "16: tests.0.events.0.when: is not a field", id="in a test"),
        pytest.param("some-rule", "other-rule", "1: id: must be 'some-rule', as the file is named", id="another id"),
        pytest.param("window: 5m", "window: 5", "8: window: must be a number with its unit", id="no unit"),
        pytest.param(
            "  type: [user_deprovision]",
            "  type:\n    - user_deprovision\n  where: >\n    fact.nope",
            "12: match.where: fact.nope at character 1 is not known",
            id="an expression",
        ),
        pytest.param("owner:", "ratio: 0.5\nowner:", "12: ratio: is for kind ratio", id="of another kind"),
        pytest.param("owner:", "window: 5m\nowner:", "12: cannot be read as YAML: window is given twice", id="twice"),
        pytest.param("owner:", "\towner:", "12: cannot be read as YAML: found character", id="a tab"),
        pytest.param("[]\nowner", "&x []\ndestinations: *x\nowner", "cannot be read as YAML: a rule", id="an alias"),
        pytest.param("Why.", "!!python/name:os.system", "4: cannot be read as YAML: could not", id="an object"),
        pytest.param("owner: 2", "--- 2", "cannot be read as YAML: but found another document", id="two documents"),
        pytest.param("Why.", "a: b", "4: cannot be read as YAML: mapping values are not", id="a colon"),
        pytest.param("Why.", "a: b", ": put a text with a colon in quotes", id="and what to do"),
        pytest.param("owner", "5", "12: cannot be read as YAML: a field's name must be text", id="a number for a name"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_field(old: str, new: str, says: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert any(f"r.yaml:{says}" in each or says in each for each in found), found
    assert all(each.startswith("r.yaml:") for each in found)


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_lines() -> None:
    text = GOOD.replace("low", "urgent").replace("threshold: 3\n", "").replace("owner:", "ownr:")
    assert [each.split(": ")[1] for each in problems(text)] == ["threshold", "severity", "ownr"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "r.yaml: is empty", id="nothing"),
        pytest.param("- 1", "r.yaml:1: must be fields with their values", id="a list"),
        pytest.param("[" * 5_000, "r.yaml:1: cannot be read as YAML: is nested deeper than 50", id="without end"),
        pytest.param(
            "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]",
            "r.yaml:1: cannot be read as YAML: a rule repeats itself in full",
            id="aliases of aliases",
        ),
        pytest.param("a: \x00", "r.yaml: cannot be read as YAML: unacceptable character", id="a null character"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, says: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(says)


def test_a_folder_gives_its_rules_by_name_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b-rule", "a-rule"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.replace("some-rule", name))
    (tmp_path / "notes.txt").write_text("no rule")
    assert [rule.id for rule in load_rules([tmp_path])] == ["a-rule", "b-rule"]
    assert [rule.id for rule in load_rules([tmp_path / "b-rule.yaml", tmp_path])] == ["b-rule", "a-rule"]


@pytest.mark.parametrize(
    ("group_by", "group", "says"),
    [
        pytest.param("[]", "{subject_id: ann}", "is for rules with groups", id="without groups"),
        pytest.param("[subject_id]", "{subject: ann}", "must have subject_id, as `group_by` says", id="another name"),
        pytest.param("[subject_id, cause]", "{cause: x}", "must have subject_id, cause, as", id="not all"),
    ],
)
def test_a_test_expects_alerts_of_the_rules_own_groups(group_by: str, group: str, says: str) -> None:
    text = GOOD.replace("group_by: []", f"group_by: {group_by}")
    text = text.replace("alerts: []", f"alerts:\n      - count: 1\n        group: {group}")
    (problem,) = problems(text)
    assert problem.startswith(f"r.yaml:19: tests.0.alerts.0.group: {says}")


def test_a_file_whose_name_ends_otherwise_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "some-rule.yml").write_text(GOOD)
    for path in (tmp_path, tmp_path / "some-rule.yml"):
        with pytest.raises(BadRule, match=r"some-rule\.yml: a rule's file is named after its id, and ends with \.yaml"):
            load_rules([path])


def test_texts_are_of_rules_that_can_be_used_each_of_its_own_id(tmp_path: Path) -> None:
    (tmp_path / "some-rule.yaml").write_text(GOOD)
    (tmp_path / "before.yaml").write_text(GOOD)
    assert rule_texts([tmp_path / "some-rule.yaml"]) == [GOOD]
    assert rule_texts([tmp_path / "before.yaml"], named=False) == [GOOD]
    with pytest.raises(BadRule, match=r"before\.yaml:1: id: must be 'before'"):
        rule_texts([tmp_path / "before.yaml"])
    with pytest.raises(BadRule, match=r"is that of .* too"):
        rule_texts([tmp_path], named=False)


def test_files_that_cannot_be_used_are_all_named(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD.replace("some-rule", "good"))
    (tmp_path / "bad-words.yaml").write_bytes(b"id: \xff")
    (tmp_path / "large.yaml").write_text("# " + "x" * 256_000)
    other = tmp_path / "other"
    other.mkdir()
    (other / "good.yaml").write_text(GOOD.replace("some-rule", "good"))
    with pytest.raises(BadRule) as caught:
        load_rules([tmp_path, other, tmp_path / "nowhere.yaml", tmp_path / "no-folder"])
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/bad-words.yaml: is not UTF-8",
        f"{tmp_path}/large.yaml: is larger than 256,000 bytes",
        f"{other}/good.yaml: the id 'good' is that of {tmp_path}/good.yaml too",
        f"{tmp_path}/nowhere.yaml: cannot be read: No such file or directory",
        f"{tmp_path}/no-folder: cannot be read: No such file or directory",
    ]
