"""What a run returns: a published one, one that a check stopped, and one that a step failed."""

import pytest

from chatrec import pipeline
from chatrec.console import summary
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.errors import MappingError, RunError, RunStopped, SettingsError
from chatrec.pipeline import RunResult
from chatrec.pipeline.steps import STEPS
from chatrec.runs.results import STEP_RESULTS, PublishResult, RankResult
from chatrec.runs.run import Run
from tests.support.finished import FIRST, Finished

SECOND = "20260602T000000Z"


def test_a_published_run(finished: Finished) -> None:
    settings = finished.settings
    result = pipeline.run(settings, SECOND)
    assert (result.key, result.state, result.error, result.ok) == (SECOND, "published", None, True)
    assert list(result.steps) == [step.name for step in STEPS]
    assert {name: type(step.result) for name, step in result.steps.items()} == STEP_RESULTS
    assert all(step.state == "done" and step.seconds is not None and summary(step.result) for step in
               result.steps.values())  # fmt: skip
    published, ranked = result.steps["publish"].result, result.steps["rank"].result
    assert isinstance(published, PublishResult)
    assert isinstance(ranked, RankResult)
    assert published.rows["recommendations"] == ranked.rows == 200
    assert published.same_lists_as == ranked.reused_from == FIRST
    assert result.checks
    assert all(check.ok for check in result.checks)
    assert f"{len(result.checks)} checks passed" in result.verdict
    kept = {name: Run(settings.artifacts.root, SECOND).finished(name).result for name in result.steps}
    assert {name: step.result for name, step in result.steps.items()} == kept
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        assert RunResult.read(connection, SECOND) == result


def test_the_keys_in_the_database_are_names_of_fields(finished: Finished) -> None:
    rows = finished.shop.execute("SELECT DISTINCT jsonb_object_keys(counts) FROM chatrec.run_steps")
    assert len(rows) > 50
    assert all(key.isidentifier() for (key,) in rows)


def test_a_check_stops_a_run(finished: Finished) -> None:
    strict = finished.settings.override({"checks.min_coverage": 1.0, "ranking.top_n": 1})
    result = pipeline.run(strict, SECOND)
    assert (result.state, result.ok) == ("stopped", False)
    assert isinstance(result.error, RunStopped)
    assert result.error.step == "gate"
    assert (result.steps["gate"].state, result.steps["gate"].error) == ("failed", str(result.error))
    assert "publish" not in result.steps
    assert result.checks[0].name == "coverage"
    assert not result.checks[0].ok
    assert result.verdict == str(result.error)
    with pytest.raises(RunStopped, match="coverage") as raised:
        pipeline.run(strict, SECOND, raise_on_error=True)
    assert raised.value.step == "gate"


def test_a_step_fails(finished: Finished) -> None:
    users = "SELECT no AS user_id, 1 / (no - 7) AS share FROM customers"
    result = pipeline.run(finished.settings.override({"source.users": users}), SECOND)
    assert (result.state, result.checks) == ("failed", ())
    assert isinstance(result.error, MappingError)
    assert result.error.step == "extract"
    assert list(result.steps) == ["extract"]
    assert result.steps["extract"].result is None
    with open_database(finished.settings, "chatrec test") as engine, engine.connect() as connection:
        live = records.live(connection)
        assert live
        assert live.key == FIRST
        with pytest.raises(RunError, match="no run"):
            RunResult.read(connection, "20200101T000000Z")


def test_what_keeps_a_run_from_starting_is_raised(finished: Finished) -> None:
    with pytest.raises(SettingsError, match="chatrec db migrate"):
        pipeline.run(finished.settings.override({"database.schema_name": "elsewhere"}))
