"""Alert rules in a terminal: their check, their tests, and their backtest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from idtrail.cli.screen import counted, next_commands, number, table, when

if TYPE_CHECKING:
    from streams.alerts.example import ExpectedAlert
    from streams.alerts.loading import Examined
    from streams.alerts.rule import Rule
    from streams.alerts.trial import Trial

SHOWN: Final = 20
"""How many alerts the screen of a backtest names."""


def show_check(out: Console, examined: Examined, tried: dict[str, list[Trial]], unknown: Sequence[str] = ()) -> None:
    """Print the results of the check."""
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
    for problem in unknown:
        out.print(problem, soft_wrap=True, style="red")
    wrong = [name for name, each in tried.items() if not all(trial.passed for trial in each)]
    if wrong:
        out.print(next_commands(*(f"idtrail rules test {name}" for name in wrong[:3])), soft_wrap=True)


def show_trials(out: Console, rule: Rule, trials: Sequence[Trial]) -> None:
    """Print the results of the tests."""
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
    """Return `slack, ann: 5 events, open; …`."""
    return (
        "; ".join(
            f"{', '.join(alert.group.values()) or 'all'}: {counted(alert.count, 'event')}, {alert.state}"
            for alert in alerts
        )
        or "no alert"
    )


def show_backtest(out: Console, result: dict[str, Any]) -> None:
    """Print the results of the backtest."""
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
    """Return what is missing, why, and how to fix it."""
    told = []
    if left["events"]:
        told.append(f"too many groups, {counted(left['events'], 'event')} left out")
    if left["alerts"]:
        told.append(f"too many alerts, {number(left['alerts'])} left out")
    return "; ".join(told) + ": match less, or group by what has fewer values"
