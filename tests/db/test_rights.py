"""What the role of database.url lacks is said before it is missed, in a sentence with the GRANT."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from chatrec.config import Settings
from chatrec.db import engine as engines
from chatrec.db import rights, sql_files
from chatrec.db.erasures import remove_rows
from chatrec.db.migrate import migrate
from chatrec.errors import SettingsError
from chatrec.publish import partitions
from chatrec.publish.outputs import OUTPUTS
from chatrec.publish.publish import publish, retire
from tests.support.databases import connect, execute
from tests.support.publishing import TYPES, prepare
from tests.support.readers import new_run

Configure = Callable[..., Settings]
ROLES = {f"schema_{name}": f"chatrec_{name}" for name in ("reader", "writer", "limited")}


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def owners(url: str) -> list[object]:
    query = "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'chatrec'::regnamespace"
    return [owner for (owner,) in rows(url, query)]


def with_user(url: str, name: str) -> str:
    return make_url(url).set(username=name).render_as_string(hide_password=False)


@pytest.fixture
def clean(roles: None, database: str) -> Iterator[str]:
    """A database whose roles of chatrec and logins are dropped in the end."""
    yield database
    made = ("nightly", "rotated_1", "rotated_2", "shop_team", *ROLES.values())
    for (name,) in rows(database, f"SELECT rolname FROM pg_roles WHERE rolname IN {made}"):
        execute(
            database,
            "SET default_transaction_read_only = off",
            f"REASSIGN OWNED BY {name} TO postgres",
            f"DROP OWNED BY {name}",
            f"DROP ROLE {name}",
        )


def make_roles(url: str) -> None:
    execute(url, "SET search_path TO chatrec; " + sql_files.read("roles.sql", {"schema": "chatrec", **ROLES}))


def migrate_as(settings: Settings) -> None:
    with engines.open_database(settings, "chatrec test") as engine:
        migrate(engine, "chatrec", TYPES)


MIGRATED = ("migrated",)
ALL_RIGHTS = (
    *MIGRATED,
    "GRANT USAGE, CREATE ON SCHEMA chatrec TO nightly",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA chatrec TO nightly",
)


@pytest.mark.parametrize(
    ("before", "remedies"),
    [
        ((), ["GRANT CREATE ON DATABASE {db} TO nightly;", "CREATE SCHEMA chatrec AUTHORIZATION nightly;"]),
        (
            ("CREATE SCHEMA chatrec", "GRANT CREATE ON SCHEMA public TO PUBLIC"),
            ["may not use", "GRANT USAGE, CREATE ON SCHEMA chatrec TO nightly;", "ALTER SCHEMA chatrec OWNER TO"],
        ),
        (
            ("CREATE SCHEMA chatrec", "GRANT USAGE ON SCHEMA chatrec TO nightly"),
            ["may not create tables in", "GRANT USAGE, CREATE ON SCHEMA chatrec TO nightly;"],
        ),
        (MIGRATED, ["belong to postgres", "`chatrec db roles`", "GRANT chatrec_writer TO nightly;"]),
        (ALL_RIGHTS, ["belong to postgres", "`chatrec db roles`", "GRANT chatrec_writer TO nightly;"]),
        ((*MIGRATED, "with roles"), ["belong to chatrec_writer", "execute `GRANT chatrec_writer TO nightly;`"]),
        (
            (*MIGRATED, "with roles", "GRANT chatrec_writer TO nightly WITH INHERIT FALSE"),
            ["GRANT chatrec_writer TO nightly WITH INHERIT TRUE, SET TRUE;"],
        ),
        (
            (*MIGRATED, "with roles", "GRANT chatrec_writer TO nightly WITH INHERIT TRUE, SET FALSE"),
            ["GRANT chatrec_writer TO nightly WITH INHERIT TRUE, SET TRUE;"],
        ),
        (("ALTER ROLE nightly CONNECTION LIMIT 4",), ["role nightly may have 4", "a run needs 5"]),
        (("ALTER DATABASE {db} CONNECTION LIMIT 3",), ["ALTER DATABASE {db} CONNECTION LIMIT 5;"]),
        (("ALTER DATABASE {db} SET default_transaction_read_only = on",), ["read-only", "set for: database"]),
        (("ALTER ROLE nightly SET default_transaction_read_only = on",), ["read-only", "set for: user"]),
    ],
)
def test_what_is_lacking_is_said_and_nothing_is_made(
    clean: str, configure: Configure, before: tuple[str, ...], remedies: list[str]
) -> None:
    name = make_url(clean).database
    execute(clean, "CREATE ROLE nightly LOGIN")
    for statement in before:
        if statement == "migrated":
            migrate_as(configure())
        elif statement == "with roles":
            make_roles(clean)
        else:
            execute(clean, statement.format(db=name))
    relations = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text IN ('public', 'chatrec')"
    made = rows(clean, relations)
    with pytest.raises(SettingsError) as caught:
        migrate_as(configure(database__url=with_user(clean, "nightly")))
    assert [each for each in remedies if each.format(db=name) not in str(caught.value)] == []
    assert rows(clean, relations) == made


def test_a_schema_of_ones_own_is_enough(clean: str, configure: Configure) -> None:
    execute(clean, "CREATE ROLE nightly LOGIN CONNECTION LIMIT 5", "CREATE SCHEMA chatrec AUTHORIZATION nightly")
    migrate_as(configure(database__url=with_user(clean, "nightly")))
    assert owners(clean) == ["nightly"]


def test_a_reader_without_usage_is_told_the_grant(clean: str, configure: Configure) -> None:
    migrate_as(configure())
    execute(clean, "CREATE ROLE nightly LOGIN")
    engine = engines.read_only_at(make_url(with_user(clean, "nightly")), "chatrec", "chatrec test")
    with pytest.raises(SettingsError, match=r"`GRANT chatrec_reader TO nightly;`"), engine.connect():
        pass


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SET TRANSACTION READ ONLY; CREATE TABLE made AS SELECT 'a secret'", "is read-only"),
        ("CREATE TABLE pg_catalog.made (a text DEFAULT 'a secret')", "lacks a right"),
        ("SELECT 'a secret' FROM runs", "run `chatrec db migrate`"),
    ],
)
def test_an_error_within_a_run_shows_no_statement(configure: Configure, statement: str, said: str) -> None:
    with (
        pytest.raises(SettingsError, match=said) as caught,
        engines.open_database(configure(), "chatrec test") as engine,
        engine.connect() as connection,
    ):
        connection.execute(text(statement))
    assert "secret" not in str(caught.value)


def test_logins_that_rotate_work_on_the_lists_of_one_another(clean: str, configure: Configure, tmp_path: Path) -> None:
    """As credentials from a vault do: each login is in chatrec_writer, and is dropped after some hours."""
    settings = configure()
    with engines.open_database(settings, "chatrec test") as engine:
        files = prepare(engine, tmp_path)
    make_roles(clean)
    for number in (1, 2):
        login = f"rotated_{number}"
        execute(clean, f"CREATE ROLE {login} LOGIN IN ROLE chatrec_writer")
        with engines.open_database(configure(database__url=with_user(clean, login)), "chatrec test") as engine:
            publish(engine, "chatrec", new_run(engine, number), files(number), 10)
    with engines.open_database(configure(database__url=with_user(clean, "rotated_1")), "chatrec test") as engine:
        with engines.cursor(engine) as cursor:
            rights.refuse_missing(cursor, "chatrec")
        (lists,) = [output for output in OUTPUTS if output.name == "recommendations"]
        assert remove_rows(engine, partitions.tables_of(engine, lists), "1") == 6
        assert retire(engine, "chatrec", 1, 10) == ["20260101T000002Z"]
    assert owners(clean) == ["chatrec_writer"]
    execute(clean, "DROP ROLE rotated_2", "DROP ROLE rotated_1")


def test_who_owned_the_tables_stays_able_to_run(clean: str, configure: Configure) -> None:
    execute(clean, "CREATE ROLE nightly LOGIN", "CREATE SCHEMA chatrec AUTHORIZATION nightly")
    settings = configure(database__url=with_user(clean, "nightly"))
    migrate_as(settings)
    make_roles(clean)
    make_roles(clean)
    with engines.open_database(settings, "chatrec test") as engine, engines.cursor(engine) as cursor:
        rights.refuse_missing(cursor, "chatrec")


def test_a_role_that_may_create_roles_makes_them(clean: str, configure: Configure) -> None:
    name = make_url(clean).database
    execute(clean, "CREATE ROLE nightly LOGIN CREATEROLE", f"GRANT CREATE ON DATABASE {name} TO nightly")
    migrate_as(configure(database__url=with_user(clean, "nightly")))
    make_roles(with_user(clean, "nightly"))
    make_roles(with_user(clean, "nightly"))
    assert owners(clean) == ["chatrec_writer"]


def test_a_publication_of_all_tables_stops_nothing(database: str, configure: Configure, tmp_path: Path) -> None:
    """Debezium, DMS, Supabase and logical replicas make one."""
    execute(database, "CREATE PUBLICATION cdc FOR ALL TABLES")
    with engines.open_database(configure(), "chatrec test") as engine:
        files = prepare(engine, tmp_path)
        for number in (1, 2):
            publish(engine, "chatrec", new_run(engine, number), files(number), 10)
        names = "relnamespace = 'chatrec'::regnamespace AND relkind IN ('r', 'p')"
        tables = rows(database, f"SELECT quote_ident(relname) FROM pg_class WHERE {names}")
        with engine.begin() as connection:
            for (name,) in tables:
                last = list(connection.execute(text(f"SELECT * FROM {name} LIMIT 0")).keys())[-1]
                connection.execute(text(f"UPDATE {name} SET {last} = {last} WHERE false"))
                connection.execute(text(f"DELETE FROM {name} WHERE false"))
