"""Runs under [privacy]: what a release serves, what it costs, and that nothing else of others reaches a list."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chatrec.config import Settings
from chatrec.db import ledger
from chatrec.db.engine import open_database
from chatrec.errors import RunError, RunStopped, SettingsError
from chatrec.pipeline import RunOptions
from chatrec.pipeline.private import FOLDER, decide
from chatrec.runs.sealed import sealed, unsealed
from tests.support.finished import CompletedRun, Finished, complete
from tests.support.shop import Shop

PRIVATE = {"privacy.enabled": True, "privacy.epsilon": 4.0, "privacy.budget": 7.0, "privacy.refit_every": 1}


@pytest.fixture
def shop(finished: Finished) -> Shop:
    return finished.shop


@pytest.fixture
def private(finished: Finished) -> Settings:
    """Two releases are more than the budget allows."""
    return finished.settings.override(PRIVATE)


def entries(settings: Settings) -> list[ledger.Entry]:
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        return ledger.entries(connection)


def test_a_spent_budget_stops_refits_and_not_runs(private: Settings, shop: Shop) -> None:
    first = complete(private)
    assert first.state == "published"
    assert "New release at ε 4" in first.verdict
    assert [entry.key for entry in entries(private)] == [first.key]
    files = list((private.artifacts.root / FOLDER).glob("*.npz"))
    assert [unsealed(file).stem for file in files] == [first.results["ensemble"].release.name]
    sources = {row[0] for row in shop.execute("SELECT source FROM chatrec.recommendations")}
    assert sources <= {"private_ease", "content_knn_features", "group", "popular"}
    beside = {name: getattr(first.results["tables"], name) for name in ("popular", "trending", "query_recommendations")}
    assert set(beside.values()) == {0}, "they count across users"
    assert first.results["tables"].similar_items > 0

    second = complete(private)
    assert second.state == "published"
    assert "New release at ε 4; ε 5.93 of 7 spent" in second.verdict
    third = complete(private)
    assert third.state == "published"
    assert "No refit: ε 5.93 is spent and one more release would make it 7.51, over privacy.budget 7" in third.verdict
    assert f"the release of {second.key} stays in use" in third.verdict
    assert [entry.key for entry in entries(private)] == [first.key, second.key]
    assert first.results["ensemble"].release.name != second.results["ensemble"].release.name, (
        "the same data, other noise"
    )
    assert entries(private)[1].total_epsilon == pytest.approx(third.results["ensemble"].release.epsilon_spent, abs=1e-3)


def test_a_release_serves_as_many_runs_as_it_should(private: Settings) -> None:
    patient = private.override({"privacy.refit_every": 2, "privacy.budget": 50.0})
    runs: list[CompletedRun] = [complete(patient) for _ in range(3)]
    made = [run.results["ensemble"].release.name for run in runs]
    assert made[0] == made[1]
    assert made[1] != made[2]
    assert [entry.release for entry in entries(private)] == [made[0], made[2]]


def test_a_run_done_again_has_the_same_bytes_and_pays_once(private: Settings) -> None:
    first = complete(private, options=RunOptions(dry_run=True))
    file = sealed(private.artifacts.root / FOLDER / f"{first.results['ensemble'].release.name}.npz")
    assert file
    lists = private.artifacts.root / "runs" / first.key / "rank" / "recommendations.parquet"
    before = file.read_bytes(), lists.read_bytes()
    file.unlink()
    (private.artifacts.root / "runs" / first.key / "ensemble.json").unlink()
    again = complete(private, first.key, options=RunOptions(dry_run=True))
    assert again.results["ensemble"].release.name == first.results["ensemble"].release.name
    assert (file.read_bytes(), lists.read_bytes()) == before
    assert len(entries(private)) == 1


def test_what_others_do_reaches_a_list_by_the_release_alone(private: Settings, shop: Shop) -> None:
    """While a release serves, a list stays as it is whatever others do, but for the last bits of its floats."""
    patient = private.override({"privacy.refit_every": 9})
    complete(patient)
    before = _seen_by(shop, 0, 39)
    assert {row[0] for row in before} == {0, 39}
    shop.execute("DELETE FROM views WHERE customer > 20")
    shop.execute("UPDATE views SET film = (film * 7) % 60, at = at + interval '9 days' WHERE customer > 0")
    complete(patient)
    assert _seen_by(shop, 0, 39) == before


@pytest.mark.slow
def test_a_night_without_events_is_charged_to_no_ledger(private: Settings, shop: Shop) -> None:
    """A release of nothing would serve until the next one is due."""
    patient = private.override({"privacy.budget": 20.0})
    complete(patient)
    shop.execute("TRUNCATE views")
    with pytest.raises(RunStopped, match="events read: 0 in this run"):
        complete(patient)
    assert len(entries(patient)) == 1


def _seen_by(shop: Shop, *users: int) -> list[tuple[object, ...]]:
    """The lists and the attention of some users."""
    queries = (
        "SELECT user_id, rank, item_id, source, round(score::numeric, 5) FROM chatrec.recommendations",
        "SELECT user_id, rank, name, '', round(attention::numeric, 5) FROM chatrec.user_groups",
    )
    return [row for query in queries for row in shop.execute(f"{query} WHERE user_id IN {users} ORDER BY 1, 2")]


def test_without_files_a_spent_budget_says_what_to_do(private: Settings, tmp_path: Path) -> None:
    complete(private)
    found = entries(private)
    with pytest.raises(RunError, match="from a backup, or raise the budget"):
        decide(found, private.override({"privacy.budget": 4.0}).privacy, tmp_path, "another")
    assert decide(found, private.privacy, tmp_path, found[0].release).entry is None


def test_a_run_without_privacy_leaves_no_trace(finished: Finished) -> None:
    settings = finished.settings
    assert finished.run.results["ensemble"].release is None
    assert not (settings.artifacts.root / FOLDER).exists()
    assert not entries(settings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source.queries": "SELECT 1"}, "source.queries must be"),
        ({"generate.blurbs": True}, "generate.blurbs must be false"),
        ({"advanced.ranking.form": "inner_product"}, "advanced.ranking.form must be auto or rerank"),
        ({"fairness.attribute": "groups"}, "fairness.attribute must be"),
        ({"fairness.audit": ["age"]}, "fairness.audit must be empty"),
        ({"diversity.mode": "mmr"}, "diversity.mode must be"),
        ({"privacy.epsilon": 9.0}, "epsilon is larger than budget"),
    ],
)
def test_what_has_no_proof_is_refused(
    configure: Callable[..., Settings], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        configure().override({**PRIVATE, **changes})


def test_the_release_follows_the_catalogue(private: Settings, shop: Shop) -> None:
    patient = private.override({"privacy.refit_every": 9})
    complete(patient)
    shop.execute("DELETE FROM films WHERE no = 0")
    shop.execute("INSERT INTO films VALUES (99, 'Rocket Star 99', 'rocket star', '{Space}', true, now())")
    second = complete(patient)
    assert second.state == "published"
    listed = np.array([row[0] for row in shop.execute("SELECT item_id FROM chatrec.recommendations")])
    assert 0 not in listed
