"""Who sends a request, and what they may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from queries.api.context import Context
from queries.tokens import Token
from schemas.errors import Denied, Forbidden, NotFound


def context_of(request: Request) -> Context:
    """Return the context that the app was created with."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


Given = Annotated[Context, Depends(context_of)]
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="An idtrail token, `idt_…`.")


def _scoped(scope: str) -> Callable[..., Token]:
    def check(context: Given, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Token:
        if given is None or not given.credentials:
            raise Denied("no token: send `Authorization: Bearer idt_…`")
        token = context.tokens.check(given.credentials.strip())
        if token is None:
            raise Denied("the token is unknown, revoked or expired")
        if scope not in token.scopes and "admin" not in token.scopes:
            raise Forbidden(f"the token {token.name!r} lacks the scope {scope!r}")
        return token

    return check


Reader = Annotated[Token, Depends(_scoped("read"))]
Ingester = Annotated[Token, Depends(_scoped("ingest"))]
Admin = Annotated[Token, Depends(_scoped("admin"))]


def organization_of(
    token: Reader,
    organization: Annotated[
        str | None,
        Query(min_length=1, max_length=128, description="Restricts a token of every organization to this one."),
    ] = None,
) -> str | None:
    """Return the organization that a read is about; None for all, which only a token of all organizations may see."""
    if token.only is None:
        return organization
    if organization not in (None, token.only):
        raise NotFound(f"no organization {organization!r}")
    return token.only


Organization = Annotated[str | None, Depends(organization_of)]
