"""Locks and errors of connections."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import text

from chatrec.config import Settings
from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.db.migrate import migrate
from chatrec.errors import Busy, TransientError

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


def test_a_deadlock_may_be_tried_again(configure: Configure) -> None:
    settings = configure()
    engine = engines.database(settings)
    with (
        pytest.raises(TransientError),
        engines.readable_errors("database.url", engine.url),
        engine.begin() as connection,
    ):
        connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
