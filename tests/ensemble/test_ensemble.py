"""The ensemble: shares by hand, weights that are known, models that know nothing dropped."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.config.ranking import Form
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import retrieve
from chatrec.ensemble.ensemble import Ensemble, fit
from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.ensemble.holdout_metrics import METRICS
from chatrec.ensemble.log_shares import FLOOR, ScoredLogShares
from chatrec.ensemble.logit import Choices, fit_weights, log_likelihoods
from chatrec.ensemble.weights import NO_PRIOR, PRIOR, HoldoutFeatures, cross_fitted, fit_ensemble_weights
from chatrec.evaluation.holdout import Holdout, hold_out
from chatrec.models.entry import Case
from chatrec.models.training_data import TrainingData
from tests.support.histories import checkerboard, histories

ITEMS = 30


@dataclass(frozen=True)
class Planted:
    """Scores given by hand: users × items, by the user's number."""

    values: np.ndarray
    log_probabilities: bool = False

    def score(self, batch: UserBatch) -> np.ndarray:
        return self.values[batch.users]

    def contributions(self, latest: np.ndarray, ages: np.ndarray, items: np.ndarray) -> None:
        return


def batch(values: np.ndarray, of_users: list[list[int]], recommendable: np.ndarray | None = None) -> UserBatch:
    allowed = np.ones(values.shape[1], bool) if recommendable is None else recommendable
    return UserBatch(histories(of_users), np.arange(len(of_users)), allowed, True)


def test_shares_by_hand() -> None:
    values = np.array([[4.0, 2, 1.5, -5, 0.5]])
    found = ScoredLogShares.of(Planted(values), batch(values, [[0]]))  # the first item was seen
    expected = np.log(np.array([2, 1.5, 0, 0.5]) / 4 + FLOOR / 4)
    assert found.log_shares(np.array([[1, 2, 3, 4]]))[0] == pytest.approx(expected)
    assert found.floor.tolist() == pytest.approx([np.log(FLOOR / 4)])
    assert found.retrieve(2).tolist() == [[1, 2]]


@pytest.mark.parametrize("logits", [False, True])
def test_no_model_hands_out_what_was_seen_when_a_list_runs_short(logits: bool) -> None:
    values = np.array([[4.0, 2, 1.5, 1]], np.float32)
    log_shares = ScoredLogShares.of(Planted(values, logits), batch(values, [[0, 1, 3]]))
    assert log_shares.retrieve(3).tolist() == [[2, -1, -1]]


def test_logits_are_a_softmax_of_what_may_be_recommended() -> None:
    values = np.array([[4.0, 2, 1, -5, 1]], np.float32)
    found = ScoredLogShares.of(Planted(values, log_probabilities=True), batch(values, [[0]], np.arange(5) != 4))
    expected = values[0, 1:4] - np.log(np.exp(values[0, 1:4]).sum())
    assert found.log_shares(np.array([[1, 2, 3]]))[0] == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.lists(st.integers(0, 7), max_size=6), min_size=1, max_size=4), st.integers(1, 8), st.booleans())
def test_candidates_are_the_union_without_what_is_excluded(of_users: list[list[int]], k: int, logits: bool) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(len(of_users), 8)).astype(np.float32)
    mine = batch(values, of_users)
    log_shares = [ScoredLogShares.of(Planted(each, logits), mine) for each in (values, -values)]
    found = retrieve(log_shares, mine, k)
    for row, history in enumerate(of_users):
        allowed = set(range(8)) - set(history)
        items = found.items[row][found.items[row] >= 0].tolist()
        assert len(set(items)) == len(items)
        assert set(items) <= allowed
        assert len(items) >= min(k, len(allowed))
    assert np.isfinite(found.log_shares).all()


def choices(weights: np.ndarray, users: int, seed: int = 0) -> Choices:
    """What users chose among ten, with these weights."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(users, 10, len(weights))).astype(np.float32)
    noise = random.gumbel(size=(users, 10))
    chosen = np.zeros((users, 10), np.float32)
    chosen[np.arange(users), (features @ weights + noise).argmax(1)] = 1
    return Choices(features, np.ones((users, 10), bool), chosen)


def test_the_logit_finds_the_weights_that_made_the_choices() -> None:
    weights = np.array([1.5, 0.0, 0.7])
    assert fit_weights(choices(weights, 6000)) == pytest.approx(weights, abs=0.08)


def test_padding_does_not_matter() -> None:
    made = choices(np.array([1.0, 0.5]), 300)
    features = np.pad(made.features, [(0, 0), (0, 3), (0, 0)], constant_values=7)
    padded = Choices(features, np.pad(made.mask, [(0, 0), (0, 3)]), np.pad(made.chosen, [(0, 0), (0, 3)]))
    assert fit_weights(padded) == pytest.approx(fit_weights(made), abs=1e-3)
    weights = np.array([1.0, 0.5])
    assert log_likelihoods(padded, weights) == pytest.approx(log_likelihoods(made, weights), abs=1e-5)


@pytest.fixture
def holdout() -> Holdout:
    return hold_out(checkerboard(), np.ones(ITEMS, bool), True, "next_item", 0)


def test_a_channel_that_knows_is_kept_and_one_that_guesses_is_dropped(holdout: Holdout) -> None:
    random = np.random.default_rng(0)
    knows = random.random((120, ITEMS))
    knows[holdout.users, holdout.targets] += 5
    models = {"guesses": Planted(random.random((120, ITEMS))), "knows": Planted(knows)}
    trial = HoldoutFeatures.of(models, holdout)
    mix = fit_ensemble_weights(trial, 0, NO_PRIOR)
    assert set(mix.weights) == {"knows"}
    assert mix.gains["guesses"][1] <= 0
    assert (cross_fitted(trial, 0, prior=NO_PRIOR)[0][:, 0] == holdout.targets).all()


@pytest.mark.parametrize("form", ["rerank", "inner_product"])
def test_the_run_learns_the_checkerboard(form: Form, holdout: Holdout, tmp_path: Path) -> None:
    known = TrainingData(checkerboard(), ITEMS, np.eye(ITEMS, 4, dtype=np.float32), 0)
    result = fit(Case(known, "next_item", form), [holdout], {}, tmp_path)
    assert result.ndcg > result.popularity_ndcg + 0.1
    loaded = Ensemble.load(tmp_path)
    assert set(loaded.models) == set(loaded.weights)
    assert loaded.form == form
    vectors = {"popularity", "popularity_half_life_0.05", "content_knn", "ials"}
    assert form == "rerank" or set(loaded.weights) <= vectors
    assert (tmp_path / METRICS).exists()
    held = HoldoutCandidates.load(tmp_path)
    assert held.ndcg(held.scores).mean() == pytest.approx(result.ndcg, abs=1e-6)
    assert held.ndcg(np.where(held.hits, 1.0, held.scores - 100)).mean() > result.ndcg
    nobody = np.where(held.hits, -np.inf, held.scores)
    assert not held.ndcg(nobody).any()


def test_without_held_out_events_the_weights_are_those_of_the_prior(tmp_path: Path) -> None:
    made = histories([[0], [1], [1]])
    holdout = hold_out(made, np.ones(ITEMS, bool), True, "next_period", 0)
    assert not len(holdout)
    fit(Case(TrainingData(made, ITEMS, np.zeros((ITEMS, 4), np.float32), 0), "next_period"), [], {}, tmp_path)
    weights = Ensemble.load(tmp_path).weights
    assert dict(weights) == {name: PRIOR[name] for name in ("popularity", "item_knn", "ease_decay_0.95")}
