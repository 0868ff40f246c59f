"""An evaluation from a run's files: what is held out is unseen, and its numbers are those of a recount by hand."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chatrec.aigc.aigc import CURVE, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.config import Settings
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.ensemble import Ensemble
from chatrec.errors import RunError, SettingsError
from chatrec.extract.schema import INTERACTIONS, INTERACTIONS_SCHEMA, ITEMS, USERS, write_table
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.evaluation import evaluate
from chatrec.report.compared_models import RECENT
from chatrec.report.holdout_snapshot import load_holdout
from chatrec.report.results import Evaluation
from chatrec.runs.digests import digest_of_file
from chatrec.runs.run import Manifest, Run
from chatrec.runs.sealed import read_json, write_json
from tests.support.evaluations import Evaluated, nothing
from tests.support.finished import FIRST as KEY

DAY = 86_400 * 1_000_000
Scores = dict[int, np.ndarray]
"""Of all items, by user."""


@pytest.fixture(scope="module")
def everything(whole: Run) -> Interactions:
    return Snapshot(whole.step_folder("extract")).histories


def last_events(everything: Interactions) -> dict[int, int]:
    """What each user took last, if it was new to them."""
    found = {}
    for user in range(everything.users):
        *before, last = everything.of(user).tolist() or [None]
        if before and last not in before:
            found[user] = last
    return found


def test_the_last_events_are_gone_from_the_snapshot_that_is_fitted(
    evaluated: Evaluated, everything: Interactions, whole: Run
) -> None:
    held = load_holdout(evaluated.folder / "extract", True)
    wanted = {int(user): int(item) for user, item in zip(held.users, held.targets, strict=True)}
    assert wanted == last_events(everything)
    for user in range(everything.users):
        assert held.histories.of(user).tolist() == everything.of(user).tolist()[:-1]
    for name in (USERS, ITEMS):
        assert (evaluated.folder / "extract" / name).read_bytes() == (whole.step_folder("extract") / name).read_bytes()
    assert evaluated.evaluation.users == len(wanted) > 30


def test_texts_of_histories_are_not_taken_from_the_run(evaluated: Evaluated, whole: Run) -> None:
    """They were written with the events that are held out now."""
    taken = {file.name for file in (evaluated.folder / "embed").iterdir()}
    assert taken == {"items.npy", "profiles.npy", "profile_users.npy"}
    assert np.array_equal(
        np.load(evaluated.folder / "embed/items.npy"), np.load(whole.step_folder("embed") / "items.npy")
    )


def popular(everything: Interactions, days: float) -> Scores:
    """The largest weight of each user, of all events but the last one, and of the last days among them."""
    left = np.ones(len(everything.items), bool)
    left[everything.starts[1:][everything.lengths > 0] - 1] = False
    late = left & (everything.times > everything.times[left].max() - days * DAY)
    largest: dict[tuple[int, int], float] = {}
    for user, item, weight in zip(
        everything.event_users[late], everything.items[late], everything.weights[late], strict=True
    ):
        largest[user, item] = max(largest.get((user, item), 0), weight)
    scores = np.zeros(60)
    for (_, item), weight in largest.items():
        scores[item] += weight
    return dict.fromkeys(range(everything.users), scores)


def ensemble(evaluated: Evaluated, everything: Interactions, left_out: str = "") -> Scores:
    """Every item's score by the formula of the ensemble, from the models that it kept."""
    kept = Ensemble.load(evaluated.folder / "ensemble")
    models = {**kept.models, "aigc": AigcModel(AigcState.load(evaluated.folder / "aigc"))}
    histories = Snapshot(evaluated.folder / "extract").histories
    found = {}
    for user in last_events(everything):
        batch = UserBatch(histories, np.array([user]), np.ones(60, bool), True)
        allowed = [item for item in range(60) if item not in histories.of(user)]
        found[user] = np.zeros(60)
        for name, weight in kept.weights.items():
            scores = models[name].score(batch)[0].astype(float)
            if models[name].log_probabilities:
                shares = scores - math.log(sum(math.exp(scores[item]) for item in allowed))
            else:
                positive = np.maximum(scores, 0)
                shares = np.log(positive / positive[allowed].sum() + 0.3 / len(allowed))
            found[user] += (name != left_out) * weight * shares
    return found


def recount(scores: Scores, everything: Interactions) -> dict[str, float]:
    """Ranks of the targets among what each user has not had, one user after the other."""
    values: dict[str, list[float]] = {"ndcg@10": [], "recall@10": [], "mrr@10": []}
    for user, target in last_events(everything).items():
        had = set(everything.of(user).tolist()[:-1])
        ranked = sorted((item for item in range(60) if item not in had), key=lambda item: -scores[user][item])
        place = ranked.index(target) + 1
        values["ndcg@10"].append(1 / math.log2(place + 1) if place <= 10 else 0)
        values["recall@10"].append(place <= 10)
        values["mrr@10"].append(1 / place if place <= 10 else 0)
    return {name: sum(each) / len(each) for name, each in values.items()}


def test_numbers_of_popularity_are_those_of_a_recount(evaluated: Evaluated, everything: Interactions) -> None:
    systems = evaluated.evaluation.systems
    for name, days in (("popularity", math.inf), (RECENT, 7)):
        expected = recount(popular(everything, days), everything)
        assert {metric: systems[name][metric] for metric in expected} == pytest.approx(expected, abs=1e-6), name


def test_numbers_of_the_blend_are_those_of_its_formula(evaluated: Evaluated, everything: Interactions) -> None:
    evaluation = evaluated.evaluation
    expected = recount(ensemble(evaluated, everything), everything)
    assert {name: evaluation.systems["ensemble"][name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert evaluation.ndcg["ensemble"][0] == pytest.approx(expected["ndcg@10"], abs=1e-6)
    without = {
        name: recount(ensemble(evaluated, everything, name), everything)["ndcg@10"] for name in evaluation.weights
    }
    if len(evaluation.weights) > 1:
        assert {name: expected["ndcg@10"] - value[0] for name, value in evaluation.without.items()} == pytest.approx(
            without, abs=1e-6
        )


def test_intervals_hold_their_means_and_pairs_are_differences(evaluated: Evaluated) -> None:
    evaluation = evaluated.evaluation
    for values in (evaluation.ndcg, evaluation.ahead, evaluation.without):
        assert all(low <= mean <= high for mean, low, high in values.values())
    assert set(evaluation.ahead) == set(evaluation.systems) - {"ensemble"}
    for name, (difference, *_) in evaluation.ahead.items():
        assert difference == pytest.approx(evaluation.ndcg["ensemble"][0] - evaluation.ndcg[name][0])


def test_every_channel_is_measured_whether_the_blend_kept_it_or_not(evaluated: Evaluated) -> None:
    evaluation = evaluated.evaluation
    expected = {
        "ensemble",
        "aigc",
        "markov",
        "ease",
        "ease_decay_0.95",
        "ease_decay_0.8",
        "content_knn",
        "kernel_ridge",
        "kernel_ridge_text",
        "popularity",
        "popularity_half_life_0.05",
        "popularity_in_groups",
        "item_knn",
        RECENT,
    }
    assert set(evaluation.systems) == expected
    assert set(evaluation.weights) < expected
    order = [values["ndcg@10"] for values in evaluation.systems.values()]
    assert next(iter(evaluation.systems)) == "ensemble"
    assert order[1:] == sorted(order[1:], reverse=True)


def test_bins_hold_every_user_once(evaluated: Evaluated) -> None:
    evaluation = evaluated.evaluation
    assert [(each["events"], each["users"]) for each in evaluation.lengths] == [("11–20", evaluation.users)]
    assert evaluation.lengths[0]["ndcg"]["ensemble"] == evaluation.ndcg["ensemble"]


def test_a_killed_evaluation_is_gone_on_with(evaluated: Evaluated, prepared: Settings) -> None:
    """Steps that were done stay; what a new file of the step aigc says is in the report."""
    measured = evaluated.folder / "measure.json"
    before = {file: file.read_bytes() for file in evaluated.folder.glob("*.json") if file != measured}
    measured.unlink()
    curve = {"events": [100, 200], "loss": [4.0, 3.5]}
    (evaluated.folder / "aigc" / CURVE).write_text(json.dumps(curve))
    manifest = evaluated.folder / "aigc.json"
    values = read_json(manifest)
    values["files"][CURVE] = digest_of_file(evaluated.folder / "aigc" / CURVE)
    write_json(manifest, values)
    before[manifest] = manifest.read_bytes()
    again, report = evaluate(prepared, KEY, nothing)
    assert report == evaluated.report
    assert {file: file.read_bytes() for file in before if file.name != "metrics.json"} == {
        file: text for file, text in before.items() if file.name != "metrics.json"
    }
    assert again.learning == curve
    assert replace(again, learning=evaluated.evaluation.learning) == evaluated.evaluation
    assert Evaluation.load(evaluated.folder) == again


def test_another_target_is_another_evaluation(evaluated: Evaluated, prepared: Settings) -> None:
    found, report = evaluate(prepared.override({"ranking.target": "random", "aigc.minutes": 0}), None, nothing)
    assert report.parent.name == f"{KEY}-random"
    assert found.target == "random"
    assert "user_knn" in found.systems
    assert evaluated.report.exists()


@pytest.fixture
def copied(whole: Run, tmp_path: Path) -> Run:
    """A run of one's own to spoil."""
    run = Run(tmp_path, KEY)
    shutil.copytree(whole.folder, run.folder)
    return run


def evaluate_copy(prepared: Settings, run: Run, key: str | None = None) -> None:
    evaluate(prepared.override({"artifacts.root": run.root}), key, nothing)


def test_without_a_run_it_says_what_to_do(prepared: Settings, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run under .* finished the steps extract and embed.*`chatrec run`"):
        evaluate_copy(prepared, Run(tmp_path, KEY))
    with pytest.raises(RunError, match="no run 20200101T000000Z under"):
        evaluate(prepared, "20200101T000000Z", nothing)


def test_a_run_that_has_not_embedded_its_texts_is_passed_over(prepared: Settings, copied: Run) -> None:
    newer = Run(copied.root, "20260602T020000Z")
    shutil.copytree(copied.folder, newer.folder)
    (newer.folder / "embed.json").unlink()
    with pytest.raises(RunError, match="no run 20260602T020000Z"):
        evaluate_copy(prepared, copied, newer.key)
    begun = []
    with pytest.raises(KeyboardInterrupt):
        evaluate(prepared.override({"artifacts.root": copied.root}), None, lambda step, manifest: stop(begun, manifest))
    assert [folder.name for folder in (copied.root / "evaluations").iterdir()] == [f"{KEY}-next_item"]


def stop(begun: list[None], manifest: Manifest | None) -> None:
    """When the second step begins."""
    begun += [None] * (manifest is None)
    if len(begun) == 2:
        raise KeyboardInterrupt


def test_vectors_of_other_texts_are_refused(prepared: Settings) -> None:
    with pytest.raises(SettingsError, match=rf"\[advanced.text\] differs from the settings of run {KEY}"):
        evaluate(prepared.override({"text.item": "{{ title }}"}), None, nothing)


def keep(run: Run, kept: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Writes the run's events anew."""
    file = run.step_folder("extract") / INTERACTIONS
    write_table(file, kept(pl.read_parquet(file)), INTERACTIONS_SCHEMA)
    made = run.manifest("extract")
    assert made
    run.finish(Manifest(made.step, made.inputs, made.result))


def test_where_nothing_can_be_held_out_it_says_so(prepared: Settings, copied: Run) -> None:
    keep(copied, lambda events: events.unique("user", maintain_order=True))
    with pytest.raises(RunError, match=f"Nothing can be held out of run {KEY} with target next"):
        evaluate_copy(prepared, copied)


def test_a_run_done_anew_is_evaluated_anew(prepared: Settings, copied: Run, everything: Interactions) -> None:
    """The same key with other events: the first of each user are gone."""
    settings = prepared.override({"artifacts.root": copied.root, "aigc.minutes": 0})
    first, _ = evaluate(settings, None, nothing)
    keep(copied, lambda events: events.filter(pl.int_range(pl.len()).over("user") > 1))
    second, _ = evaluate(settings, None, nothing)
    assert [each["events"] for each in first.lengths] == ["11–20"]
    assert [each["events"] for each in second.lengths] == ["6–10"]
