"""Migrations: recorded, once each, safe when two start together."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, text

from chatrec.db import migrate as module
from chatrec.db.migrate import Migration, migrate, migrations, pending
from chatrec.errors import RunError

TYPES = {"user_id_type": "uuid", "item_id_type": "bigint"}


def engine_of(url: str, schema: str = "chatrec") -> Engine:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))

    @event.listens_for(engine, "connect")
    def _search_path(connection: object, _: object) -> None:
        with connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"SET search_path TO {schema}, public")
        connection.commit()  # type: ignore[attr-defined]

    return engine


def test_all_are_applied_once(database: str) -> None:
    engine = engine_of(database)
    names = [migration.name for migration in migrations()]
    assert pending(engine, "chatrec") == names
    assert migrate(engine, "chatrec", TYPES) == names
    assert migrate(engine, "chatrec", TYPES) == []
    assert pending(engine, "chatrec") == []


def test_output_columns_have_the_customers_types(database: str) -> None:
    engine = engine_of(database)
    migrate(engine, "chatrec", TYPES)
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT column_name, data_type FROM information_schema.columns "
                "WHERE table_name = 'recommendations' AND column_name IN ('user_id', 'item_id')"
            )
        )
        assert {tuple(row) for row in rows} == {("user_id", "uuid"), ("item_id", "bigint")}


def test_two_at_once_do_no_harm(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: migrate(engine_of(database), "chatrec", TYPES), range(4)))
    assert sorted(map(len, found)) == [0, 0, 0, len(migrations())]


def test_two_schemas_are_two_installations(database: str) -> None:
    assert migrate(engine_of(database, "one"), "one", TYPES)
    assert migrate(engine_of(database, "two"), "two", TYPES)


def test_an_edited_migration_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine_of(database), "chatrec", TYPES)
    edited = [Migration(each.name, each.text + " -- edited") for each in migrations()]
    monkeypatch.setattr(module, "migrations", lambda: edited)
    with pytest.raises(RunError, match="0001_runs was edited"):
        migrate(engine_of(database), "chatrec", TYPES)


def test_a_newer_database_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(engine_of(database), "chatrec", TYPES)
    older = migrations()[:-1]
    monkeypatch.setattr(module, "migrations", lambda: older)
    with pytest.raises(RunError, match="upgrade chatrec"):
        migrate(engine_of(database), "chatrec", TYPES)


def test_a_broken_migration_leaves_nothing(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [*migrations(), Migration("0099_broken", "CREATE TABLE half (a int); SELECT nonsense;")]
    monkeypatch.setattr(module, "migrations", lambda: broken)
    with pytest.raises(Exception, match="nonsense"):
        migrate(engine_of(database), "chatrec", TYPES)
    with engine_of(database).connect() as connection:
        assert connection.scalar(text("SELECT to_regclass('chatrec.half')")) is None
        assert connection.scalar(text("SELECT to_regclass('chatrec.runs')")) is not None


def test_files_are_numbered_without_gaps() -> None:
    files = sorted((Path(module.__file__).parents[2] / "sql" / "migrations").glob("*.sql"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
