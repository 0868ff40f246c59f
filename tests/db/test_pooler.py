"""A pooler in transaction mode is refused, and no session that others may have is changed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chatrec import Client, pipeline
from chatrec.config import Settings
from chatrec.db.engine import database as engine_of
from chatrec.db.pooler import refuse_transaction_pooler
from chatrec.errors import SettingsError
from tests.support import processes
from tests.support.databases import connect, execute
from tests.support.finished import Finished, migrate
from tests.support.pgbouncer import PROGRAM, pooled
from tests.support.shop import Shop

REFUSED = "goes through a pooler in transaction mode: use its session port or a direct connection"
SET = ("search_path", "default_transaction_read_only", "statement_timeout", "lock_timeout", "timezone")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="apt-get install pgbouncer")


def test_a_direct_connection_is_none(settings: Settings) -> None:
    engine = engine_of(settings)
    refuse_transaction_pooler(engine)
    engine.dispose()


@pytest.fixture
def folder() -> Iterator[Path]:
    """That a server of another user may read, unlike pytest's."""
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)


def inherited(url: str) -> list[Any]:
    """What a client finds that gets a session that was another's."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in SET))
        return list(cursor.fetchone())


@needs_pgbouncer
@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "round_robin"),
    [(5, False), (5, True), (1, False)],
)
def test_it_is_refused_and_others_inherit_nothing(
    size: int, round_robin: bool, settings: Settings, shop: Shop, folder: Path
) -> None:
    for url in pooled(shop.url, folder, "transaction", size, round_robin):
        before = inherited(url)
        through = settings.override({"database.url": url, "source.url": shop.url})
        migrate(settings)
        with pytest.raises(SettingsError, match=REFUSED):
            pipeline.begin(through, "20260602T020000Z", "test")
        for arguments in (["check"], ["db", "migrate"], ["run"]):
            done = processes.run(
                processes.chatrec, *arguments, environment={**os.environ, "CHATREC_DATABASE__URL": url}
            )
            assert done.code == 2, done
            assert REFUSED in " ".join((done.out + done.err).split())
        assert shop.execute("SELECT count(*) FROM chatrec.runs") == [(0,)]
        assert [inherited(url) for _ in range(3)] == [before] * 3


@needs_pgbouncer
@pytest.mark.slow
def test_readers_may_use_one(finished: Finished, folder: Path) -> None:
    """A website, or the pages, which take no locks."""
    for url in pooled(finished.shop.url, folder, "transaction", 1):
        before = inherited(url)
        with Client(url) as client:
            assert len(client.recommend(1)) == 5
        assert (
            processes.run(processes.chatrec, "runs", environment={**os.environ, "CHATREC_DATABASE__URL": url}).code == 0
        )
        assert inherited(url) == before
        execute(url, "CREATE TABLE written (n int)")


@needs_pgbouncer
@pytest.mark.slow
def test_a_run_through_a_pooler_in_session_mode(finished: Finished, folder: Path) -> None:
    for url in pooled(finished.shop.url, folder, "session", 8):
        before = inherited(url)
        assert pipeline.run(finished.settings.override({"database.url": url})).ok
        assert inherited(url) == before
