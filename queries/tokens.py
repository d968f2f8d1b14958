"""API tokens, of which only hashes are kept. Each has scopes, one organization or all, and may expire."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from queries.scope import EVERY_ORGANIZATION
from queries.store import PROMPT_LIMITS, Store
from schemas.errors import BadUsage, NotFound, StoreAway
from schemas.organization import require_organization

PREFIX: Final = "idt_"
SCOPES: Final = ("read", "ingest", "admin")
DEPLOYMENTS_OWN: Final = "IDTRAIL_ADMIN_TOKEN"
"""The name under which the deployment's own token acts."""
LOCAL: Final = "local"
"""The name of the local stack's own token."""
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Invisible letters and marks that Unicode counts as printable."""
REMEMBERED: Final = timedelta(seconds=5)
"""How long a revoked token may still pass."""
TRUSTED: Final = timedelta(minutes=15)
"""The same while the store is away."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a token allows."""

    token_id: UUID
    name: str
    scopes: tuple[str, ...]
    organization: str
    """`*` stands for every organization."""
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    @property
    def only(self) -> str | None:
        """The only organization that the token may see; None if it may see all."""
        return None if self.organization == EVERY_ORGANIZATION else self.organization

    @property
    def whose(self) -> str:
        """Whose share of the API it uses: its organization's; if it may see all, its own."""
        return self.only or str(self.token_id)

    def valid(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


_COLUMNS: Final = "token_id, name, hash, scopes, organization, created_at, expires_at, revoked_at"


class Tokens:
    """The tokens of a trail."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        admin_token: str = "",
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """`admin_token`, if given, passes with every scope, in addition to the stored ones.

        `elapsed` counts seconds and is never put back, as a clock may be: then a revoked token would pass for as long.
        """
        self._store = store
        self._clock, self._elapsed = clock, elapsed
        self._admin_hash = _hash(admin_token) if admin_token else b""
        self._known: dict[bytes, Token] = {}
        self._asked_at: float | None = None
        """When the tokens were last asked for."""
        self._read_at: float | None = None
        """When the store last told them."""
        self._away = ""
        """Why the store did not tell them when they were last asked for."""
        self._reading = threading.Lock()

    def require_free(self, name: str, organization: str) -> None:
        """Raises `BadUsage` unless a token of that name can be told from every other one that may act there.

        A name never becomes free again: a revoked token's acts are known by its name alone. XXX: two tokens made at the
        same moment may both get it; the list shows both.
        """
        wanted = _plain(name)
        if not name.isprintable() or _BLANK.search(name) or not wanted:
            raise BadUsage("name: use letters, digits, punctuation and spaces, and no invisible or control characters")
        acting = (EVERY_ORGANIZATION, organization)
        taken = {_plain(DEPLOYMENTS_OWN), _plain(LOCAL)} | {
            _plain(token.name)
            for token in self.all()
            if organization == EVERY_ORGANIZATION or token.organization in acting
        }
        if wanted in taken:
            raise BadUsage(
                f"name: there is or was a token called {name!r}, or much like it, and acts are recorded by name:"
                " choose another, such as one with a number"
            )

    def create(
        self, name: str, scopes: Collection[str], organization: str, lifetime: timedelta | None = None
    ) -> tuple[str, Token]:
        """Create a token; return its text, which is not stored, and what it allows."""
        unknown = set(scopes) - set(SCOPES)
        if unknown or not scopes:
            raise BadUsage(f"scopes are {', '.join(SCOPES)}, at least one; not {', '.join(sorted(unknown)) or 'none'}")
        if not organization:
            raise BadUsage("a token belongs to an organization, or to '*' for all of them")
        if organization != EVERY_ORGANIZATION:
            require_organization(organization, "organization")
        text = PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        token = Token(
            uuid4(),
            name,
            tuple(sorted(scopes)),
            organization,
            now,
            now + lifetime if lifetime else None,
            None,
        )
        self._write(token, _hash(text))
        return text, token

    def check(self, text: str) -> Token | None:
        """Return what `text` allows now; None if it allows nothing."""
        wanted, now = _hash(text), self._clock()
        if self._admin_hash and hmac.compare_digest(wanted, self._admin_hash):
            return Token(UUID(int=0), DEPLOYMENTS_OWN, SCOPES, EVERY_ORGANIZATION, now, None, None)
        with self._reading:  # of those who find the tokens outdated, one reads them for all
            self._refresh(self._elapsed())
        # What is looked up is a hash, so the time it takes reveals nothing about any token's text.
        token = self._known.get(wanted)
        return token if token is not None and token.valid(now) else None

    def _refresh(self, now: float) -> None:
        """Read the tokens if they may be outdated. While the store is away, those last read count for a while: the log
        takes events without it. Raises `StoreAway` when there are none to go by."""
        if self._asked_at is None or now - self._asked_at >= REMEMBERED.total_seconds():
            self._asked_at = now
            try:
                self._known, self._read_at, self._away = self._read(), now, ""
            except StoreAway as error:
                self._away = str(error)
        if self._away and (self._read_at is None or now - self._read_at >= TRUSTED.total_seconds()):
            raise StoreAway(self._away)

    def all(self) -> list[Token]:
        """Return every token ever made, the newest first."""
        return sorted(self._read().values(), key=lambda token: token.created_at, reverse=True)

    def revoke(self, token_id: UUID) -> None:
        """Revoke a token. Raises `NotFound`."""
        for digest, token in self._read().items():
            if token.token_id == token_id:
                self._write(replace(token, revoked_at=token.revoked_at or self._clock()), digest)
                return
        raise NotFound(f"no token {token_id}")

    def _read(self) -> dict[bytes, Token]:
        rows = self._store.query(f"SELECT {_COLUMNS} FROM tokens FINAL", None, PROMPT_LIMITS)
        return {_digest(row[2]): Token(row[0], row[1], tuple(row[3]), *row[4:]) for row in rows}

    def _write(self, token: Token, digest: bytes) -> None:
        values: dict[str, Any] = {
            "token_id": str(token.token_id),
            "name": token.name,
            "hash": digest.hex(),
            "scopes": list(token.scopes),
            "organization": token.organization,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
            "version": 1 if token.revoked_at is None else 2,
        }
        self._store.command(
            f"INSERT INTO tokens ({_COLUMNS}, version) SELECT {{token_id:UUID}}, {{name:String}},"
            " unhex({hash:String}), {scopes:Array(String)}, {organization:String},"
            " {created_at:DateTime64(3, 'UTC')}, {expires_at:Nullable(DateTime64(3, 'UTC'))},"
            " {revoked_at:Nullable(DateTime64(3, 'UTC'))}, {version:UInt64}",
            values,
        )
        self._asked_at = None


def _plain(name: str) -> str:
    """Return the name reduced to what people distinguish: without case, accents, and kinds and number of spaces."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(each for each in letters if not unicodedata.combining(each)).split())


def _hash(text: str) -> bytes:
    # A fast hash is enough: the text has 256 random bits, so it cannot be guessed.
    return hashlib.sha256(text.encode()).digest()


def _digest(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")
