"""The options that choose events, shared by the commands that list, follow and export them."""

from __future__ import annotations

from typing import Annotated

import typer

Types = Annotated[list[str] | None, typer.Option("--type", help="Event type; may be repeated.")]
Outcomes = Annotated[list[str] | None, typer.Option(help="success, failure, reported_absent, unknown.")]
Causes = Annotated[list[str] | None, typer.Option(help="Why it failed, such as credentials.")]
App = Annotated[str | None, typer.Option("--app", help="Application: id or name.")]
Subject = Annotated[str | None, typer.Option(help="The person or group: id, user name or mail address.")]
Actor = Annotated[str | None, typer.Option(help="Who caused it: id or name.")]
Incident = Annotated[str | None, typer.Option(help="Failures of this incident: its id, or the beginning.")]
Text = Annotated[str | None, typer.Option(help="Part of the detail, of a name or of the type.")]
