"""A logical replica of all tables follows what runs and erasures change."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from chatrec.db import embedded
from chatrec.db.erasures import remove_quarantined, remove_rows
from chatrec.publish.outputs import OUTPUTS
from chatrec.publish.partitions import tables_of
from chatrec.publish.publish import publish
from tests.support.databases import execute, of_name
from tests.support.publishing import prepare
from tests.support.readers import engine_of, new_run

LOGICAL = """
import sys
from pathlib import Path
from chatrec.db import embedded
from tests.support.databases import execute
execute(embedded.start(Path(sys.argv[1])), "ALTER SYSTEM SET wal_level = logical", "CREATE DATABASE replica")
"""
USER = '{"user_id": "1"}'
ROWS = "SELECT (SELECT count(*) FROM recommendations_r1), (SELECT count(*) FROM quarantine), count(*) FROM runs"


@pytest.mark.slow
def test_a_subscriber_to_all_tables_follows(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    subprocess.run([sys.executable, "-c", LOGICAL, str(data)], check=True)  # its end stops the server
    shop = embedded.start(data)
    replica = of_name(shop, "replica")
    primary, copy = engine_of(shop), engine_of(replica)
    execute(
        shop, "CREATE PUBLICATION cdc FOR ALL TABLES", "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')"
    )
    files = prepare(primary, tmp_path)
    run = new_run(primary, 1)
    publish(primary, "chatrec", run, files(1), 10)
    with primary.begin() as connection:
        connection.execute(text(f"INSERT INTO quarantine VALUES ({run}, 'users', 'a reason', :row)"), {"row": USER})
    prepare(copy, tmp_path / "unused")
    like = "CREATE TABLE chatrec.{} (LIKE chatrec.{} INCLUDING ALL)"
    host = str(primary.url.query["host"])
    execute(
        replica,
        "TRUNCATE chatrec.migrations, chatrec.live_run",
        *(like.format(each.partition(run), each.table) for each in OUTPUTS),
        f"CREATE SUBSCRIPTION cdc CONNECTION 'dbname=chatrec user=postgres host={host} port=5432' "
        "PUBLICATION cdc WITH (create_slot = false)",
    )
    wait_until(copy, (6, 1, 1))

    (lists,) = [output for output in OUTPUTS if output.name == "recommendations"]
    assert remove_rows(primary, tables_of(primary, lists), "1") == 3
    assert remove_quarantined(primary, "1") == 1
    new_run(primary, 2)
    wait_until(copy, (3, 0, 2))
    execute(
        replica, "ALTER SUBSCRIPTION cdc DISABLE", "ALTER SUBSCRIPTION cdc SET (slot_name = NONE)",
        "DROP SUBSCRIPTION cdc",
    )  # fmt: skip


def wait_until(engine: Engine, wanted: tuple[int, ...]) -> None:
    """Waits until the replica has so many rows."""
    deadline = time.monotonic() + 120
    while True:
        with engine.connect() as connection:
            found = tuple(connection.execute(text(ROWS)).one())
        if found == wanted:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
