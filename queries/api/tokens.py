"""Routes that make, list and revoke tokens."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from queries.api import models
from queries.api.access import IN_TURN, Admin, Given
from queries.scope import EVERY_ORGANIZATION
from schemas.errors import NotFound

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"], dependencies=[IN_TURN])


class NewToken(BaseModel):
    """What a new token is to allow."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        min_length=1,
        max_length=64,
        description="Its acts are recorded under this name, which no other token of the organization, or of "
        "all, has or had.",
    )
    scopes: list[Literal["read", "ingest", "admin"]] = Field(
        default=["read"], min_length=1, max_length=3, description="admin allows the others too."
    )
    organization: str = Field(
        "", max_length=128, description="`*` stands for all; empty for that of the request's token."
    )
    days: int | None = Field(
        None, ge=1, le=3650, description="Lifetime; if absent, the token is valid until it is revoked."
    )


@router.get("", response_model=models.TokenList)
def tokens(context: Given, token: Admin) -> dict[str, Any]:
    """List tokens, the newest first; never their text."""
    own = [item for item in context.tokens.all() if _may_manage(token.organization, item.organization)]
    return {"items": [asdict(item) for item in own]}


@router.post("", status_code=201, response_model=models.CreatedToken)
def create_token(context: Given, token: Admin, wanted: NewToken) -> dict[str, Any]:
    """Make a token. Its text is in this answer and nowhere else, and its name is never given again."""
    organization = wanted.organization or token.organization
    if not _may_manage(token.organization, organization):
        raise NotFound(f"no organization {organization!r}")
    context.tokens.require_free(wanted.name, organization)
    lifetime = timedelta(days=wanted.days) if wanted.days else None
    text, made = context.tokens.create(wanted.name, wanted.scopes, organization, lifetime)
    return {**asdict(made), "token": text}


@router.delete("/{token_id}", status_code=204)
def revoke_token(context: Given, token: Admin, token_id: UUID) -> Response:
    """Revoke a token; within seconds it is no longer accepted."""
    own = {item.token_id for item in context.tokens.all() if _may_manage(token.organization, item.organization)}
    if token_id not in own:
        raise NotFound(f"no token {token_id}")
    context.tokens.revoke(token_id)
    return Response(status_code=204)


def _may_manage(manager: str, organization: str) -> bool:
    return manager in (EVERY_ORGANIZATION, organization)
