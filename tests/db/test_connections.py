"""Locks and errors of connections."""

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy import make_url, text

from chatrec.config import Settings
from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.db.migrate import migrate
from chatrec.errors import Busy, DatabaseUnavailable, SettingsError, TransientError
from tests.support.databases import connect

Configure = Callable[..., Settings]
TYPES = {"user_id_type": "bigint", "item_id_type": "bigint"}


@pytest.fixture
def migrated(configure: Configure) -> Settings:
    """Settings of a database with chatrec's tables."""
    settings = configure()
    engine = engines.database(settings)
    migrate(engine, "chatrec", TYPES)
    engine.dispose()
    return settings


def test_a_lock_is_held_by_one_and_the_loser_says_who(migrated: Settings) -> None:
    settings = migrated
    first, second = engines.database(settings, "chatrec run one"), engines.database(settings, "chatrec run two")
    with (
        hold(first, "chatrec", "run"),
        pytest.raises(Busy, match="held by chatrec run one"),
        hold(second, "chatrec", "run"),
    ):
        pass
    with hold(second, "chatrec", "run"), hold(first, "other", "run"), hold(first, "chatrec", "publish"):
        pass


def test_shared_locks_keep_out_only_those_who_want_it_alone(migrated: Settings) -> None:
    engine = engines.database(migrated)
    with (
        hold(engine, "chatrec", "run", shared=True),
        hold(engine, "chatrec", "run", shared=True),
        pytest.raises(Busy),
        hold(engine, "chatrec", "run"),
    ):
        pass
    with hold(engine, "chatrec", "run"):
        pass


def test_a_killed_process_lets_go(migrated: Settings) -> None:
    engine = engines.database(migrated)
    code = (
        "import os, signal\nfrom chatrec.config import load\nfrom chatrec.db import engine\n"
        "from chatrec.db.lock import hold\n"
        "with hold(engine.database(load()), 'chatrec', 'run'):\n"
        "    print('held', flush=True)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "held\n"
    for _ in range(50):
        try:
            with hold(engine, "chatrec", "run"):
                return
        except Busy:
            continue
    pytest.fail("the lock is still held")


def refuse(url: str) -> str:
    engine = engines._engine(make_url(url).set(drivername="postgresql+psycopg2"), "chatrec test")
    with (
        pytest.raises((SettingsError, DatabaseUnavailable)) as caught,
        engines.readable_errors("database.url", engine.url),
        engine.connect(),
    ):
        pass
    return f"{type(caught.value).__name__}: {caught.value}"


def test_a_database_that_is_down_is_transient() -> None:
    said = refuse("postgresql://u:geheim@127.0.0.1:9/nothing")
    assert said.startswith("DatabaseUnavailable")
    assert "database.url (postgresql+psycopg2://u:***@127.0.0.1:9/nothing) does not answer" in said
    assert "geheim" not in said


def test_a_wrong_password_is_a_wrong_setting(server: str) -> None:
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("DROP ROLE IF EXISTS locked")
        cursor.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")
        cursor.execute("SHOW hba_file")
        hba = cursor.fetchone()[0]
        with open(hba) as stream:  # noqa: PTH123
            before = stream.read()
        try:
            with open(hba, "w") as stream:  # noqa: PTH123
                stream.write("local all locked scram-sha-256\n" + before)
            cursor.execute("SELECT pg_reload_conf(), pg_sleep(0.3)")
            url = make_url(server).set(username="locked", password="geheim")
            said = refuse(url.render_as_string(hide_password=False))
        finally:
            with open(hba, "w") as stream:  # noqa: PTH123
                stream.write(before)
            cursor.execute("SELECT pg_reload_conf()")
    assert re.search(r"SettingsError: database.url .* is refused: .*password authentication failed", said)
    assert "geheim" not in said


def test_a_missing_database_is_a_wrong_setting(server: str) -> None:
    url = make_url(server).set(database="nowhere").render_as_string(hide_password=False)
    assert "SettingsError" in refuse(url)


def test_a_deadlock_may_be_tried_again(configure: Configure) -> None:
    settings = configure()
    engine = engines.database(settings)
    with (
        pytest.raises(TransientError),
        engines.readable_errors("database.url", engine.url),
        engine.begin() as connection,
    ):
        connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
