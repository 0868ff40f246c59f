"""A rollback beside a publish, a retention or another rollback: the pointer never names lists that are gone."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import Engine, text

from chatrec.db import records
from chatrec.errors import LockLost, RunError, RunStopped
from chatrec.publish import partitions, pointer
from chatrec.publish.outputs import Files
from chatrec.publish.publish import publish, retire
from tests.support.databases import execute
from tests.support.readers import OF_LISTS, engine_of, new_run, watch

FIRST, SECOND, THIRD = (f"20260101T{number:06}Z" for number in (1, 2, 3))
WAITING = text("SELECT count(*) FROM pg_locks WHERE NOT granted")


@pytest.fixture
def three(engine: Engine, files: Callable[[int], Files]) -> list[int]:
    """Numbers of three published runs."""
    runs = [new_run(engine, number) for number in (1, 2, 3)]
    for number, run in enumerate(runs, 1):
        publish(engine, "chatrec", run, files(number), 10, OF_LISTS)
    return runs


def live(engine: Engine) -> str | None:
    """Key of the live run, whose lists must be there."""
    with engine.connect() as connection:
        record = records.live(connection)
        assert record is None or connection.scalar(text("SELECT count(*) FROM recommendations")) == 6
    return record.key if record else None


def beside(engine: Engine, change: str, work: Callable[[], records.RunRecord]) -> records.RunRecord | RunError:
    """What some work comes to that waits for another process to change and commit."""
    with ThreadPoolExecutor() as pool:
        with engine.begin() as connection:
            connection.execute(pointer.LOCK)
            connection.execute(text(change))
            ended = pool.submit(work)
            while not connection.scalar(WAITING):
                assert not ended.done()
        error = ended.exception()
        return error if isinstance(error, RunError) else ended.result()


def test_a_retention_keeps_the_run_that_a_rollback_has_just_chosen(
    engine: Engine, three: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_live = pointer._make_live
    thread = threading.Thread(target=retire, args=(engine, "chatrec", 1, 10, OF_LISTS))

    def slowly(connection: object, record: records.RunRecord) -> None:
        thread.start()
        with engine.connect() as other:
            while not other.scalar(WAITING):
                pass
        make_live(connection, record)  # type: ignore[arg-type]

    monkeypatch.setattr(pointer, "_make_live", slowly)
    assert pointer.rollback(engine, FIRST).key == FIRST
    thread.join()
    assert live(engine) == FIRST
    assert partitions.runs_with_tables(engine, OF_LISTS) == {three[0], three[2]}


@pytest.mark.parametrize(("key", "reason"), [(FIRST, "not kept"), (None, "no older run")])
def test_a_rollback_refuses_what_a_retention_has_just_chosen(
    key: str | None, reason: str, engine: Engine, three: list[int]
) -> None:
    retired = f"UPDATE runs SET kept = false WHERE key <> '{THIRD}'"
    assert reason in str(beside(engine, retired, lambda: pointer.rollback(engine, key)))
    assert live(engine) == THIRD


def test_of_two_rollbacks_at_once_one_moves_the_pointer(engine: Engine, three: list[int]) -> None:
    """Otherwise they would go back two runs."""
    first = f"UPDATE live_run SET run = {three[1]}"
    said = str(beside(engine, first, lambda: pointer.rollback(engine)))
    assert f"Run {SECOND} became live in the meantime" in said
    assert live(engine) == SECOND


def test_a_run_without_tables_does_not_become_live(engine: Engine, three: list[int]) -> None:
    partitions.drop(engine, OF_LISTS, three[0], 10)
    with pytest.raises(RunError, match=f"lists of run {FIRST} are gone"):
        pointer.rollback(engine, FIRST)
    with pytest.raises(RunError, match="cannot become live"):
        pointer.point(engine, new_run(engine, 9))
    assert live(engine) == THIRD


@pytest.mark.slow
@pytest.mark.parametrize("keep", [1, 2])
def test_rollbacks_beside_publishes_show_no_empty_list(
    keep: int, engine: Engine, files: Callable[[int], Files], database: str, three: list[int]
) -> None:
    stop, gone_back = threading.Event(), []

    def go_back() -> None:
        other = engine_of(database)
        while not stop.is_set():
            with suppress(RunError):  # no older run is kept
                gone_back.append(pointer.rollback(other).run)
        other.dispose()

    def publish_runs() -> None:
        for number in range(4, 24):
            run = new_run(engine, number)
            publish(engine, "chatrec", run, files(number), 30, OF_LISTS)
            retire(engine, "chatrec", keep, 30, OF_LISTS)

    threads = [threading.Thread(target=go_back) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        seen = watch(database, publish_runs, readers=2)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert gone_back
    assert [(each.empty, each.mixed, each.failed) for each in seen] == [(0, 0, 0)] * 2


def test_a_publish_that_lost_its_lock_moves_nothing(
    engine: Engine, files: Callable[[int], Files], three: list[int], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one takes over while it waits for readers."""
    run, drain = new_run(engine, 4), pointer.drain

    def lose(*arguments: object) -> None:
        execute(database, "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")
        retire(engine, "chatrec", 7, 10, OF_LISTS)
        drain(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(pointer, "drain", lose)
    with pytest.raises(LockLost, match="publish lock was taken over"):
        publish(engine, "chatrec", run, files(4), 10, OF_LISTS)
    assert live(engine) == THIRD
    monkeypatch.setattr(pointer, "drain", drain)
    publish(engine, "chatrec", run, files(4), 10, OF_LISTS)
    assert live(engine) == "20260101T000004Z"


def test_the_order_of_reading_decides_whatever_the_clock_said(
    engine: Engine, files: Callable[[int], Files], caplog: pytest.LogCaptureFixture
) -> None:
    """The clock is two days ahead for one run, and right again for the next."""
    runs = [new_run(engine, number) for number in (1, 2, 3)]
    with engine.begin() as connection:
        for run, moment in zip(runs, (300_000, 100_000, 200_000), strict=True):
            records.number_snapshot(connection, run)
            records.set_snapshot(connection, run, moment * 1_000_000)
    publish(engine, "chatrec", runs[0], files(1), 10, OF_LISTS)
    with engine.begin() as connection:
        connection.execute(text("UPDATE runs SET published_at = now() + interval '2 days' WHERE kept"))
    publish(engine, "chatrec", runs[2], files(3), 10, OF_LISTS)
    assert f"The clock was wrong: run {FIRST}, which is live, says that it was read at 1970-01-04" in caplog.text
    with pytest.raises(RunStopped, match=f"Run {THIRD} is live and was read later .* than {SECOND}"):
        publish(engine, "chatrec", runs[1], files(2), 10, OF_LISTS)
    assert pointer.rollback(engine).key == FIRST
    pointer.point(engine, runs[2])
    with engine.begin() as connection:
        records.set_snapshot(connection, runs[1], 900_000 * 1_000_000)
    with pytest.raises(RunStopped, match=r"older lists are not published.* The clock was wrong: it said that"):
        publish(engine, "chatrec", runs[1], files(2), 10, OF_LISTS)
    assert retire(engine, "chatrec", 1, 10, OF_LISTS) == [THIRD]
