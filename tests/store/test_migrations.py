"""Migrations: immutable, the same for three kinds of deployment, safe to run again."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from pathlib import Path

import pytest

from producers.simulation import demo
from queries import migrate as migrate_module
from queries.arrow import EVENTS_ARROW_SCHEMA, batch
from queries.checks.derivation import derived_differences
from queries.migrate import Deployment, migrate, migrations, render
from queries.store import Store
from schemas.envelope import TRUST_STEP
from schemas.errors import Fatal
from streams.rows import decode_events
from tests.records import NOON, record_of

GOLDEN = Path(__file__).parent / "golden"

DEPLOYMENTS = {
    "embedded": Deployment("embedded"),
    "server": Deployment("server"),
    "cluster": Deployment("cluster", cluster="trail"),
}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_rendered_statements_are_those_on_record(name: str) -> None:
    """A change of what is shipped is a deliberate one: `python -m tests.store.test_migrations` rewrites."""
    assert (GOLDEN / f"{name}.sql").read_text() == rendered(DEPLOYMENTS[name])


def rendered(deployment: Deployment) -> str:
    statements = [statement for migration in migrations() for statement in render(migration.sql, deployment)]
    return ";\n\n".join(statements) + ";\n"


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [migration.number for migration in migrations()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_column_that_is_added_on_a_cluster_is_added_to_both_of_its_tables() -> None:
    """The one on each node, `{{table x}}`, and the one over all of them, `{{view x}}`."""
    added = {
        (table, column)
        for table, columns in re.findall(r"^ALTER TABLE (\w+)([^;]+);", rendered(DEPLOYMENTS["cluster"]), re.MULTILINE)
        for column in re.findall(r"ADD COLUMN IF NOT EXISTS (\w+)", columns)
    }
    local = {(table, column) for table, column in added if table.endswith("_local")}

    assert local
    assert {(table.removesuffix("_local"), column) for table, column in local} == added - local


def test_no_view_adds_up_what_may_come_twice() -> None:
    for migration in migrations():
        for statement in render(migration.sql, DEPLOYMENTS["server"]):
            if "MATERIALIZED VIEW" in statement:
                assert "sum(" not in statement.lower()
                assert "count(" not in statement.lower()


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_table_recognises_a_repeated_insert(name: str) -> None:
    for migration in migrations():
        for statement in render(migration.sql, DEPLOYMENTS[name]):
            if "MergeTree" in statement:
                assert "deduplication_window" in statement


@pytest.mark.store
def test_migrating_again_does_nothing(migrated: Store) -> None:
    assert migrate(migrated, Deployment("embedded", synced=False)) == []


@pytest.mark.store
def test_two_processes_may_migrate_at_once(engine: Path) -> None:
    opened = [Store.open(f"chdb://{engine}", database="at_once") for _ in range(2)]
    try:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda store: migrate(store, Deployment("embedded", synced=False)), opened))
        assert migrate(opened[0], Deployment("embedded", synced=False)) == []
    finally:
        opened[0].command("DROP DATABASE at_once SYNC")
        for store in opened:
            store.close()


@pytest.mark.store
def test_a_migration_that_was_changed_after_it_was_applied_is_named(store: Store) -> None:
    store.command("INSERT INTO schema_migrations (number, name, checksum) VALUES (3, 'attempts', 'other')")
    store.command(
        "ALTER TABLE schema_migrations DELETE WHERE number = 3 AND checksum != 'other' SETTINGS mutations_sync = 1"
    )
    with pytest.raises(Fatal, match="0003 'attempts' was changed"):
        migrate(store, Deployment("embedded"))


@pytest.mark.store
def test_a_store_of_a_newer_version_is_left_alone(store: Store) -> None:
    store.command("INSERT INTO schema_migrations (number, name, checksum) VALUES (99, 'later', 'x')")
    with pytest.raises(Fatal, match="newer idtrail"):
        migrate(store, Deployment("embedded"))


@pytest.mark.store
def test_what_was_stored_before_the_marks_and_turns_of_accounts_is_in_them(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(f"chdb://{engine}", database="as_it_was")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(migrate_module, "migrations", lambda: migrations()[:23])
            migrate(store, Deployment("embedded", synced=False))
        records = [record_of(one.raw, offset=offset) for offset, one in enumerate(islice(demo(NOON), 2_000))]
        had = store.query("SELECT name FROM system.columns WHERE database = 'as_it_was' AND table = 'events'")
        columns = [name for name in EVENTS_ARROW_SCHEMA.names if (name,) in had]
        for token, block in (("first", records[:1_400]), ("then", records[1_000:])):
            rows = decode_events(block, timedelta(hours=24)).rows
            store.insert_arrow("events", batch(rows, EVENTS_ARROW_SCHEMA).select(columns), token)
        assert migrate(store, Deployment("embedded", synced=False))[0] == "0024_account_turns"
        ((accounts, updated),) = store.query(
            "SELECT uniqExact(subject_id, application_id), countIf(last_update.place > 0) FROM account_marks"
        )
        ((turns,),) = store.query("SELECT count() FROM account_turns")
        assert accounts > updated > 0
        assert turns > accounts
        assert [
            one
            for one in derived_differences(store, TRUST_STEP, pause_seconds=0)
            if one.table.startswith(("account", "applications"))
        ] == []
    finally:
        store.command("DROP DATABASE as_it_was SYNC")
        store.close()


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for kind, place in DEPLOYMENTS.items():
        (GOLDEN / f"{kind}.sql").write_text(rendered(place))
