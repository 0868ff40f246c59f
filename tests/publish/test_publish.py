"""The publish: whole runs for every reader, and one pointer to move."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from chatrec.db import records
from chatrec.db.lock import hold
from chatrec.errors import Busy, RunError, RunStopped, TransientError
from chatrec.publish import partitions, pointer
from chatrec.publish.client import Client
from chatrec.publish.outputs import OUTPUTS, Files
from chatrec.publish.publish import publish, retire
from tests.support.databases import new_database
from tests.support.publishing import prepare
from tests.support.readers import engine_of, new_run, publish_runs, watch

TABLES = [output.table for output in OUTPUTS]
BESIDE = ("similar_items", "popular", "trending", "query_recommendations")


def publish_run(engine: Engine, files: Callable[[int], Files], number: int) -> int:
    run = new_run(engine, number)
    publish(engine, "chatrec", run, files(number), 10)
    return run


def live_scores(engine: Engine) -> set[float]:
    with engine.connect() as connection:
        return set(connection.execute(text("SELECT score FROM recommendations")).scalars())


def test_texts_that_the_encoding_cannot_hold_are_replaced_and_counted(
    server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = new_database(server, "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    engine = engine_of(url := next(database))
    publish_run(engine, prepare(engine, tmp_path), 1)
    with engine.connect() as connection:
        assert list(connection.execute(text("SELECT title FROM items ORDER BY item_id")).scalars()) == [
            "a",
            None,
            "???",
        ]
    engine.dispose()
    assert "1 text has characters that LATIN1, the encoding of database.url, cannot hold" in caplog.text
    with Client(url) as client:
        assert client.search("shoes")
        assert client.search("运动鞋") == []
    database.close()


def test_the_tables_beside_the_lists_turn_over_with_them(engine: Engine, files: Callable[[int], Files]) -> None:
    publish_run(engine, files, 7)
    with engine.connect() as connection:
        read = {name: connection.execute(text(f"SELECT * FROM {name}")).all() for name in BESIDE}
    assert read == {
        "similar_items": [(10, 1, 12, "运动鞋", 7.0)],
        "popular": [(None, None, 1, 10, "a", 7.0)],
        "trending": [(1, 10, "a", 7.0)],
        "query_recommendations": [("shoes", 1, 10, "a", 7.0)],
    }

    def scores() -> set[float]:
        with engine.connect() as connection:
            return {connection.scalar(text(f"SELECT score FROM {name}")) for name in BESIDE}

    publish_run(engine, files, 8)
    assert scores() == live_scores(engine) == {8.0}
    pointer.rollback(engine)
    assert scores() == live_scores(engine) == {7.0}


def test_a_published_run_reads_as_it_should(engine: Engine, files: Callable[[int], Files]) -> None:
    publish_run(engine, files, 7)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM recommendations WHERE user_id = 1 ORDER BY rank")).all()
        groups = connection.execute(text("SELECT * FROM user_groups ORDER BY user_id")).all()
        blurbs = connection.execute(text("SELECT * FROM blurbs")).all()
    evidence = {"aigc": 0.625, "ease": 0.375}
    assert [tuple(row) for row in rows] == [
        (1, 1, 10, "a", 7.0, "aigc", {"group": "G", "because_item_id": 11, "blurb": "a, from G", "evidence": evidence}),
        (1, 2, 11, None, 7.0, "aigc", {"group": "G", "evidence": evidence}),
        (1, 3, 12, "运动鞋", 7.0, "aigc", {"because": "a", "because_item_id": 10, "evidence": evidence}),
    ]
    assert [tuple(row) for row in groups] == [(1, 1, 0, "G", 1.0), (2, 1, 0, "G", 1.0)]
    assert blurbs == [(10, 11, 0, "a, from G")]


def test_publishing_again_changes_nothing(engine: Engine, files: Callable[[int], Files]) -> None:
    run = publish_run(engine, files, 1)
    publish(engine, "chatrec", run, files(2), 10)
    assert live_scores(engine) == {1.0}


def test_rollback_goes_to_the_previous_run_and_back(engine: Engine, files: Callable[[int], Files]) -> None:
    for number in (1, 2, 3):
        publish_run(engine, files, number)
    changes: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: changes.append(" ".join(given[2].split()[:2])))
    assert pointer.rollback(engine).key == "20260101T000002Z"
    assert [each for each in changes if "SELECT" not in each] == ["UPDATE live_run", "UPDATE runs"]
    assert live_scores(engine) == {2.0}
    assert pointer.rollback(engine).key == "20260101T000001Z"
    with pytest.raises(RunError, match="no older run"):
        pointer.rollback(engine)
    pointer.rollback(engine, "20260101T000003Z")
    assert live_scores(engine) == {3.0}
    with pytest.raises(RunError, match="no run 20260101T000009Z"):
        pointer.rollback(engine, "20260101T000009Z")


def test_recommendations_at_reads_an_older_run(engine: Engine, files: Callable[[int], Files]) -> None:
    first, second = publish_run(engine, files, 1), publish_run(engine, files, 2)
    with engine.connect() as connection:
        for run, key, score in ((first, "20260101T000001Z", 1.0), (second, "20260101T000002Z", 2.0)):
            by_number = connection.execute(text("SELECT * FROM recommendations_at(:run)"), {"run": run}).all()
            by_key = connection.execute(text("SELECT * FROM recommendations_at(:key)"), {"key": key}).all()
            assert by_number == by_key
            assert {row.score for row in by_number} == {score}
            assert len(by_number) == 6
        live = connection.execute(text("SELECT * FROM recommendations")).all()
        assert live == connection.execute(text("SELECT * FROM recommendations_at(:run)"), {"run": second}).all()
        assert connection.execute(text("SELECT * FROM recommendations_at('20990101T000000Z')")).all() == []


def test_one_user_is_read_from_one_partition(engine: Engine, files: Callable[[int], Files]) -> None:
    """Whatever way the reader asks, the other runs' partitions are pruned."""
    for number in range(1, 5):
        publish_run(engine, files, number)
    queries = (
        "SELECT * FROM recommendations WHERE user_id = 1",
        "SELECT count(*) FROM recommendations",
        "SELECT * FROM recommendations_at(2) WHERE user_id = 1",
        "SELECT * FROM user_groups WHERE user_id = 1",
    )
    with engine.connect() as connection:
        for disabled in ("off", "on"):
            connection.execute(text(f"SET enable_seqscan = {disabled}"))
            for query in queries:
                plan = connection.execute(text(f"EXPLAIN (ANALYZE, VERBOSE) {query}")).scalars().all()
                scans = [line for line in plan if " on " in line and "_r" in line and "never executed" not in line]
                touched = {name for line in scans for name in line.split() if "_r" in name and name[-1].isdigit()}
                assert len({name.rsplit("_r", 1)[1] for name in touched}) == 1, (query, scans)


def test_a_rerun_after_half_a_load_starts_again(engine: Engine, files: Callable[[int], Files]) -> None:
    run = new_run(engine, 1)
    made = files(1)
    partitions.load(engine, OUTPUTS[0], run, made)
    assert live_scores(engine) == set()
    publish(engine, "chatrec", run, made, 10)
    assert live_scores(engine) == {1.0}


def test_rows_that_go_missing_stop_the_run(
    engine: Engine, files: Callable[[int], Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_run(engine, files, 1)
    monkeypatch.setattr(partitions, "copy_in", lambda *arguments, **options: 99)
    with pytest.raises(RunStopped, match="items: 99 rows were sent and 0 of 0 arrived"):
        publish_run(engine, files, 2)
    assert live_scores(engine) == {1.0}


def test_one_publish_at_a_time(engine: Engine, files: Callable[[int], Files]) -> None:
    run = new_run(engine, 1)
    with hold(engine, "chatrec", "publish"), pytest.raises(Busy, match="publish lock of schema chatrec is held by"):
        publish(engine, "chatrec", run, files(1), 10)


def test_the_pointer_waits_for_older_readers_and_holds_nobody_up(
    engine: Engine, files: Callable[[int], Files], database: str
) -> None:
    publish_run(engine, files, 1)
    reader = engine_of(database).connect()
    reader.execute(text("SELECT count(*) FROM recommendations"))  # an open transaction with a lock on the parent
    thread = threading.Thread(target=publish_run, args=(engine, files, 2))
    thread.start()
    time.sleep(0.7)
    assert thread.is_alive()
    assert live_scores(engine) == {1.0}  # a new reader is not held up
    reader.rollback()
    thread.join(10)
    assert live_scores(engine) == {2.0}
    reader.close()


def test_waiting_has_an_end_and_names_the_reader(engine: Engine, files: Callable[[int], Files], database: str) -> None:
    publish_run(engine, files, 1)
    with engine_of(database).connect() as reader:
        reader.execute(text("SET application_name = 'slow report'"))
        reader.execute(text("SELECT count(*) FROM recommendations"))
        run = new_run(engine, 2)
        with pytest.raises(TransientError, match="slow report"):
            publish(engine, "chatrec", run, files(2), drain_seconds=0.3)
        assert live_scores(engine) == {1.0}
    publish(engine, "chatrec", run, files(2), 10)
    assert live_scores(engine) == {2.0}


def test_the_newest_runs_and_the_live_one_are_kept(engine: Engine, files: Callable[[int], Files]) -> None:
    numbers = [publish_run(engine, files, number) for number in range(1, 6)]
    pointer.rollback(engine, "20260101T000001Z")
    abandoned = new_run(engine, 6)
    partitions.load(engine, OUTPUTS[0], abandoned, files(6))
    kept = retire(engine, "chatrec", 2, 10)
    assert kept == ["20260101T000005Z", "20260101T000004Z", "20260101T000001Z"]
    assert partitions.runs_with_tables(engine, OUTPUTS) == {numbers[0], numbers[3], numbers[4]}
    with engine.connect() as connection:
        assert {record.key for record in records.kept(connection)} == set(kept)
    with pytest.raises(RunError, match="not kept"):
        pointer.rollback(engine, "20260101T000002Z")


def test_a_detach_that_was_killed_is_finished(engine: Engine, files: Callable[[int], Files], database: str) -> None:
    publish_run(engine, files, 1)
    publish_run(engine, files, 2)
    with engine_of(database).connect() as reader:
        reader.execute(text("SELECT count(*) FROM recommendations"))
        with pytest.raises(TransientError, match="has been reading run number 1"):
            retire(engine, "chatrec", 1, 0.3)
    assert retire(engine, "chatrec", 1, 10) == ["20260101T000002Z"]
    assert partitions.runs_with_tables(engine, OUTPUTS) == {2}
    assert live_scores(engine) == {2.0}


@pytest.mark.parametrize("publishes", [40, pytest.param(300, marks=pytest.mark.slow)])
def test_readers_see_whole_runs_only(
    publishes: int, engine: Engine, files: Callable[[int], Files], database: str
) -> None:
    """Three readers poll over their own connections, also during a rollback in ten publishes and two retentions."""
    publish_runs(engine, files, 1, 1)
    seen = watch(database, lambda: publish_runs(engine, files, 2, publishes + 1))
    for each in seen:
        assert (each.empty, each.mixed, each.failed) == (0, 0, 0), each
        assert each.reads > publishes * 3
        assert each.runs > publishes / 3


@pytest.mark.slow
def test_the_readers_would_notice_a_wrong_publish(engine: Engine, files: Callable[[int], Files], database: str) -> None:
    """The same readers, and a publish in one transaction: they see empty lists."""
    publish_runs(engine, files, 1, 1)
    seen = watch(database, lambda: publish_runs(engine, files, 2, 301, naive=True))
    assert sum(each.empty for each in seen) > 0
