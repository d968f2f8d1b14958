"""`idtrail destinations`: checks and tests who is notified of alerts. Needs no running trail."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idtrail.cli import Json, app, say
from idtrail.cli.screen import console, counted, next_commands, print_json, table
from schemas.errors import BadUsage, UserError

if TYPE_CHECKING:
    from idtrail.settings import Settings
    from streams.alerts.delivery.channel import Channel
    from streams.alerts.delivery.destinations import Destination, Destinations

destinations = typer.Typer(no_args_is_help=True, help="Who is notified of alerts: check the file, send a test message.")
app.add_typer(destinations, name="destinations")


@destinations.command()
def check(as_json: Json = False) -> None:
    """Check the file of destinations, and that every rule names known ones. Sends nothing. Exit code 3 when not."""
    settings = _settings()
    try:
        found, _ = _opened(settings)
        problems = _unknown(settings, found)
    except BadUsage as error:
        say(str(error))
        raise typer.Exit(3) from None
    if as_json:
        print_json([_told(one) for one in found])
    else:
        rows = table("destination", "by", "takes", "quiet", "per hour")
        for one in found:
            hours = one.quiet_hours
            quiet = f"{hours.begin:%H:%M} to {hours.end:%H:%M} {hours.zone.key}" if hours is not None else "-"
            rows.add_row("  " + one.name, one.scheme, _takes(one), quiet, str(one.per_hour or "-"))
        out = console()
        out.print(f"{counted(len(list(found)), 'destination')} can be used; nothing was sent")
        out.print(rows)
        out.print(next_commands(f"idtrail destinations test {next(iter(found)).name}"), soft_wrap=True)
    for problem in problems:
        say(problem)
    if problems:
        raise typer.Exit(3)


@destinations.command("test")
def try_destination(name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Send a test message to a destination. Exit code 1 when it does not take it."""
    from idtrail.logs import configure_logs

    settings = _settings()
    configure_logs(settings.log_format, settings.log_level)
    found, channels = _opened(settings)
    if name not in found:
        raise BadUsage(f"there is no destination {name!r}; expected one of: {', '.join(sorted(channels))}")
    answer = asyncio.run(
        channels[name].test("idtrail: a test message", f"The destination {name} can be told of alerts.")
    )
    if answer.problem:
        raise UserError(f"the message to {name} was not sent: {answer.problem}")
    console().print(f"{name} took the message")


def _settings() -> Settings:
    from idtrail.settings import load_settings

    settings = load_settings()
    if settings.destinations_file is None:
        raise BadUsage("no destinations are set: name their file in IDTRAIL_DESTINATIONS_FILE (docs/deliveries.md)")
    return settings


def _opened(settings: Settings) -> tuple[Destinations, dict[str, Channel]]:
    from idtrail.connections import channels_of
    from streams.alerts.delivery.destinations import load_destinations

    assert settings.destinations_file is not None, "refused before"
    found = load_destinations(settings.destinations_file)
    return found, channels_of(settings, found)


def _unknown(settings: Settings, found: Destinations) -> list[str]:
    """Return messages about rules that name unknown destinations."""
    from streams.alerts.delivery.destinations import unknown_names
    from streams.alerts.loading import load_rules, rules_in_force

    assert settings.destinations_file is not None, "refused before"
    own = [] if settings.rules_dir is None else load_rules([settings.rules_dir.expanduser()])
    return unknown_names(rules_in_force(own), found, settings.destinations_file)


def _takes(one: Destination) -> str:
    from schemas.alerts import Severity

    parts = [", ".join(severity for severity in Severity if severity in one.severities)]
    limits = (("organization", one.organizations), ("app", one.apps), ("rule", one.rules))
    parts += [counted(len(ids), noun) for noun, ids in limits if ids]
    return "; ".join(filter(None, parts)) or "everything"


def _told(one: Destination) -> dict[str, Any]:
    told = one.model_dump(mode="json", exclude={"url", "secret", "quiet_hours"})
    hours = one.quiet_hours
    quiet = None if hours is None else {"begin": str(hours.begin), "end": str(hours.end), "zone": hours.zone.key}
    return {**told, "scheme": one.scheme, "quiet_hours": quiet}
