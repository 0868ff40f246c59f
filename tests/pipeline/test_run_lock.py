"""Two runs never work on the same files, whatever happens to the connection that holds the lock."""

from contextlib import ExitStack

import pytest

from chatrec import pipeline
from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.errors import Busy, LockLost
from chatrec.pipeline.step import Step
from chatrec.runs.file_lock import RUN_LOCK, lock_file
from chatrec.runs.run import Manifest, Run
from tests.support.finished import Finished
from tests.support.shop import Shop

KEY = "20260602T020000Z"


def cut(shop: Shop) -> None:
    """Closes the session that holds the lock, as a firewall, a pooler or a failover does."""
    shop.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")


def test_a_second_run_is_refused_when_the_first_one_has_lost_its_connection(finished: Finished) -> None:
    refused: list[str] = []

    def watch(step: Step, manifest: Manifest | None) -> None:
        if step.name == "groups" and manifest is None:
            cut(finished.shop)
            with pytest.raises(Busy) as caught:
                pipeline.run(finished.settings)
            refused.append(str(caught.value))

    assert pipeline.run(finished.settings, KEY, watch).state == "published"
    assert "are in use by chatrec run (" in refused[0]
    assert finished.shop.execute("SELECT count(*) FROM chatrec.runs") == [(2,)]


def test_a_run_whose_lock_was_taken_over_stops_by_itself(finished: Finished) -> None:
    """By a process that does not have the same files. What the loser did is recorded by nobody."""
    other = engines.database(finished.settings, "chatrec run of somebody")
    with ExitStack() as taken:

        def watch(step: Step, manifest: Manifest | None) -> None:
            if step.name == "gate" and manifest is None:
                cut(finished.shop)
                taken.enter_context(hold(other, "chatrec", "run"))

        lists = finished.shop.lists()
        result = pipeline.run(finished.settings, KEY, watch)
        assert isinstance(result.error, LockLost)
        assert "taken over by chatrec run of somebody" in str(result.error)
        assert (result.state, "gate" in result.steps, result.checks) == ("running", False, ())
    other.dispose()
    assert finished.shop.lists() == lists
    assert pipeline.run(finished.settings).key == KEY


def test_one_process_performs_a_step(finished: Finished) -> None:
    """A scheduler repeats a task that it takes for dead."""
    key = pipeline.begin(finished.settings, KEY, "airflow").key
    folder = Run(finished.settings.artifacts.root, key).folder
    with (
        lock_file(folder / "extract.lock", "chatrec extract"),
        pytest.raises(Busy, match="in use by chatrec extract"),
    ):
        pipeline.perform(finished.settings, key, "extract")
    with (
        lock_file(finished.settings.artifacts.root / RUN_LOCK, "chatrec run of somebody"),
        pytest.raises(Busy, match="in use by chatrec run of somebody"),
    ):
        pipeline.perform(finished.settings, key, "extract")
    pipeline.perform(finished.settings, key, "extract")
