"""`idtrail token`: API tokens."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from idtrail.cli import Json, app, connect
from idtrail.cli.screen import console, counted, print_json, table, when

tokens = typer.Typer(no_args_is_help=True, help="API tokens: make, list and revoke them.")
app.add_typer(tokens, name="token")


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help="read (default), ingest, admin; may be repeated.")] = None,
    organization: Annotated[str, typer.Option(help="Its organization; *: all. Default: that of your token.")] = "",
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires; default: never.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it: the only time it can be read."""
    made = connect().post(
        "/api/v1/tokens",
        {"name": name, "scopes": scope or ["read"], "organization": organization, "days": days},
    )
    if as_json:
        print_json(made)
    else:
        typer.echo(made["token"])
        typer.echo(f"idtrail: token {made['token_id']}, kept nowhere but here", err=True)


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List tokens, never their text."""
    items = connect().get("/api/v1/tokens")["items"]
    if as_json:
        print_json(items)
        return
    out = console()
    out.print(counted(len(items), "token"))
    rows = table("id", "name", "scopes", "organization", "state")
    for item in items:
        state = (
            "revoked" if item["revoked_at"] else f"until {when(item['expires_at'])}" if item["expires_at"] else "valid"
        )
        rows.add_row(f"  {item['token_id']}", item["name"], ",".join(item["scopes"]), item["organization"], state)
    if items:
        out.print(rows)


@tokens.command("revoke")
def revoke(token_id: Annotated[UUID, typer.Argument(help="Its id, from the list.")]) -> None:
    """Revoke a token: it passes no more within seconds."""
    connect().delete(f"/api/v1/tokens/{token_id}")
    typer.echo(f"idtrail: token {token_id} revoked", err=True)
