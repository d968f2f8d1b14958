"""Who sends a request, what they may see, and when it is their turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from threading import Event
from typing import Annotated, Final

from anyio import to_thread
from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

from queries.api.context import Context
from queries.api.turns import Share, Turns
from queries.store import BEFORE_STATEMENT
from queries.tokens import Token
from schemas.errors import Denied, Forbidden, NotFound


# What runs before a question has its turn runs in the event loop: a thread could be long in coming.
async def context_of(request: Request) -> Context:
    """Return the context that the app was created with."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


async def turns_of(request: Request) -> Turns:
    """Return what hands out turns."""
    turns = request.app.state.turns
    assert isinstance(turns, Turns)
    return turns


Given = Annotated[Context, Depends(context_of)]
Queue = Annotated[Turns, Depends(turns_of)]
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="An idtrail token, `idt_…`.")


async def check(context: Context, turns: Turns, text: str) -> Token | None:
    """Return what the token `text` allows now; None if it allows nothing. Never waits behind questions."""
    return await to_thread.run_sync(context.tokens.check, text, limiter=turns.checks)


async def token_of(
    context: Given, turns: Queue, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> Token:
    """Return the request's token. Raises `Denied`."""
    if given is None or not given.credentials:
        raise Denied("no token: send `Authorization: Bearer idt_…`")
    token = await check(context, turns, given.credentials.strip())
    if token is None:
        raise Denied("the token is unknown, revoked or expired")
    return token


Known = Annotated[Token, Depends(token_of)]


def _scoped(scope: str) -> Callable[..., Awaitable[Token]]:
    async def allowed(token: Known) -> Token:
        if scope not in token.scopes and "admin" not in token.scopes:
            raise Forbidden(f"the token {token.name!r} lacks the scope {scope!r}")
        return token

    return allowed


Reader = Annotated[Token, Depends(_scoped("read"))]
Ingester = Annotated[Token, Depends(_scoped("ingest"))]
Admin = Annotated[Token, Depends(_scoped("admin"))]


async def turn(request: Request, turns: Queue, token: Known) -> AsyncIterator[Share]:
    """Hold a turn until the answer is there to be sent. A question whose client has gone meanwhile is dropped."""
    async with turns.take(token.whose):
        if await request.is_disconnected():
            raise ClientDisconnect
        async with _attended(request):
            yield Share(turns, token.whose)


@asynccontextmanager
async def _attended(request: Request) -> AsyncIterator[None]:
    """End a question before its next statement when its client goes. What has effects is carried out all the same."""
    gone = Event()

    async def attend() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    def require_client() -> None:
        if gone.is_set():
            raise ClientDisconnect

    if request.method != "GET":
        yield
        return
    attending = asyncio.create_task(attend())
    before = BEFORE_STATEMENT.set(require_client)
    try:
        yield
    finally:
        BEFORE_STATEMENT.reset(before)
        attending.cancel()


IN_TURN: Final = Depends(turn, scope="function")
"""A dependency of whatever reads the store. It is held until the answer begins, not until the last byte is sent: how
long that takes is up to the client."""
InTurn = Annotated[Share, IN_TURN]


async def organization_of(
    token: Reader,
    share: InTurn,
    organization: Annotated[
        str | None,
        Query(min_length=1, max_length=128, description="Restricts a token of every organization to this one."),
    ] = None,
) -> str | None:
    """Return the organization that a read is about; None for all, which only a token of all organizations may see.

    What depends on it has its turn.
    """
    if token.only is None:
        return organization
    if organization not in (None, token.only):
        raise NotFound(f"no organization {organization!r}")
    return token.only


Organization = Annotated[str | None, Depends(organization_of)]
