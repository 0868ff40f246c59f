"""Events of one time are a set: counts, regressions and scores written out, and what no order of them may change."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models import cooccurrence, ease, markov, sequential_ease
from chatrec.models.base import Model
from chatrec.models.content_knn import ContentKnn
from chatrec.models.cooccurrence import weighted_counts
from chatrec.models.training_data import TrainingData
from tests.support.baskets import Baskets, basket_histories

ITEMS = 8
one_basket = st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=4)
baskets = st.lists(st.lists(one_basket, max_size=4), min_size=1, max_size=4)


def batch(made: Interactions) -> UserBatch:
    return UserBatch(made, np.flatnonzero(made.lengths), np.ones(ITEMS, bool), True)


@given(baskets)
def test_events_of_a_basket_share_an_age(of_users: Baskets) -> None:
    made = basket_histories(of_users)
    expected = [
        sum(map(len, user[time + 1 :])) for user in of_users for time, basket in enumerate(user) for _ in basket
    ]
    assert made.ages.tolist() == expected
    assert len(np.unique(made.baskets)) == sum(map(len, of_users))
    latest = made.latest_ages(np.arange(made.users), 5)
    for user, row in enumerate(latest):
        mine = made.ages[made.starts[user] : made.starts[user + 1]][::-1][:5].tolist()
        assert row.tolist() == mine + [0] * (5 - len(mine))


@given(baskets, st.integers(1, 3))
def test_pairs_run_between_baskets_and_both_ways_within(of_users: Baskets, lags: int) -> None:
    expected = np.zeros((ITEMS, ITEMS))
    for user in of_users:
        for time, basket in enumerate(user):
            for place, item in enumerate(basket):
                for other in basket[:place] + basket[place + 1 :]:
                    expected[item, other] += 0.5
                for after, later in enumerate(user[time + 1 :], time + 1):
                    between = sum(map(len, user[time + 1 : after]))
                    for other in later if between < lags else []:
                        expected[item, other] += 1 / (between + 1) / len(later)
    found = weighted_counts(basket_histories(of_users), ITEMS, lambda lag: 1 / lag, lags)
    assert np.allclose(found.toarray(), expected, atol=1e-5)


@given(baskets)
@settings(max_examples=40)
@pytest.mark.parametrize("few", [0, 300_000])
def test_sequential_ease_is_the_regression_on_next_baskets_and_the_rest_of_one(few: int, of_users: Baskets) -> None:
    config = sequential_ease.Config(few_events=few, l2=100.0)
    made = sequential_ease.fit(TrainingData(basket_histories(of_users), ITEMS), config)
    inputs, targets, weights = [], [], []
    for user in of_users:
        x = np.zeros((len(made.decays), ITEMS))
        for time, basket in enumerate(user):
            if time:
                for item in basket:
                    inputs.append(x.ravel())
                    targets.append(np.eye(ITEMS)[item])
                    weights.append(1 / len(basket))
            decays, taken = np.array(made.decays)[:, None], np.bincount(basket, minlength=ITEMS)
            for item in basket if len(basket) > 1 else []:
                inputs.append((decays ** (len(basket) - 1) * x + taken - np.eye(ITEMS)[item]).ravel())
                targets.append(np.eye(ITEMS)[item])
                weights.append((len(basket) - 1) / len(basket))
            x = decays ** len(basket) * x + taken
    X, Y = np.array(inputs).reshape(-1, ITEMS * len(made.decays)), np.array(targets).reshape(-1, ITEMS)
    weighted = X.T * np.array(weights)
    expected = np.linalg.solve(weighted @ X + 100 * np.eye(X.shape[1]), weighted @ Y)
    assert np.allclose(made.weights.reshape(expected.shape), expected, atol=1e-5)


def linear_models(made: Interactions) -> dict[str, Model]:
    data = TrainingData(made, ITEMS, seed=0)
    return {
        "markov": markov.fit(data, markov.Config(levels=())),
        "sequential_ease": sequential_ease.fit(data),
        "content_knn": ContentKnn(np.random.default_rng(0).normal(size=(ITEMS, 3)).astype(np.float32)),
        **ease.fit_all(data, {f"ease {decay}": ease.Config(l2=10.0, decay=decay) for decay in (1.0, 0.95, 0.8)}),
    }


@given(baskets, st.integers(0, 9), st.sampled_from([2, 32]))
@settings(max_examples=40)
def test_no_score_depends_on_the_order_within_a_basket(of_users: Baskets, seed: int, largest: int) -> None:
    made = basket_histories([*of_users, [[1, 2, 3], [4]]])
    other = made.shuffled(np.random.default_rng(seed))
    assert np.array_equal(other.times, made.times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "MAX_BASKET", largest)
        fitted, refitted = linear_models(made), linear_models(other)
    for name, model in fitted.items():
        scores = model.score(batch(made))
        np.testing.assert_allclose(refitted[name].score(batch(other)), scores, rtol=1e-4, atol=1e-5, err_msg=name)
        users, items = batch(made).users, np.tile(np.arange(ITEMS), (len(batch(made).users), 1))
        added = model.contributions(made.latest(users, 20), made.latest_ages(users, 20), items)
        assert added is not None
        np.testing.assert_allclose(added.sum(2), scores, atol=0.03, err_msg=name)  # negligible events are left out


def test_a_large_basket_costs_as_many_pairs_as_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooccurrence, "MAX_BASKET", 4)
    made = basket_histories([[list(range(ITEMS)) * 50]])
    found = cooccurrence.Baskets.of(made)
    assert found.sizes.tolist() == [4] * 100
    assert np.array_equal(np.sort(found.histories.items), np.sort(made.items))
    for lag, pairs in ((0, 3), (1, 4)):
        assert sum(len(earlier) for earlier, *_ in found.pairs(lag, 10)) == pairs * (len(made.items) - 4 * lag)
    assert not any(len(earlier) for earlier, *_ in found.pairs(4, 10))  # twelve events lie between


def test_blocks_of_pairs_are_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    made = basket_histories([[[0, 1, 2], [3, 4]], [[5], [6, 7, 0], [1]]])
    expected = weighted_counts(made, ITEMS, lambda lag: 1 / lag, 3).toarray()
    monkeypatch.setattr(cooccurrence, "PAIRS_AT_ONCE", 2)
    assert np.allclose(weighted_counts(made, ITEMS, lambda lag: 1 / lag, 3).toarray(), expected)


def test_events_without_times_are_one_basket() -> None:
    made = basket_histories([[[0, 1, 2, 3]]])
    at_once = replace(made, times=np.zeros_like(made.times))
    assert at_once.baskets.tolist() == [0, 0, 0, 0]
    assert not at_once.ages.any()
