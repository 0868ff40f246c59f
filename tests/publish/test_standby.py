"""Readers of a streaming standby see whole lists, if a publish waits for it."""

import os
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, make_url

from chatrec.errors import SettingsError, TransientError
from chatrec.publish.standbys import wait_for_standbys
from tests.support.databases import connect, execute, one
from tests.support.publishing import prepare
from tests.support.readers import publish_runs, watch
from tests.support.standby import lagging, replayed, standby

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(database: str, server_folder: Path) -> Iterator[str]:
    yield from standby(database, server_folder / "postgres")


def test_readers_of_a_standby_that_lags_see_whole_lists(
    engine: Engine, database: str, copy: str, tmp_path: Path
) -> None:
    files = prepare(engine, tmp_path)
    publish_runs(engine, files, 1, 1)
    replayed(database, copy)
    with lagging(copy):
        seen = watch(copy, partial(publish_runs, engine, files, 2, 12, keep=2, standby_seconds=0.3), readers=2)
    assert [(each.empty, each.mixed) for each in seen] == [(0, 0)] * 2
    assert all(each.runs > 2 for each in seen)


def test_a_standby_that_stays_behind_stops_the_publish(
    engine: Engine, database: str, copy: str, tmp_path: Path
) -> None:
    files = prepare(engine, tmp_path)
    wait_for_standbys(engine, 0.01, 10)
    with closing(connect(copy)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_wal_replay_pause()")
        publish_runs(engine, files, 1, 1)
        with pytest.raises(TransientError, match=r"for standbys to replay the new partitions: copy\."):
            wait_for_standbys(engine, 0.01, 0.3)
        wait_for_standbys(engine, 0, 0.3)
        cursor.execute("SELECT pg_wal_replay_resume()")
    wait_for_standbys(engine, 0.01, 10)
    assert one(copy, "SELECT count(*) FROM chatrec.recommendations") == 6


def test_a_role_that_may_not_see_standbys_is_told(engine: Engine, database: str, copy: str, roles: None) -> None:
    role = f"blind_{os.getpid()}"
    execute(database, f"CREATE ROLE {role} LOGIN")
    blind = create_engine(make_url(database).set(drivername="postgresql+psycopg2", username=role))
    with pytest.raises(SettingsError, match=f"`GRANT pg_monitor TO {role};`"):
        wait_for_standbys(blind, 1, 10)
    execute(database, f"GRANT pg_monitor TO {role}")
    wait_for_standbys(blind, 0.01, 10)
    blind.dispose()
    execute(database, f"DROP ROLE {role}")
