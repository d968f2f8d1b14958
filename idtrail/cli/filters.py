"""The options that choose events, shared by the commands that list, follow and export them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from idtrail.cli.client import Api

Types = Annotated[list[str] | None, typer.Option("--type", help="Event type; may be repeated.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="integration, user, group, other.")]
Outcomes = Annotated[list[str] | None, typer.Option(help="success, failure, reported_absent, unknown.")]
Causes = Annotated[list[str] | None, typer.Option(help="Why it failed, such as credentials.")]
App = Annotated[str | None, typer.Option("--app", help="Application: id or name.")]
Subject = Annotated[str | None, typer.Option(help="The person or group: id, user name or mail address.")]
Actor = Annotated[str | None, typer.Option(help="Who caused it: id or name.")]
Incident = Annotated[str | None, typer.Option(help="Failures of this incident: its id, or the beginning.")]
Text = Annotated[str | None, typer.Option(help="Part of the detail, of a name or of the type.")]


def asked(
    api: Api,
    *,
    type: list[str] | None,
    kind: list[str] | None,
    outcome: list[str] | None,
    cause: list[str] | None,
    application: str | None,
    subject: str | None,
    actor: str | None,
    incident: str | None,
    text: str | None,
) -> dict[str, Any]:
    """Return the options as the parameters of the API, which takes an incident's whole id only."""
    return {
        "type": type, "kind": kind, "outcome": outcome, "cause": cause, "application": application, "subject": subject,
        "actor": actor, "incident": incident and api.get(f"/api/v1/incidents/{incident}", {"limit": 1})["incident_id"],
        "text": text,
    }  # fmt: skip
