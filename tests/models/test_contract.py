"""What every model promises; a new one is asked because it is in the registry."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chatrec.config.ranking import Target
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import retrieve
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.ensemble.private import private_models
from chatrec.features.catalogue import features_of
from chatrec.models import ials, user_knn
from chatrec.models.base import Model, VectorModel
from chatrec.models.configs import Configs
from chatrec.models.entry import TARGETS, Case
from chatrec.models.registry import MODELS, fit_models
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData
from chatrec.privacy.noise import Noise
from chatrec.privacy.statistics import make
from tests.support.histories import histories

ITEMS, COLD = 24, 4
"""The last COLD items have no events."""
WORDS = ("rocket star galaxy orbit comet", "bread pasta oven butter flour")
STRANGERS = [[], [0], [3, 3, 3], [5, 4, 21], [19, 2, 7, 11, 1], list(range(ITEMS))]
"""Histories that no model was fitted on: an empty one, one item only, one item again, a cold item, all items."""
PRIVATE = "private"
ALL_SIZES = Configs(costly_from=0)
ALL = {name for entry in MODELS for name in entry.names}


@cache
def data(items: int = ITEMS) -> TrainingData:
    """Users who take items of one half; one without a history, and one with a single event."""
    random = np.random.default_rng(0)
    warm = np.arange(max(items - COLD, 1))
    taken = [
        random.choice(warm[warm % 2 == user % min(items, 2)], random.integers(2, 7)).tolist() for user in range(40)
    ]
    titles = [" ".join(random.choice(WORDS[item % 2].split(), 3)) for item in range(items)]
    texts = random.normal(size=(items, 3)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    features = features_of(
        pl.DataFrame({"title": titles, "groups": [["even", "odd"][item % 2 :][:1] for item in range(items)]})
    )
    return TrainingData(histories([*taken, [], [0]]), items, texts, 7, features)


def fit(target: str, form: str, items: int = ITEMS) -> dict[str, Model]:
    """All models of a case, and for a private release those that are fitted on nothing else."""
    known = data(items)
    if target == PRIVATE:
        ids = np.array([str(item) for item in range(items)])
        return private_models(known, make(known.histories, ids, 1.0, Noise(b"a key of the test").about(b"data")))
    return fit_models(Case(known, target, form, ALL_SIZES, exclude_seen=False), ALL)  # type: ignore[arg-type]


fitted = cache(fit)
CASES = [(target, "rerank") for target in (*TARGETS, PRIVATE)] + [("next_item", "inner_product")]
NAMES = [
    (name, target, form)
    for target, form in CASES
    if target != PRIVATE
    for entry in MODELS
    for name in entry.suited(Case(data(), target, form, ALL_SIZES, exclude_seen=False))  # type: ignore[arg-type]
] + [(name, PRIVATE, "rerank") for name in ("private_ease", "content_knn_features", "popularity")]
every_model = pytest.mark.parametrize(("name", "target", "form"), NAMES, ids=["-".join(each) for each in NAMES])


def batch(log: Interactions, items: int = ITEMS, allowed: np.ndarray | None = None) -> UserBatch:
    return UserBatch(log, np.arange(log.users), np.ones(items, bool) if allowed is None else allowed, True)


def test_every_model_of_the_registry_is_asked() -> None:
    assert {name for name, _, _ in NAMES} > ALL


@every_model
def test_it_says_what_it_is(name: str, target: str, form: str) -> None:
    model = fitted(target, form)[name]
    assert isinstance(model, Model)
    if target != PRIVATE:
        assert any(name in entry.names and isinstance(model, entry.kind) for entry in MODELS)


@every_model
def test_scores_are_finite_for_users_old_and_new(name: str, target: str, form: str) -> None:
    for log in (data().histories, histories(STRANGERS)):
        scores = fitted(target, form)[name].score(batch(log))
        assert scores.shape == (log.users, ITEMS)
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()


@every_model
def test_a_score_is_of_the_history_alone(name: str, target: str, form: str) -> None:
    """Who else is in the batch, and in which row, changes nothing."""
    log, model = histories(STRANGERS), fitted(target, form)[name]
    together = model.score(batch(log))
    backwards = replace(batch(log), users=np.arange(log.users)[::-1])
    np.testing.assert_allclose(model.score(backwards)[::-1], together, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("target", "form"), CASES)
def test_a_catalogue_of_one_item(target: str, form: str) -> None:
    for name, model in fit(target, form, items=1).items():
        assert np.isfinite(model.score(batch(histories([[], [0], [0, 0]]), 1))).all(), name


@pytest.mark.parametrize("target", TARGETS)
def test_a_log_without_events(target: Target) -> None:
    known = replace(data(), histories=histories([[], []]))
    for name, model in fit_models(Case(known, target, configs=ALL_SIZES), ALL).items():
        assert np.isfinite(model.score(batch(histories(STRANGERS)))).all(), name


@pytest.mark.parametrize(("target", "form"), CASES)
def test_it_is_fitted_alike_again(target: str, form: str) -> None:
    for name, model in fit(target, form).items():
        scores = fitted(target, form)[name].score(batch(data().histories))
        np.testing.assert_array_equal(model.score(batch(data().histories)), scores, err_msg=name)


@pytest.mark.parametrize(("target", "form"), CASES)
def test_what_was_saved_is_loaded(target: str, form: str, tmp_path: Path) -> None:
    save_models(fitted(target, form), tmp_path)
    loaded = load_models(tmp_path)
    assert list(loaded) == list(fitted(target, form))
    for name, model in fitted(target, form).items():
        assert type(loaded[name]) is type(model)
        for log in (data().histories, histories(STRANGERS)):
            np.testing.assert_array_equal(loaded[name].score(batch(log)), model.score(batch(log)), err_msg=name)


def test_a_config_that_decides_scores_is_saved_with_the_model(tmp_path: Path) -> None:
    configs = Configs(ials=ials.Config(unobserved=0.1, l2=0.1, mean_events=1), user_knn=user_knn.Config(neighbours=2))
    asked = batch(data().histories)
    made = fit_models(Case(data(), "random", configs=configs), {"ials", "user_knn"})
    save_models(made, tmp_path)
    for name, loaded in load_models(tmp_path).items():
        np.testing.assert_array_equal(loaded.score(asked), made[name].score(asked))
        assert not np.allclose(loaded.score(asked), fitted("random", "rerank")[name].score(asked))


@every_model
def test_a_score_is_the_sum_of_its_contributions(name: str, target: str, form: str) -> None:
    """Log probabilities have a factor of the user beside, and something that does not depend on the history."""
    log, model = histories(STRANGERS[:-1]), fitted(target, form)[name]  # of long histories old events are left out
    latest = log.latest(np.arange(log.users), 6), log.latest_ages(np.arange(log.users), 6)
    found = model.contributions(*latest, np.tile(np.arange(ITEMS), (log.users, 1)))
    if found is None:
        return
    assert found.shape == (log.users, ITEMS, 6)
    sums, scores = found.sum(2), model.score(batch(log))
    if model.log_probabilities:
        scores = scores - scores[:1]  # of the empty history
        sums *= (sums * scores).sum(1, keepdims=True) / np.maximum((sums**2).sum(1, keepdims=True), 1e-9)
        assert ((sums * scores).sum(1) >= 0).all()
    known = log.lengths > 0
    np.testing.assert_allclose(sums[known], scores[known], rtol=1e-3, atol=1e-3 * max(1, np.abs(scores).max()))


@every_model
def test_what_a_list_may_not_have_is_not_gathered(name: str, target: str, form: str) -> None:
    log, allowed = histories(STRANGERS), np.arange(ITEMS) % 3 != 1
    asked = batch(log, allowed=allowed)
    found = retrieve([ScoredLogShares.of(fitted(target, form)[name], asked)], asked, ITEMS)
    rows = np.arange(log.users)[:, None]
    assert not (asked.exclude_mask[rows, np.maximum(found.items, 0)] & (found.items >= 0)).any()
    assert ((found.items >= 0).sum(1) == (~asked.exclude_mask).sum(1)).all()
    assert np.isfinite(found.log_shares).all()


@every_model
def test_inner_products_rank_as_scores_do(name: str, target: str, form: str) -> None:
    model, asked = fitted(target, form)[name], batch(data().histories)
    if not isinstance(model, VectorModel):
        return
    assert model.keys.dtype == np.float32
    scores, products = model.score(asked), model.queries(asked) @ model.keys.T
    ranked = np.take_along_axis(products, np.argsort(scores, axis=1), 1)
    assert (np.diff(ranked, axis=1) >= -1e-4 * np.maximum(np.abs(products).max(), 1)).all()


def test_models_for_pairs_of_items_are_not_in_a_linear_ensemble() -> None:
    assert all(isinstance(model, VectorModel) for model in fitted("next_item", "inner_product").values())
