"""Learned maps from texts to behaviour: what nobody took yet finds those who take its like."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.cold_items import COLD as COLD_ITEMS
from chatrec.ensemble.ensemble import Ensemble, fit
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.evaluation.holdout import hold_out
from chatrec.features.catalogue import Features, features_of
from chatrec.models import ease, kernel_ridge, two_tower
from chatrec.models.base import Model
from chatrec.models.configs import Configs
from chatrec.models.entry import Case
from chatrec.models.registry import TEXTS, names
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData
from tests.support.histories import histories

TOPICS = ("rocket star galaxy orbit", "bread pasta oven butter", "murder clue butler poison")
CHINESE = ("运动 跑步 球鞋 健身", "面包 烤箱 黄油 面条", "谋杀 线索 毒药 侦探")
ITEMS, COLD = 60, 12
"""The last COLD items have no events."""


@cache
def shop(topics: tuple[str, ...]) -> tuple[Interactions, Features]:
    random = np.random.default_rng(3)
    titles = [" ".join(random.choice(topics[item % 3].split(), 2, replace=False)) for item in range(ITEMS)]
    known = np.arange(ITEMS - COLD)
    taken = [random.choice(known[known % 3 == user % 3], 8, replace=False).tolist() for user in range(60)]
    return histories(taken), features_of(pl.DataFrame({"title": titles, "groups": [[] for _ in titles]}))


def fitted(kind: str, topics: tuple[str, ...], config: kernel_ridge.Config = kernel_ridge.DEFAULT) -> Model:
    log, features = shop(topics)
    known = TrainingData(log, ITEMS, np.zeros((ITEMS, 2), np.float32), 0, features)
    if kind == "kernel":
        return kernel_ridge.fit(known, config)
    return two_tower.fit_one(known, two_tower.Config(decay=0.8))


def batch(log: Interactions) -> UserBatch:
    return UserBatch(log, np.arange(log.users), np.ones(ITEMS, bool), True)


@pytest.mark.parametrize("topics", [TOPICS, CHINESE], ids=["English", "Chinese"])
@pytest.mark.parametrize("kind", ["kernel", "tower"])
def test_a_new_item_goes_to_those_who_take_its_like(kind: str, topics: tuple[str, ...]) -> None:
    log, _ = shop(topics)
    scores = fitted(kind, topics).score(batch(log))[:, ITEMS - COLD :]
    best = scores.argmax(1) + ITEMS - COLD
    assert np.mean(best % 3 == np.arange(log.users) % 3) > 0.95


@pytest.mark.parametrize("kind", ["kernel", "tower"])
def test_a_score_is_the_sum_of_what_events_add(kind: str) -> None:
    log, _ = shop(TOPICS)
    model, users = fitted(kind, TOPICS), batch(log)
    items = np.tile(np.arange(ITEMS), (log.users, 1))
    added = model.contributions(log.latest(users.users, 8), log.latest_ages(users.users, 8), items)
    assert added is not None
    parts, scores = added.sum(2), model.score(users)
    if isinstance(model, two_tower.TwoTower):
        weights = users.weighted(lambda ages: np.power(0.8, ages))
        parts = parts / np.sqrt(weights.power(2).sum(1)).A1[:, None] + model.items[:, -1]
    np.testing.assert_allclose(scores, parts, rtol=1e-3, atol=1e-4)


def test_the_kernel_map_is_what_the_formula_says() -> None:
    """Item by item, each foretold by a regression that has never seen it."""
    log, features = shop(TOPICS)
    model = fitted("kernel", TOPICS)
    phi = np.asarray(features.joined.todense(), np.float64)
    known, top = np.arange(ITEMS - COLD), features.weight
    taken = np.bincount(log.items, minlength=ITEMS)[known]
    noise = 30 / taken.mean() ** 0.5 * (taken / taken.mean() + 0.02) ** 0.2
    b = ease.fit(TrainingData(log, ITEMS), kernel_ridge.DEFAULT.ease_config)
    wanted = b.weights[np.ix_(known, known)] + 0.1 * np.eye(len(known))

    def similar(plain: Array, top: float) -> Array:
        return plain + top / 2 * (np.exp(3 * plain / top) - 1) / (np.exp(3) - 1) + 0.1

    taken_by = np.zeros((log.users, len(known)))
    taken_by[log.event_users, log.items] = 1
    _, lengths, turned = np.linalg.svd(taken_by @ wanted, full_matrices=False)
    behaviour = turned.T * lengths
    first, told = similar(phi @ phi.T, top), np.empty((ITEMS, len(known)))
    for item in range(ITEMS):
        others = known[known != item]
        between = first[np.ix_(others, others)] + np.diag(noise[others])
        told[item] = first[item, others] @ np.linalg.solve(between, behaviour[others])
    told -= told[known].mean(0)
    variance = (told**2).mean(0)
    told /= np.sqrt(variance + 10 * variance.mean())
    told /= np.linalg.norm(told, axis=1, keepdims=True)
    second = similar(phi @ phi.T + top * told @ told.T, 2 * top)
    between = second[np.ix_(known, known)] + np.diag(noise)
    expected = wanted @ np.linalg.solve(between, second[known])
    np.testing.assert_allclose(model.weights, expected, rtol=2e-3, atol=2e-4)


def test_items_that_are_too_many_for_ease_are_ranked_as_if_they_were_new() -> None:
    log, _ = shop(TOPICS)
    model = fitted("kernel", TOPICS, kernel_ridge.Config(ease_config=ease.Config(l2=150.0, max_items=36)))
    assert isinstance(model, kernel_ridge.KernelRidge)
    taken = np.bincount(log.items, minlength=ITEMS)
    assert len(model.fitted_items) == 36
    left_out = np.setdiff1d(np.flatnonzero(taken), model.fitted_items)
    assert taken[left_out].max() <= taken[model.fitted_items].min()
    scores = model.score(batch(log))[:, left_out]
    of_own_topic = left_out % 3 == (np.arange(log.users) % 3)[:, None]
    assert scores[of_own_topic].mean() > 2 * np.abs(scores[~of_own_topic]).mean()


def test_joined_towers_score_as_their_mean() -> None:
    log, features = shop(TOPICS)
    known = TrainingData(log, ITEMS, np.zeros((ITEMS, 2), np.float32), 0, features)
    both = [two_tower.fit_one(replace(known, seed=seed), two_tower.Config(decay=0.8)) for seed in (1, 2)]
    mean = (both[0].score(batch(log)) + both[1].score(batch(log))) / 2
    joined = two_tower.fit(known, two_tower.Config(decay=0.8, towers=2))
    np.testing.assert_allclose(joined.score(batch(log)), mean, rtol=1e-4, atol=1e-4)


def test_the_same_seed_gives_the_same_tower() -> None:
    first, second = fitted("tower", TOPICS), fitted("tower", TOPICS)
    np.testing.assert_array_equal(first.items, second.items)


@pytest.mark.parametrize("kind", ["kernel", "tower"])
def test_files_keep_a_channel(kind: str, tmp_path: Path) -> None:
    log, _ = shop(TOPICS)
    model = fitted(kind, TOPICS)
    save_models({"texts": model}, tmp_path)
    np.testing.assert_array_equal(load_models(tmp_path)["texts"].score(batch(log)), model.score(batch(log)))


def test_without_anybody_to_learn_from_there_is_a_tower_all_the_same() -> None:
    _, features = shop(TOPICS)
    empty = two_tower.fit(
        TrainingData(histories([[], [3]]), ITEMS, np.zeros((ITEMS, 2), np.float32), features=features)
    )
    assert np.isfinite(empty.items).all()


@pytest.mark.parametrize(
    ("limit", "value", "maps"),
    [
        ("max_items_without_texts", 48, {"kernel_ridge", "kernel_ridge_text", "two_tower_text"}),
        ("max_items_without_texts", 47, {"kernel_ridge_text", "two_tower_text"}),
        ("max_cells", 48 * ITEMS - 1, {"two_tower", "two_tower_text"}),
    ],
)
def test_of_a_catalogue_just_above_the_limit_all_maps_are_fitted(
    limit: str, value: int, maps: set[str], tmp_path: Path
) -> None:
    """48 items have events; without the hidden tenth they are few enough for the kernels under either limit."""
    configs = Configs(kernel_ridge=replace(kernel_ridge.DEFAULT, **{limit: value}), costly_from=0)
    log, features = shop(TOPICS)
    known = TrainingData(log, ITEMS, np.eye(ITEMS, 4, dtype=np.float32), 0, features)
    case = Case(known, "next_item", configs=configs)
    assert {*names(case)} & TEXTS == {"content_knn", *maps}
    fit(case, [hold_out(log, np.ones(ITEMS, bool), True, "next_item", 0)], {}, tmp_path)
    measured = HoldoutMetrics.load(tmp_path).models
    tried = {name.removeprefix(f"{COLD_ITEMS}, ") for name in measured if name.startswith(f"{COLD_ITEMS}, ")}
    assert tried == {*names(case)} & TEXTS
    assert Ensemble.load(tmp_path).cold.models
