"""`idtrail rules`: lists, checks and tests alert rules. Only the backtest needs a running trail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idtrail.cli import Json, Since, Until, app, connect
from idtrail.cli.rule_screens import show_backtest, show_check, show_trials
from idtrail.cli.screen import console, counted, print_json, table
from schemas.errors import BadUsage, UserError

if TYPE_CHECKING:
    from streams.alerts.loading import Examined
    from streams.alerts.rule import Rule
    from streams.alerts.trial import Trial

rules = typer.Typer(no_args_is_help=True, help="Alert rules: list them, check them, run their tests.")
app.add_typer(rules, name="rules")

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
    """Check that rules are valid, their tests pass, and the destinations that they name are in the file, if one is set.
    Exit code 3 when not."""
    from streams.alerts.trial import trials_of

    examined = _examined(paths)
    tried = {name: trials_of(rule) for name, rule in examined.rules.items()}
    failed = sum(not trial.passed for trials in tried.values() for trial in trials)
    unknown = _unknown_destinations(examined.rules.values())
    if as_json:
        problems = ({"problem": problem} for problem in (*examined.problems, *unknown))
        print_json([*_json_of(examined, tried), *problems])
    else:
        show_check(console(), examined, tried, unknown)
    if examined.problems or failed or unknown:
        raise typer.Exit(3)


@rules.command("test")
def try_rule(
    file: Annotated[Path, typer.Argument(help="A rule's file.")],
    as_json: Json = False,
) -> None:
    """Run a rule's tests, each with the expected and the actual result. Exit code 3 when one fails."""
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
            help="Rules to compare with, such as the previous version, whatever its file is named; by default, "
            "the alerts that were raised.",
            show_default=False,
        ),
    ] = None,
    organization: Annotated[str, typer.Option(help="Only this organization's events.", show_default=False)] = "",
    as_json: Json = False,
) -> None:
    """Run rules over what the trail holds: the alerts they would have made, and how that differs. Notifies nobody.

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


def _all_there(paths: Iterable[Path] | None) -> None:
    """Raises `BadUsage` for missing files, and for a folder without rules: a check of nothing would find nothing
    wrong."""
    for path in paths or ():
        if not path.exists():
            raise BadUsage(f"{path}: no such file or folder")
        if path.is_dir() and not (any(path.glob("*.yaml")) or any(path.glob("*.yml"))):
            raise BadUsage(f"{path}: it has no rules, which are files named *.yaml")


def _texts(paths: list[Path] | None, *, named: bool = True) -> list[str]:
    """Return the contents of the files, each a usable rule. Raises `BadRule`."""
    from idtrail.settings import load_settings
    from streams.alerts.loading import rule_texts, texts_in_force

    _all_there(paths)
    if paths:
        return rule_texts(paths, named=named)
    folder = load_settings().rules_dir
    return texts_in_force([] if folder is None else [folder.expanduser()])


def _examined(paths: list[Path] | None) -> Examined:
    from idtrail.settings import load_settings
    from streams.alerts.loading import examine, examine_in_force

    _all_there(paths)
    return examine(paths) if paths else examine_in_force(load_settings().rules_dir)


def _unknown_destinations(rules: Iterable[Rule]) -> list[str]:
    """Return what is wrong with the destinations that rules name, or with the file that should define them."""
    from idtrail.settings import load_settings
    from streams.alerts.delivery.destinations import load_destinations, unknown_names

    file = load_settings().destinations_file
    if file is None:
        return []
    try:
        return unknown_names(rules, load_destinations(file), file)
    except BadUsage as error:
        return str(error).splitlines()


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
