"""`idtrail rules`: the alert rules, whether they can be used, and what their tests say. Needs no running trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console

from idtrail.cli import Json, Since, Until, app, connect
from idtrail.cli.screen import console, counted, next_commands, number, print_json, table, when
from schemas.errors import BadUsage, UserError

if TYPE_CHECKING:
    from streams.alerts.example import ExpectedAlert
    from streams.alerts.loading import Examined
    from streams.alerts.rule import Rule
    from streams.alerts.trial import Trial

rules = typer.Typer(no_args_is_help=True, help="Alert rules: list them, check them, run their tests.")
app.add_typer(rules, name="rules")

SHOWN: Final = 20
"""Alerts that a backtest's screen names."""

Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Files, or folders of *.yaml; without any, the rules in force: those that ship, and your own.",
        show_default=False,
    ),
]


@rules.command("list")
def list_rules(paths: Paths = None, as_json: Json = False) -> None:
    """List rules, the most urgent first."""
    found = sorted(_examined(paths).sound(), key=_urgency)
    if as_json:
        print_json([_told(rule) for rule in found])
        return
    out = console()
    counts = Counter(rule.severity for rule in found)
    told = ", ".join(f"{counts[severity]} {severity}" for severity in dict.fromkeys(rule.severity for rule in found))
    out.print(counted(len(found), "rule") + (f": {told}" if told else ""))
    rows = table("rule", "severity", "title")
    for rule in found:
        rows.add_row("  " + rule.id, rule.severity, ("(staging) " if rule.staging else "") + rule.title)
    out.print(rows)


@rules.command()
def check(paths: Paths = None, as_json: Json = False) -> None:
    """Check that rules are valid and their tests pass. Exit code 3 when not."""
    from streams.alerts.trial import trials_of

    examined = _examined(paths)
    tried = {name: trials_of(rule) for name, rule in examined.rules.items()}
    failed = sum(not trial.passed for trials in tried.values() for trial in trials)
    if as_json:
        print_json([*_json_of(examined, tried), *({"problem": problem} for problem in examined.problems)])
    else:
        show_check(console(), examined, tried)
    if examined.problems or failed:
        raise typer.Exit(3)


@rules.command("test")
def try_rule(
    file: Annotated[Path, typer.Argument(help="A rule's file.")],
    as_json: Json = False,
) -> None:
    """Run a rule's tests: each with what was expected and what came. Exit code 3 when one fails."""
    from streams.alerts.loading import load_rules
    from streams.alerts.trial import trials_of

    if not file.is_file():
        raise BadUsage(f"{file}: no such file")
    (rule,) = load_rules([file])
    trials = trials_of(rule)
    if as_json:
        print_json([_json_of_trial(trial) for trial in trials])
    else:
        show_trials(console(), rule, trials)
    if not all(trial.passed for trial in trials):
        raise typer.Exit(3)


@rules.command()
def backtest(
    files: Paths = None,
    since: Since = "30d",
    until: Until = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="Rules to hold them against, such as the version before, whatever its file is named; without any, "
            "what was told.",
            show_default=False,
        ),
    ] = None,
    organization: Annotated[str, typer.Option(help="Only this organization's events.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Run rules over what the trail holds: the alerts they would have made, and how that differs. Pages nobody.

    Needs a running trail, and a token with the scope admin and of every organization.
    """
    from idtrail.cli.jobs import follow

    old = _texts(against, named=False) if against else []
    wanted = {"since": since, "until": until, "organization": organization, "rules": _texts(files), "against": old}
    api = connect()
    api.post("/api/v1/jobs/backtest", wanted)
    state = follow(api, "backtest", {"evaluating": "running the rules"})
    if state["error"]:
        raise UserError(f"the backtest ended early: {state['error']}")
    if as_json:
        print_json(state["result"])
    else:
        show_backtest(console(), state["result"])


@rules.command()
def schema() -> None:
    """Print the JSON Schema of a rule, for an editor that completes and checks what is written."""
    from importlib import resources

    typer.echo((resources.files("schemas") / "json" / "rule.json").read_text().rstrip())


def show_check(out: Console, examined: Examined, tried: dict[str, list[Trial]]) -> None:
    """The screen."""
    from streams.alerts.doubts import doubts_about

    trials = [trial for each in tried.values() for trial in each]
    passed = sum(trial.passed for trial in trials)
    if examined.problems:
        out.print(f"{counted(len(examined.problems), 'problem')} in rules that cannot be used", style="red")
        for problem in examined.problems:
            out.print(f"  {problem}", soft_wrap=True)
    tests = (
        f"all {counted(len(trials), 'test')} pass" if passed == len(trials) else f"{passed} of {len(trials)} tests pass"
    )
    valid = f"{counted(len(tried), 'rule')} {'is' if len(tried) == 1 else 'are'} valid"
    out.print(f"{valid}, {tests if trials else 'none has a test'}")
    rows = table("rule", "kind", "severity", "tests")
    for name, rule in examined.rules.items():
        good = sum(trial.passed for trial in tried[name])
        count = len(tried[name])
        told = "none" if not count else f"{good} passed" if good == count else f"{count - good} of {count} FAILED"
        rows.add_row("  " + rule.id, rule.kind, rule.severity, told)
    if tried:
        out.print(rows)
    for rule in examined.rules.values():
        for doubt in doubts_about(rule):
            out.print(f"{rule.id}: {doubt}", soft_wrap=True)
    wrong = [name for name, each in tried.items() if not all(trial.passed for trial in each)]
    if wrong:
        out.print(next_commands(*(f"idtrail rules test {name}" for name in wrong[:3])), soft_wrap=True)


def show_trials(out: Console, rule: Rule, trials: Sequence[Trial]) -> None:
    """The screen."""
    passed = sum(trial.passed for trial in trials)
    if not trials:
        out.print(f"{rule.id} has no test")
        return
    out.print(f"{rule.id}: {passed} of {counted(len(trials), 'test')} {'passes' if len(trials) == 1 else 'pass'}")
    for trial in trials:
        word, style = ("passed", "green") if trial.passed else ("FAILED", "red")
        out.print(f"  {word}  {trial.name}", soft_wrap=True, style=style)
        if trial.unreadable:
            out.print(f"    an event of it can be read by nobody: {trial.unreadable}", soft_wrap=True)
            continue
        out.print(f"    expected  {_alerts(trial.expected)}", soft_wrap=True)
        out.print(f"    came      {_alerts(trial.came)}", soft_wrap=True)


def _alerts(alerts: Iterable[ExpectedAlert]) -> str:
    """`slack, ann: 5 events, open; …`."""
    return (
        "; ".join(
            f"{', '.join(alert.group.values()) or 'all'}: {counted(alert.count, 'event')}, {alert.state}"
            for alert in alerts
        )
        or "no alert"
    )


def show_backtest(out: Console, result: dict[str, Any]) -> None:
    """The screen."""
    out.print(f"{counted(result['alerts'], 'alert')} of {counted(result['events'], 'event')}")
    rows = table("rule", "alerts", right=("alerts",))
    for rule_id, count in sorted(result["rules"].items(), key=lambda each: (-each[1], each[0])):
        rows.add_row("  " + rule_id, number(count))
    if result["rules"]:
        out.print(rows)
    for rule_id, left in result["left_out"].items():
        out.print(f"{rule_id}: {_left_out(left)}", soft_wrap=True, style="red")
    beside = "the rules it is held against" if result["against"] == "rules" else "what was told"
    told = ", ".join(f"{number(result[change])} {change}" for change in ("gained", "lost", "moved"))
    if result["against"] == "told" and result["events"] != result["fresh"]:
        out.print(
            f"Live detection had {counted(result['fresh'], 'event')} of these; the others came too late to be fresh."
        )
    out.print(f"Beside {beside}: {told}, {number(result['same'])} the same")
    changes = table("change", "opened (UTC)", "ended", "events", "alert", right=("events",))
    for item in result["listed"][:SHOWN]:
        ended = when(item["ended_at"]) if item["ended_at"] else "open"
        changes.add_row("  " + item["change"], when(item["opened_at"]), ended, number(item["events"]), item["title"])
    if result["listed"]:
        out.print(changes)
    more = sum(result[change] for change in ("gained", "lost", "moved")) - SHOWN
    if more > 0:
        out.print(f"  … {number(more)} more; --json names {number(len(result['listed']))}")


def _left_out(left: dict[str, int]) -> str:
    """What is missing, why, and what mends it."""
    told = []
    if left["events"]:
        told.append(f"too many groups, {counted(left['events'], 'event')} left out")
    if left["alerts"]:
        told.append(f"too many alerts, {number(left['alerts'])} left out")
    return "; ".join(told) + ": match less, or group by what has fewer values"


def _all_there(paths: Iterable[Path] | None) -> None:
    """Raises `BadUsage` for what is not, and for a folder without rules: a check of nothing finds nothing wrong."""
    for path in paths or ():
        if not path.exists():
            raise BadUsage(f"{path}: no such file or folder")
        if path.is_dir() and not (any(path.glob("*.yaml")) or any(path.glob("*.yml"))):
            raise BadUsage(f"{path}: no rule is in it: their files are named *.yaml")


def _texts(paths: list[Path] | None, *, named: bool = True) -> list[str]:
    """What the files hold, each a rule that can be used. Raises `BadRule`."""
    from idtrail.settings import load_settings
    from streams.alerts.loading import rule_texts, texts_in_force

    _all_there(paths)
    if paths:
        return rule_texts(paths, named=named)
    folder = load_settings().rules_dir
    return texts_in_force([] if folder is None else [folder.expanduser()])


def _examined(paths: list[Path] | None) -> Examined:
    from idtrail.settings import load_settings
    from streams.alerts.loading import examine, examine_shipped

    _all_there(paths)
    if paths:
        return examine(paths)
    folder = load_settings().rules_dir
    return examine_shipped() if folder is None else examine_shipped().with_own(examine([folder.expanduser()]))


def _urgency(rule: Rule) -> tuple[int, str]:
    from schemas.alerts import Severity

    return -list(Severity).index(rule.severity), rule.id


def _told(rule: Rule) -> dict[str, Any]:
    return rule.model_dump(mode="json", exclude={"tests"}, exclude_none=True)


def _json_of(examined: Examined, tried: dict[str, list[Trial]]) -> list[dict[str, Any]]:
    return [
        {
            "file": name,
            "id": rule.id,
            "kind": rule.kind,
            "severity": rule.severity,
            "tests": len(tried[name]),
            "passed": sum(trial.passed for trial in tried[name]),
        }
        for name, rule in examined.rules.items()
    ]


def _json_of_trial(trial: Trial) -> dict[str, Any]:
    return {
        "name": trial.name,
        "passed": trial.passed,
        "expected": [alert.model_dump(mode="json") for alert in trial.expected],
        "came": [alert.model_dump(mode="json") for alert in trial.came],
        "unreadable": trial.unreadable,
    }
