"""Closed forms against the same written out by brute force, and a structure whose right answer is known."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.config.ranking import Form, Target
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models import ease, ials, markov, popularity, sequential_ease, user_knn
from chatrec.models.base import Model
from chatrec.models.configs import Configs
from chatrec.models.content_knn import ContentKnn
from chatrec.models.cooccurrence import weighted_counts
from chatrec.models.entry import Case
from chatrec.models.registry import fit_models, limits
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData
from tests.support.histories import checkerboard, histories

ITEMS = 8
SOME = [[0, 1, 2, 1], [3], [], [4, 5, 6, 7, 0, 1], [2, 0], [5, 5, 5]]
lists_of_items = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=7), min_size=1, max_size=5)


def batch(made: Interactions, exclude_seen: bool = True) -> UserBatch:
    return UserBatch(made, np.flatnonzero(made.lengths), np.ones(ITEMS, bool), exclude_seen)


def known(of_users: list[list[int]]) -> TrainingData:
    return TrainingData(histories(of_users), ITEMS)


@given(lists_of_items, st.integers(1, 4))
def test_pairs_are_counted(of_users: list[list[int]], lags: int) -> None:
    expected = np.zeros((ITEMS, ITEMS))
    for one in of_users:
        for place, item in enumerate(one):
            for lag in range(1, lags + 1):
                if place + lag < len(one):
                    expected[item, one[place + lag]] += 1 / lag
    found = weighted_counts(histories(of_users), ITEMS, lambda lag: 1 / lag, lags)
    assert np.allclose(found.toarray(), expected)


@given(lists_of_items)
@settings(max_examples=25)
def test_ridge_is_the_regression_over_all_prefixes(of_users: list[list[int]]) -> None:
    assert_regression(of_users, sequential_ease.DEFAULT, sequential_ease.DEFAULT.l2_of_few)


def assert_regression(of_users: list[list[int]], config: sequential_ease.Config, l2: float) -> None:
    made = sequential_ease.fit(known(of_users), config)
    inputs, targets = [], []
    for one in of_users:
        for end in range(1, len(one)):
            x = np.zeros((len(made.decays), ITEMS))
            for age, item in enumerate(reversed(one[:end])):
                x[:, item] += np.power(made.decays, age)
            inputs.append(x.ravel())
            targets.append(np.eye(ITEMS)[one[end]])
    X, Y = np.array(inputs).reshape(-1, ITEMS * len(made.decays)), np.array(targets).reshape(-1, ITEMS)
    expected = np.linalg.solve(X.T @ X + l2 * np.eye(X.shape[1]), X.T @ Y)
    assert np.allclose(made.weights.reshape(expected.shape), expected, atol=1e-5)


@pytest.mark.parametrize("of_users", [[[0, 1, 2, 3, 4, 0, 1]], SOME], ids=["one user", "some users"])
def test_ridge_with_three_fades(of_users: list[list[int]]) -> None:
    """The newest event alone is one of them: 0^0 is 1."""
    assert_regression(of_users, sequential_ease.Config(few_events=0, l2=100.0), 100.0)


def test_ease_is_the_regression_of_each_item_on_all_others() -> None:
    """Column by column, min |X - XB|² + λ|B|² with a zero diagonal; histories of one length weigh the same."""
    made = histories([[0, 1, 2], [1, 2, 3], [0, 2, 4], [5, 6, 7], [5, 6, 0]])
    X = np.zeros((5, ITEMS))
    X[made.event_users, made.items] = 1
    found = ease.fit(TrainingData(made, ITEMS), ease.Config(l2=10.0, dropout=0.35))
    gram = X.T @ X
    gram += 0.35 / (1 - 0.35) * np.diag(gram.diagonal()) + 10 * np.eye(ITEMS)
    for item in range(ITEMS):
        others = np.arange(ITEMS) != item
        expected = np.linalg.solve(gram[np.ix_(others, others)], (X.T @ X)[others, item])
        assert np.allclose(found.weights[others, item], expected, atol=1e-5)
        assert found.weights[item, item] == 0


def test_ease_of_a_large_catalogue_knows_what_was_taken_most() -> None:
    made = histories([[1, 3, 5], [1, 3, 5], [3, 5], [0, 1], [7, 3]])
    found = ease.fit(TrainingData(made, ITEMS), ease.Config(l2=10.0, max_items=3))
    assert found.fitted_items.tolist() == [1, 3, 5]
    mine = batch(made)
    scores = found.score(mine)
    assert not scores[:, [0, 2, 4, 6, 7]].any()
    latest = made.latest(mine.users, 5), made.latest_ages(mine.users, 5)
    added = found.contributions(*latest, np.tile(np.arange(ITEMS), (len(mine.users), 1)))
    assert np.allclose(added.sum(2), scores, atol=1e-6)


@pytest.mark.parametrize("decay", [1.0, 0.8])
def test_ease_counts_an_item_once_by_its_newest_event(decay: float) -> None:
    """It is fitted on pairs of user and item; a product that is bought each week is no stronger evidence."""
    rest = [[0, 1, 2], [2, 3], [0, 3, 4], [1, 4]]
    repeated, once = (histories([first, *rest]) for first in ([1, 1, 1, 3, 5], [1, 3, 5]))
    found = ease.fit(TrainingData(once, ITEMS), ease.Config(l2=1.0, decay=decay))
    expected = found.score(batch(once))
    assert np.allclose(found.score(batch(repeated)), expected, atol=1e-6)
    users = np.arange(repeated.users)
    latest = repeated.latest(users, 9), repeated.latest_ages(users, 9)
    added = found.contributions(*latest, np.tile(np.arange(ITEMS), (len(users), 1)))
    assert np.allclose(added.sum(2), expected, atol=1e-6)


@pytest.mark.parametrize("levels", [(), (4, 2)])
def test_transitions_lean_on_groups_the_more_the_less_is_known(levels: tuple[int, ...]) -> None:
    """By hand, item by item: what is left after an item's own transitions goes to its group's, and so on."""
    made = histories([[0, 1, 2], [3, 4, 5, 6], [0, 2, 1], [7, 6, 5, 3]])
    found = markov.fit(TrainingData(made, ITEMS), markov.Config(levels=levels, min_members=1))
    counts = weighted_counts(made, ITEMS, lambda lag: lag**-0.7, 10).toarray()
    popular = np.bincount(made.items, minlength=ITEMS) + 0.5
    P, left = np.zeros((ITEMS, ITEMS)), np.ones(ITEMS)
    steps = [np.arange(ITEMS), *found.groups]
    assert len(steps) == len(levels) + 2
    for group_of in steps:
        same = group_of[:, None] == group_of[None, :]
        of_groups = same @ counts @ same.T
        known = of_groups.sum(1) / same.sum(1) if len(np.unique(group_of)) == 1 else (same @ counts).sum(1)
        share = popular / (same @ popular)
        if group_of is steps[-1]:
            P += left[:, None] * share
        else:
            P += (left / (known + 200))[:, None] * of_groups * share
            left = left * 200 / (known + 200)
    assert np.allclose(P.sum(1), 1)
    items = np.tile(np.arange(ITEMS), (ITEMS, 1))
    added = found.contributions(np.arange(ITEMS)[:, None], np.zeros((ITEMS, 1)), items)
    assert np.allclose(added[:, :, 0], P * popular**-0.3, atol=1e-6)


def test_ials_solves_its_equations() -> None:
    """At the end no user vector can be bettered, and a user's scores are those of the equations written out."""
    made = histories([[0, 1, 2], [1, 2, 3], [0, 2, 4], [5, 6, 7], [5, 6, 0, 0]])
    found, config = ials.fit(TrainingData(made, ITEMS)), ials.DEFAULT
    V, scores = found.items.astype(np.float64), found.score(batch(made))
    for user in range(made.users):
        taken = np.unique(made.of(user))
        penalty = config.l2 * (len(taken) + config.mean_events * 3)
        left = config.unobserved * V.T @ V + V[taken].T @ V[taken] + penalty * np.eye(V.shape[1])
        assert np.allclose(scores[user], V @ np.linalg.solve(left, V[taken].sum(0)), atol=1e-4)


def test_recent_events_count_more() -> None:
    made = histories([[0], [1], [2]])  # at the times 0, 1, 2
    found = popularity.fit(TrainingData(made, ITEMS), popularity.Config(half_life=0.5)).weights
    assert found[:3].tolist() == pytest.approx([0.25, 0.5, 1])
    assert popularity.fit(TrainingData(made, ITEMS)).weights[:4].tolist() == [1, 1, 1, 0]


def test_neighbours_by_hand() -> None:
    made = histories([[0, 1], [0, 2], [3, 4]])
    found = user_knn.fit(TrainingData(made, ITEMS)).score(batch(made))
    rare, common = np.log(3 / 1) + 1e-3, np.log(3 / 2) + 1e-3
    likeness = (common**2 / (common**2 + rare**2)) ** 2
    assert found[0].tolist() == pytest.approx([likeness, 0, likeness, 0, 0, 0, 0, 0], rel=1e-4)
    assert not found[2].any()


@pytest.mark.parametrize("target", ["next_item", "next_period", "random"])
def test_every_model_learns_the_checkerboard(target: str) -> None:
    """The best unseen item is of the right kind; popularity cannot know."""
    made = checkerboard()
    texts = np.zeros((30, 2), np.float32)
    texts[np.arange(30), np.arange(30) % 2] = 1
    configs = Configs(ease=ease.Config(l2=10.0), costly_from=0)
    fitted = fit_models(Case(TrainingData(made, 30, texts, 0), target, configs=configs))  # type: ignore[arg-type]
    users = np.arange(120)
    everybody = UserBatch(made, users, np.ones(30, bool), True)
    assert {"next_item": "sequential_ease", "next_period": "sequential_ease", "random": "ials"}[target] in fitted
    for name, model in fitted.items():
        if not name.startswith("popular"):
            best = np.where(everybody.exclude_mask, -np.inf, model.score(everybody)).argmax(1)
            assert (best % 2 == users % 2).all(), name


@pytest.mark.parametrize(
    ("target", "form"), [("next_item", "rerank"), ("random", "rerank"), ("next_item", "inner_product")]
)
def test_the_record_says_what_a_size_forbids(target: Target, form: Form) -> None:
    made = TrainingData(checkerboard(), 30, np.eye(30, dtype=np.float32), 0)
    configs = Configs(
        ease=ease.Config(max_items=29),
        sequential_ease=sequential_ease.Config(max_items=29),
        user_knn=user_knn.Config(max_users=29),
        costly_from=0,
    )
    case = Case(made, target, form, configs)
    fitted, limited = fit_models(case), limits(case)
    assert not fitted.keys() & {"sequential_ease", "user_knn"}
    if form == "inner_product":
        assert set(fitted) == {"popularity", "popularity_half_life_0.05", "content_knn", "ials"}
        assert len(limited) == 1
    else:
        assert len(fitted["ease"].fitted_items) == 29  # type: ignore[attr-defined]
        assert set(limited) == {"ease", {"next_item": "sequential_ease", "random": "user_knn"}[target]}
        assert limited["ease"].startswith("fitted on the 29 items with most events; ")
        assert all(
            re.fullmatch(r"(not )?fitted .+; .+ (replaces it|score the others)", why) for why in limited.values()
        )


@given(lists_of_items)
@settings(max_examples=30)
def test_scores_are_the_sums_of_what_events_add(of_users: list[list[int]]) -> None:
    made = histories([*of_users, [1, 2]])
    mine = batch(made)
    random = np.random.default_rng(0)
    texts = random.normal(size=(ITEMS, 3)).astype(np.float32)
    data = TrainingData(made, ITEMS)
    summed: list[Model] = [markov.fit(data), sequential_ease.fit(data), ContentKnn(texts)]
    summed += [ease.fit(data, ease.Config(l2=10.0, decay=decay)) for decay in (1.0, 0.8)]
    items = np.tile(np.arange(ITEMS), (len(mine.users), 1))
    for model in summed:
        added = model.contributions(made.latest(mine.users, 7), made.latest_ages(mine.users, 7), items)
        assert added is not None
        assert np.allclose(added.sum(2), model.score(mine), atol=0.03)  # negligible events are left out of scores


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    made = histories(SOME)
    data = TrainingData(made, ITEMS, np.eye(ITEMS, 3, dtype=np.float32), 0)
    case = Case(data, "next_period", configs=Configs(costly_from=0), exclude_seen=False)
    fitted = fit_models(case) | {"user_knn": user_knn.fit(data), "ials": ials.fit(data)}
    save_models(fitted, tmp_path)
    loaded = load_models(tmp_path)
    assert list(loaded) == list(fitted)
    for name, model in fitted.items():
        assert np.array_equal(loaded[name].score(batch(made)), model.score(batch(made))), name
    assert len([file for file in tmp_path.glob("*.npy") if np.load(file).shape == (ITEMS, ITEMS)]) == 1  # EASE's, once
