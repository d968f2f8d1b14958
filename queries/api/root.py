"""The page at `/`, which tells a browser's user what is here."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse

from queries.release import RELEASE

router = APIRouter(include_in_schema=False)

PAGE: Final = f"""\
idtrail {RELEASE}: the audit trail of identity provisioning

  /api/v1/       the API; it wants a token: Authorization: Bearer idt_...
  /openapi.json  every route of it, and how to send a token
  /readyz        whether the trail gets on
  /metrics       for Prometheus, with a token of every organization

For people there is the command line: idtrail watch, idtrail failures, idtrail lifecycle PERSON
"""


@router.get("/", response_class=PlainTextResponse)
def root() -> str:
    """Return the page. It holds no data."""
    return PAGE
