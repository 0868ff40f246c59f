"""A lock whose connection is lost: it is taken again, or its holder writes nothing more."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url

from chatrec.config import load
from chatrec.db import engine as engines
from chatrec.db import lock as locks
from chatrec.db.fence import Fence
from chatrec.db.lock import Lock, hold
from chatrec.db.migrate import migrate
from chatrec.db.records import open_run, step_begins
from chatrec.errors import Busy, LockLost, SettingsError
from tests.support.databases import connect, execute
from tests.support.shop import write_settings

HELD = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


@pytest.fixture
def database(module_database: str) -> str:
    return module_database


@pytest.fixture(scope="module")
def two(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Engine]]:
    """Engines of two processes."""
    settings = load(write_settings(tmp_path_factory.mktemp("two"), module_database, {}))
    made = engines.database(settings, "chatrec run one"), engines.database(settings, "chatrec run two")
    migrate(made[0], "chatrec", {"user_id_type": "bigint", "item_id_type": "bigint"})
    yield made
    for engine in made:
        engine.dispose()


def holders(database: str) -> set[int]:
    """The sessions that hold a lock."""
    with closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute(HELD)
        return {pid for (pid,) in cursor.fetchall()}


def cut(database: str) -> set[int]:
    """Closes the sessions that hold a lock, as a failover or a firewall does."""
    execute(database, f"SELECT pg_terminate_backend(pid, 10000) FROM ({HELD}) l")
    return holders(database)


def check(engine: Engine, held: Lock | Fence) -> None:
    """What each write does first."""
    with engine.begin() as connection:
        held.check(connection)


def test_an_idle_connection_is_kept(two: tuple[Engine, Engine], database: str) -> None:
    name = make_url(database).database
    two[0].dispose()
    execute(database, f"ALTER DATABASE {name} SET idle_session_timeout = '300ms'")
    with hold(two[0], "chatrec", "run") as held:
        before = holders(database)
        time.sleep(1)
        assert holders(database) == before
        check(two[0], held)
        with pytest.raises(Busy, match="held by chatrec run one"), hold(two[1], "chatrec", "run"):
            pass
    execute(database, f"ALTER DATABASE {name} RESET idle_session_timeout")
    two[0].dispose()


def test_a_lost_lock_is_taken_again(
    two: tuple[Engine, Engine], database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "USE_SECONDS", 0.05)
    caplog.set_level(logging.WARNING, "chatrec")
    with hold(two[0], "chatrec", "run") as held:
        cut(database)
        while "taken again" not in caplog.text:
            time.sleep(0.05)
        check(two[0], held)
        with pytest.raises(Busy, match="held by chatrec run one"), hold(two[1], "chatrec", "run"):
            pass
    assert not holders(database)
    assert "its connection was lost: " in caplog.text


@pytest.mark.parametrize(("shared", "shares"), [(False, False), (True, False), (False, True)])
def test_who_lost_the_lock_to_another_writes_nothing_more(
    two: tuple[Engine, Engine], database: str, shared: bool, shares: bool
) -> None:
    """Before the holder's connection is used again, which takes seconds, another takes the lock, alone or shared."""
    with hold(two[0], "chatrec", "run", shared) as held:
        assert not cut(database)
        with hold(two[1], "chatrec", "run", shares) as taken:
            check(two[1], taken)
        with pytest.raises(LockLost, match=r"The run lock was taken over by chatrec run two .*, since .* stops here"):
            check(two[0], held)


def test_the_loser_lets_go_of_a_lock_that_it_takes_too_late(
    two: tuple[Engine, Engine], database: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "USE_SECONDS", 0.3)
    with hold(two[0], "chatrec", "run"):
        with ExitStack() as taken:
            while "taken over" not in caplog.text:
                cut(database)
                with suppress(Busy):  # the first one was faster
                    taken.enter_context(hold(two[1], "chatrec", "run"))
                time.sleep(0.4)
        assert not holders(database)
        with hold(two[1], "chatrec", "run") as third:
            check(two[1], third)


def test_those_who_share_a_lock_have_one_number(two: tuple[Engine, Engine]) -> None:
    with hold(two[0], "chatrec", "run", shared=True) as one, hold(two[1], "chatrec", "run", shared=True) as other:
        assert one.fence == other.fence
        check(two[0], one)
        check(two[1], other)
    with hold(two[0], "chatrec", "run") as alone, hold(two[0], "chatrec", "publish") as publish:
        assert alone.fence > one.fence
        check(two[0], publish)


def test_nobody_takes_over_while_a_write_is_in_progress(
    two: tuple[Engine, Engine], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "WAIT_MS", 100)
    with hold(two[0], "chatrec", "run") as held:
        cut(database)
        with two[0].begin() as connection:
            held.check(connection)
            with pytest.raises(Busy, match="is still writing"), hold(two[1], "chatrec", "run"):
                pass
            connection.exec_driver_sql("SELECT 1")
        check(two[0], held)


def test_files_are_locked_whatever_the_network_does(two: tuple[Engine, Engine], database: str, tmp_path: Path) -> None:
    file = tmp_path / "run.lock"
    with hold(two[0], "chatrec", "run", file=file) as held:
        assert not cut(database)
        for shared in (False, True):
            with (
                pytest.raises(Busy, match=r"files under .* are in use by chatrec run one \(.* pid \d+\), since 20"),
                hold(two[1], "chatrec", "run", shared, file),
            ):
                pass
        check(two[0], held)
    with hold(two[0], "chatrec", "run", True, file), hold(two[1], "chatrec", "run", True, file):
        pass


def test_an_attempt_at_a_step_that_was_begun_again_writes_nothing_more(two: tuple[Engine, Engine]) -> None:
    """As a scheduler does it that takes a task for dead."""
    with hold(two[0], "chatrec", "run", shared=True) as held:
        with two[0].begin() as connection:
            run = open_run(connection, "20260101T000001Z", "test", {}).run
            first, second = (Fence(held, run, "rank", step_begins(connection, run, "rank")) for _ in range(2))
        check(two[0], second)
        with pytest.raises(LockLost, match="begun the step rank again"):
            check(two[0], first)


def test_a_lock_needs_the_tables(database: str, tmp_path: Path) -> None:
    empty = engines.database(load(write_settings(tmp_path, database, {"database.schema_name": "empty"})))
    with pytest.raises(SettingsError, match="run `chatrec db migrate`"), hold(empty, "empty", "run"):
        pass
    empty.dispose()
