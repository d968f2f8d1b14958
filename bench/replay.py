"""Replay at scale: lifecycle and state of one person, exposures of everybody, at one million events and at ten.

python -m bench.replay [EVENTS ...]

The store is filled by SQL: 20,000 people in 8 applications over a year, a tenth of them gone; a group of a hundred that
was unbound, and an integration with 300 accounts that was deleted. One line a question: p50 and p99 in the store and
over HTTP, granules read, and how that grew since the size before.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, cast

import httpx
import uvicorn

from queries.api import Context, create_app
from queries.checks.lag_watch import Place
from queries.exposures import THEIR_TURNS, list_exposures
from queries.histories import history_sql, read_bindings, read_history
from queries.migrate import Deployment, migrate
from queries.people.resolving import Person
from queries.pieces import account_text
from queries.state import Asked, read_state
from queries.store import Store
from queries.suspects import read_suspects
from queries.tokens import Tokens
from schemas.times import EARLIEST, LATEST, to_microseconds
from streams.interpreter import tune_interpreter

PEOPLE: Final = 20_000
APPLICATIONS: Final = 8
ORGANIZATION: Final = "641b3db57090821c0b2f8183"
TOKEN: Final = "a token of the benchmark"  # noqa: S105  because it opens nothing but this
END: Final = datetime(2026, 11, 1, tzinfo=UTC)
START: Final = END - timedelta(days=365)
CHUNK: Final = 500_000
"""Events inserted at once."""
ASKED: Final = 200
"""People that are asked for, each once."""

_COLUMNS: Final = (
    "organization, event_id, fingerprint, version, occurred_at, time_quality, known_at, received_at, source, trust,"
    " event_type, kind, action, outcome, subject_id, subject_type, subject_name, application_id, application_name,"
    " actor_name, http_status, cause, detail, account_state, changed, group_id, group_name"
)
_ROW: Final = (
    "'{organization}' AS organization, generateUUIDv4() AS event_id, MD5(concat('{salt}', toString(number))) AS f,"
    " 30000000000000000 - toUnixTimestamp64Milli(toDateTime64(at, 3, 'UTC')) AS version, at, 'ok', at, at, 'bench', 3,"
    " type, kind, action, outcome, if(whom < 0, '', leftPad(lower(hex(whom)), 24, '0')) AS subject,"
    " if(kind = 'integration', 'application', 'user'), concat('person', toString(whom)),"
    " if(app < 0, '', concat('app', toString(app))), if(app < 0, '', concat('app', toString(app))),"
    " 'ada@corp.example', if(outcome = 'failure', 401, 200), if(outcome = 'failure', 'credentials', ''),"
    " if(outcome = 'failure', 'token expired', ''), state, changed, group, group"
)
_MOMENT: Final = "fromUnixTimestamp64Micro(toInt64({start}) + toInt64({micros}), 'UTC')"


class Kind(NamedTuple):
    """Events of one kind: how many, and SQL expressions of `number`."""

    events: int
    at: str
    """Microseconds after the start."""
    type: str
    kind: str
    action: str
    outcome: str
    whom: str
    app: str
    state: str = "''"
    changed: str = "[]"
    group: str = "''"


_DAY: Final = 86_400_000_000
_GONE: Final = PEOPLE // 10
_LEFT_BEHIND: Final = 300
_PROJECT: Final = 100
"""People of a group that was bound for a while."""
_LEFT: Final = f"({_DAY} * 300 + intDiv(number, {APPLICATIONS}) * 2000000000)"
_LEAVES: Final = f"({_DAY} * 300 + number * 2000000000)"


def kinds(events: int) -> list[Kind]:
    """What the store is filled with: `events` in all, but for what was never attempted."""
    accounts = PEOPLE * APPLICATIONS
    closings = _GONE * APPLICATIONS
    staying = f"{_GONE} + number * {(PEOPLE - _GONE) // _LEFT_BEHIND}"
    whole = [
        Kind(1, "0", "'idm_integration_activate'", "'integration'", "'activate'", "'success'", "-1", f"{APPLICATIONS}"),
        Kind(_LEFT_BEHIND, "60000000 + number * 1000000", "'user_create_provision'", "'user'", "'create'",
             "'success'", staying, f"{APPLICATIONS}", "'active'"),
        Kind(1, f"{_DAY} * 310", "'idm_integration_delete'", "'integration'", "'delete'", "'success'", "-1",
             f"{APPLICATIONS}"),
        Kind(2, f"{_DAY} * (100 + 220 * number)", "'association_change'", "'other'",
             "if(number = 0, 'add', 'remove')", "'success'", "900001", "1", group="'project'"),
        Kind(_PROJECT, f"{_DAY} * 100 + 1000 + number", "'association_change'", "'other'", "'add'", "'success'",
             staying, "-1", group="'project'"),
        Kind(1 * APPLICATIONS, "number", "'association_change'", "'other'", "'add'", "'success'", "900000", "number",
             group="'staff'"),
        Kind(PEOPLE, "1000 + number", "'association_change'", "'other'", "'add'", "'success'", "number", "-1",
             group="'staff'"),
        Kind(accounts, "60000000 + number * 1000000", "'user_create_provision'", "'user'", "'create'", "'success'",
             f"intDiv(number, {APPLICATIONS})", f"number % {APPLICATIONS}", "'active'"),
        Kind(_GONE, _LEAVES, "'user_update'", "'other'", "''", "'success'", "number", "-1",
             changed="['state: ACTIVATED -> SUSPENDED']"),
        # Of a hundred closings one fails, five times; of a thousand one is never tried.
        Kind(closings, f"{_LEFT} + 2000000", "if(number % 1000 = 1, 'user_lookup_provision', 'user_deprovision')",
             "'user'", "if(number % 1000 = 1, 'lookup', 'deprovision')",
             "if(number % 100 = 0, 'failure', 'success')", f"intDiv(number, {APPLICATIONS})",
             f"number % {APPLICATIONS}", "if(number % 1000 = 1, '', 'inactive')"),
        Kind(closings // 100 * 4,
             f"{_DAY} * 300 + intDiv(intDiv(number, 4) * 100, {APPLICATIONS}) * 2000000000"
             " + (1 + number % 4) * 1200000000",
             "'user_deprovision'", "'user'", "'deprovision'", "'failure'",
             f"intDiv(intDiv(number, 4) * 100, {APPLICATIONS})", f"(intDiv(number, 4) * 100) % {APPLICATIONS}",
             "'inactive'"),
    ]  # fmt: skip
    dice = "cityHash64(number, 1) % 100"
    rest = events - sum(kind.events for kind in whole)
    whole.append(
        Kind(rest,
             f"{_DAY} + cityHash64(number, 3) % ({_DAY} * if(cityHash64(number, 2) % {PEOPLE} < {_GONE}, 290, 363))",
             f"if({dice} < 35, 'sso_auth', 'user_update_provision')", f"if({dice} < 35, 'other', 'user')",
             f"if({dice} < 35, '', 'update')", f"if({dice} >= 97, 'failure', 'success')",
             f"toInt64(cityHash64(number, 2) % {PEOPLE})", f"toInt64(cityHash64(number, 4) % {APPLICATIONS})",
             f"if({dice} >= 35 AND {dice} < 37, 'active', '')", f"if({dice} < 35, [], ['title'])")
    )  # fmt: skip
    return whole


def fill(store: Store, events: int) -> None:
    """Insert them, through every view."""
    start = to_microseconds(START)
    for salt, kind in enumerate(kinds(events)):
        for begin in range(0, kind.events, CHUNK):
            some = min(CHUNK, kind.events - begin)
            inner = (
                f"SELECT number, {_MOMENT.format(start=start, micros=kind.at)} AS at, {kind.type} AS type,"
                f" {kind.kind} AS kind, {kind.action} AS action, {kind.outcome} AS outcome,"
                f" toInt64({kind.whom}) AS whom, toInt64({kind.app}) AS app, {kind.state} AS state,"
                f" CAST({kind.changed}, 'Array(String)') AS changed,"
                f" {kind.group} AS group FROM numbers({begin}, {some})"
            )
            row = _ROW.format(organization=ORGANIZATION, salt=salt)
            store.command(f"INSERT INTO events ({_COLUMNS}) SELECT {row} FROM ({inner})")


def person(number: int) -> Person:
    """The number-th."""
    return Person(ORGANIZATION, f"{number:024x}", [f"person{number}"])


def granules(store: Store, asked: Person) -> int:
    """Of `events_by_subject`, read for one person's events."""
    values = {
        "organization": asked.organization, "subjects": [asked.subject_id], "known": to_microseconds(LATEST),
        "limit": 20_000,
    }  # fmt: skip
    return _read(store, history_sql(), values)


def granules_of_exposures(store: Store) -> int:
    """Of `account_turns`, read to tell who is exposed now."""
    accounts = sorted(read_suspects(store, ORGANIZATION, read_bindings(store, ORGANIZATION, LATEST), END))
    subjects = sorted({subject for _, subject in accounts})
    texts = [account_text(*account) for account in accounts]
    return _read(store, THEIR_TURNS, {"organization": ORGANIZATION, "subjects": subjects, "accounts": texts})


def _read(store: Store, sql: str, values: dict[str, Any]) -> int:
    plan = [line.strip() for (line,) in store.query(f"EXPLAIN indexes = 1 {sql}", values)]
    read, last = 0, 0
    for line in [*plan, "ReadFromMergeTree"]:
        if line.startswith("ReadFromMergeTree"):  # each is followed by its indexes, the last of which is read by
            read, last = read + last, 0
        elif line.startswith("Granules: "):
            last = int(line.removeprefix("Granules: ").split("/")[0])
    return read


class Measured(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float


def measure(ask: Callable[[int], object], numbers: Sequence[int]) -> Measured:
    """Each number asked once, one after the other."""
    taken = []
    for number in numbers:
        begun = time.perf_counter()
        ask(number)
        taken.append((time.perf_counter() - begun) * 1000)
    taken.sort()
    return Measured(taken[len(taken) // 2], taken[min(len(taken) - 1, len(taken) * 99 // 100)])


@contextmanager
def served(store: Store) -> Iterator[httpx.Client]:
    """The API over that store, on a port of its own, without a log: a look at the lag costs nothing here."""

    async def no_lag() -> Sequence[Place]:
        return []

    none = cast("Any", None)
    tokens = Tokens(store, lambda: END, TOKEN)
    app = create_app(Context(store, tokens, none, none, none, none, no_lag, no_lag, none, none, lambda: END, ()))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {TOKEN}"}) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def questions(store: Store) -> dict[str, tuple[Callable[[int], object], int]]:
    """In the store: what is asked of a person's number, and how many are asked."""
    past = END - timedelta(days=40)
    return {
        "lifecycle": (lambda n: read_history(store, person(n), EARLIEST, LATEST), ASKED),
        "state at T": (lambda n: read_state(store, person(n), Asked(past, None)), ASKED),
        "state at T as known at K": (lambda n: read_state(store, person(n), Asked(past, past)), ASKED),
        "exposures now": (lambda n: list_exposures(store, ORGANIZATION, END), 5),
        "exposures at T": (lambda n: list_exposures(store, ORGANIZATION, END, past), 3),
    }


def over_http(client: httpx.Client) -> dict[str, tuple[Callable[[int], object], int]]:
    """The same over HTTP."""

    def get(path: str, **parameters: str) -> object:
        answer = client.get(path, params={"organization": ORGANIZATION, **parameters}, timeout=120)
        return answer.raise_for_status().read()

    past = f"{END - timedelta(days=40):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "lifecycle": (lambda n: get("/api/v1/lifecycle", person=f"{n:024x}"), ASKED),
        "state at T": (lambda n: get("/api/v1/state", person=f"{n:024x}", at=past), ASKED),
        "exposures now": (lambda n: get("/api/v1/exposures"), 5),
        "exposures at T": (lambda n: get("/api/v1/exposures", at=past), 3),
    }


def run(events: int, before: dict[str, float]) -> dict[str, float]:
    """Fill a store and ask it; p50 of each question."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"chdb://{directory}")
        migrate(store, Deployment("embedded", synced=False))
        begun = time.perf_counter()
        fill(store, events)
        print(f"{events:,} events filled in {time.perf_counter() - begun:.0f} s", flush=True)
        for table in ("account_marks", "account_turns"):
            store.command(f"OPTIMIZE TABLE {table} FINAL")  # as they are within the hour: see migration 25
        dice = random.Random(1)
        found: dict[str, float] = {}
        with served(store) as client:
            for where, asked in (("store", questions(store)), ("HTTP", over_http(client))):
                for name, (ask, times) in asked.items():
                    ask(0)
                    told = measure(ask, [dice.randrange(PEOPLE) for _ in range(times)])
                    grown = f"  x{told.p50 / before[where + name]:.1f}" if where + name in before else ""
                    print(f"  {where:5} {name:25} p50 {told.p50:8.1f} ms  p99 {told.p99:8.1f} ms{grown}", flush=True)
                    found[where + name] = told.p50
        exposures = list_exposures(store, ORGANIZATION, END)
        print(
            f"  exposed: {len(exposures.failing):,} failing, {len(exposures.never_attempted):,} never attempted,"
            f" {len(exposures.left_behind):,} left behind"
        )
        one, exposed = granules(store, person(7)), granules_of_exposures(store)
        print(f"  granules read for one person: {one}, for exposures: {exposed}", flush=True)
        store.close()
    return found


def main(sizes: Sequence[int]) -> None:
    """One after the other, each beside the one before."""
    tune_interpreter()  # as whoever serves the API
    before: dict[str, float] = {}
    for size in sizes:
        before = run(size, before)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000_000, 10_000_000])
