"""`idtrail token`: makes, lists and revokes API tokens."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from idtrail.cli import Json, app, connect
from idtrail.cli.screen import console, counted, cut, name_width, print_json, table, when
from schemas.errors import NotFound, UserError

SHORT: Final = 8
"""How many digits of an id the screen shows: enough to revoke it by."""

tokens = typer.Typer(no_args_is_help=True, help="API tokens: make, list and revoke them.")
app.add_typer(tokens, name="token")


@tokens.command("create")
def create(
    name: Annotated[
        str,
        typer.Argument(
            help="What it is for, or whose it is. Its acts are recorded under this name, which is never reused."
        ),
    ],
    scope: Annotated[list[str] | None, typer.Option(help="read (default), ingest, admin; may be repeated.")] = None,
    organization: Annotated[str, typer.Option(help="Its organization; * for all. Default: that of your token.")] = "",
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
    rows = table("id", "name", "scopes", "state", "organization")
    for item in items:
        until = f"until {when(item['expires_at'], seconds=False)}" if item["expires_at"] else "valid"
        rows.add_row(
            f"  {item['token_id'][:SHORT]}",
            cut(item["name"], name_width(out)),
            ",".join(item["scopes"]),
            "revoked" if item["revoked_at"] else until,
            item["organization"],
        )
    if items:
        out.print(rows)


@tokens.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id, or as much of its beginning as is unique.")],
) -> None:
    """Revoke a token; within seconds it is no longer accepted."""
    api = connect()
    meant = _meant([item["token_id"] for item in api.get("/api/v1/tokens")["items"]], token_id)
    api.delete(f"/api/v1/tokens/{meant}")
    typer.echo(f"idtrail: token {meant} revoked", err=True)


def _meant(ids: list[str], beginning: str) -> str:
    """Return the only id with this beginning. Raises `NotFound`, and `UserError` if there are several."""
    wanted = beginning.replace("-", "").lower()
    found = [own for own in ids if wanted and own.replace("-", "").startswith(wanted)]
    if not found:
        raise NotFound(f"no token begins with {beginning[:40]!r}: `idtrail token list` has them")
    if len(found) > 1:
        raise UserError(
            f"{len(found)} tokens begin with {beginning[:40]!r}: give more of the id, see `token list --json`"
        )
    return found[0]
