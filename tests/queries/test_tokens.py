"""Tokens: what passes, until when, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from queries.scope import EVERY_ORGANIZATION
from queries.store import Store
from queries.tokens import REMEMBERED, SCOPES, TRUSTED, Tokens
from schemas.errors import BadUsage, NotFound, StoreAway

pytestmark = pytest.mark.store


@dataclass
class Clock:
    now: datetime = datetime(2026, 3, 19, 12, tzinfo=UTC)
    seconds: float = 0.0

    def __call__(self) -> datetime:
        return self.now

    def elapsed(self) -> float:
        return self.seconds

    def go(self, by: timedelta) -> None:
        self.now += by
        self.seconds += by.total_seconds()


def tokens_of(store: Store, clock: Clock, admin_token: str = "") -> Tokens:
    return Tokens(store, clock, admin_token, clock.elapsed)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("which", ["shared_store", "shared_http_store"])
def test_a_token_passes_with_what_it_was_made_for(request: pytest.FixtureRequest, clock: Clock, which: str) -> None:
    store: Store = request.getfixturevalue(which)
    text, made = tokens_of(store, clock).create("O'Brien's \\ token", ["read", "ingest"], "org", timedelta(days=1))
    assert text.startswith("idt_")
    assert len(text) > 40
    found = tokens_of(store, clock).check(text)
    assert found == made
    assert (made.scopes, made.only, made.expires_at) == (
        ("ingest", "read"),
        "org",
        clock.now + timedelta(days=1),
    )


@pytest.mark.parametrize("text", ["", "idt_", "idt_" + "A" * 43, "é", "\x00"])
def test_what_is_no_token_does_not_pass(shared_store: Store, clock: Clock, text: str) -> None:
    assert tokens_of(shared_store, clock).check(text) is None


def test_nothing_of_a_tokens_text_is_kept(shared_store: Store, clock: Clock) -> None:
    tokens = tokens_of(shared_store, clock)
    text, made = tokens.create("n", ["read"], "org")
    rows = shared_store.query("SELECT * FROM tokens WHERE token_id = {id:UUID}", {"id": str(made.token_id)})
    assert text.removeprefix("idt_") not in repr(rows)
    assert text not in repr(tokens.all())


def test_an_expired_token_does_not_pass(shared_store: Store, clock: Clock) -> None:
    tokens = tokens_of(shared_store, clock)
    text, _ = tokens.create("n", ["read"], "org", timedelta(hours=1))
    clock.go(timedelta(minutes=59))
    assert tokens.check(text)
    clock.go(timedelta(minutes=1))
    assert tokens.check(text) is None


def test_a_revoked_token_passes_nowhere_after_seconds(shared_store: Store, clock: Clock) -> None:
    here, elsewhere = tokens_of(shared_store, clock), tokens_of(shared_store, clock)
    text, made = here.create("n", ["read"], "org")
    assert elsewhere.check(text)
    here.revoke(made.token_id)
    assert here.check(text) is None
    clock.go(REMEMBERED)
    assert elsewhere.check(text) is None
    (kept,) = [token for token in here.all() if token.token_id == made.token_id]
    assert kept.revoked_at == clock.now - REMEMBERED
    here.revoke(made.token_id)
    (again,) = [token for token in here.all() if token.token_id == made.token_id]
    assert again.revoked_at == kept.revoked_at


def test_a_new_token_is_known_elsewhere_after_seconds(shared_store: Store, clock: Clock) -> None:
    here, elsewhere = tokens_of(shared_store, clock), tokens_of(shared_store, clock)
    assert elsewhere.check("idt_nothing") is None
    text, _ = here.create("n", ["read"], "org")
    clock.go(REMEMBERED)
    assert elsewhere.check(text)


@pytest.mark.parametrize("moved", [-timedelta(days=1), timedelta(days=1)], ids=["back", "forward"])
def test_a_clock_that_is_moved_lets_no_revoked_token_pass_for_longer(
    shared_store: Store, clock: Clock, moved: timedelta
) -> None:
    here, elsewhere = tokens_of(shared_store, clock), tokens_of(shared_store, clock)
    text, made = here.create("n", ["read"], "org")
    assert elsewhere.check(text)
    clock.now += moved
    here.revoke(made.token_id)
    new, _ = here.create("m", ["read"], "org")
    clock.go(REMEMBERED)
    assert elsewhere.check(text) is None
    assert elsewhere.check(new)


def test_while_the_store_is_away_the_tokens_last_read_pass_for_a_while(
    shared_store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, new = tokens_of(shared_store, clock), tokens_of(shared_store, clock)
    text, _ = tokens.create("n", ["ingest"], "org")
    assert tokens.check(text)
    asked = 0

    def away(*of: object) -> list[object]:
        nonlocal asked
        asked += 1
        raise StoreAway("ClickHouse does not answer: timed out")

    monkeypatch.setattr(shared_store, "query", away)
    clock.go(REMEMBERED)
    assert [bool(tokens.check(text)) for _ in range(5)] == [True] * 5
    assert asked == 1  # whoever waits for an answer that does not come holds up all others
    for _ in range(2):
        with pytest.raises(StoreAway):
            new.check(text)
    assert asked == 2
    clock.go(TRUSTED)
    with pytest.raises(StoreAway):
        tokens.check(text)
    monkeypatch.undo()
    clock.go(REMEMBERED)
    assert tokens.check(text)


def test_the_bootstrap_token_passes_with_everything(shared_store: Store, clock: Clock) -> None:
    tokens = tokens_of(shared_store, clock, "a secret of the deployment")
    found = tokens.check("a secret of the deployment")
    assert found is not None
    assert (found.scopes, found.organization, found.only) == (SCOPES, EVERY_ORGANIZATION, None)
    assert tokens_of(shared_store, clock).check("") is None


@pytest.mark.parametrize(
    ("scopes", "organization"),
    [
        pytest.param([], "org", id="no scope"),
        pytest.param(["read", "root"], "org", id="an unknown scope"),
        pytest.param(["read"], "", id="no organization"),
        pytest.param(["read"], "or\ng", id="an organization of two lines"),
        pytest.param(["read"], "a|b", id="the separator of keys"),
    ],
)
def test_a_token_that_would_mean_nothing_is_refused(
    shared_store: Store, clock: Clock, scopes: Iterable[str], organization: str
) -> None:
    with pytest.raises(BadUsage):
        tokens_of(shared_store, clock).create("n", list(scopes), organization)


@pytest.mark.parametrize(
    ("name", "organization", "said"),
    [
        pytest.param("Zoë of one", "one", "there is or was", id="in use there"),
        pytest.param("ZOE\u0308  of one ", "one", "there is or was", id="the same to people"),
        pytest.param("Zoë of one", "*", "there is or was", id="in use in one of all"),
        pytest.param("Zoë of one", "two", "", id="elsewhere"),
        pytest.param("of all", "one", "there is or was", id="of a token that may act there too"),
        pytest.param("gone", "one", "there is or was", id="of a revoked token"),
        pytest.param("idtrail_admin_token", "one", "there is or was", id="the deployment's own"),
        pytest.param("local", "one", "there is or was", id="the local stack's own"),
        pytest.param("Zoe of one 2", "one", "", id="told apart by a number"),
        pytest.param("Зоя", "one", "", id="in other letters"),
        pytest.param("a\x1b[2J", "one", "no invisible or control", id="a terminal's command"),
        pytest.param("a\u202eb", "one", "no invisible or control", id="turns the direction of writing"),
        pytest.param("a\nb", "one", "no invisible or control", id="a line of its own"),
        pytest.param("a\x00", "one", "no invisible or control", id="ends a text"),
        pytest.param("a\u200b", "one", "no invisible or control", id="a space without width"),
        pytest.param("a\ufe0f", "one", "no invisible or control", id="a mark that is not seen"),
        pytest.param(" ", "one", "no invisible or control", id="blank"),
    ],
)
def test_no_name_can_be_taken_for_that_of_another_who_may_act_there(
    named_tokens: Tokens, name: str, organization: str, said: str
) -> None:
    with pytest.raises(BadUsage, match=said) if said else nullcontext():
        named_tokens.require_free(name, organization)


@pytest.fixture(scope="module")
def named_tokens(shared_store: Store) -> Tokens:
    """Those of two organizations, of which one is revoked."""
    tokens = tokens_of(shared_store, Clock())
    tokens.create("Zoë of one", ["read"], "one")
    tokens.create("of all", ["read"], EVERY_ORGANIZATION)
    _, gone = tokens.create("gone", ["read"], "one")
    tokens.revoke(gone.token_id)
    return tokens


def test_revoking_what_is_not_there_is_told(shared_store: Store, clock: Clock) -> None:
    with pytest.raises(NotFound):
        tokens_of(shared_store, clock).revoke(uuid4())
