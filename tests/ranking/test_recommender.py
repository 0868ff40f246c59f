"""Lists: what brute force gives, for any histories and any kind of index."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.aigc.aigc import NAME
from chatrec.config.ranking import Index
from chatrec.data.arrays import unit
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.cold_items import ColdItems
from chatrec.ensemble.ensemble import Ensemble
from chatrec.ensemble.inner_product import Softmax
from chatrec.ensemble.log_shares import FLOOR, ScoredLogShares
from chatrec.models import popularity
from chatrec.models.content_knn import ContentKnn
from chatrec.models.training_data import TrainingData
from chatrec.ranking import recommender
from chatrec.ranking.recommender import padded_groups
from chatrec.retrieval import index as faiss_index
from chatrec.retrieval import vectors as module
from chatrec.retrieval.concatenated import ConcatenatedVectors
from chatrec.retrieval.vectors import IndexedLogShares, Vectors
from tests.support.histories import histories
from tests.support.rankers import GROUPS, ITEMS, TOP_N, USUAL, WEIGHTS, WIDTH, log_shares, ranker


@given(
    st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=40), min_size=1, max_size=6),
    st.sets(st.integers(0, ITEMS - 1), max_size=20),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=60)
def test_lists_equal_brute_force(of_users: list[list[int]], hidden: set[int], exclude_seen: bool, two: bool) -> None:
    recommendable = ~np.isin(np.arange(ITEMS), list(hidden))
    made = ranker(of_users, recommendable, seen=exclude_seen, two_levels=two)
    lists = made.lists(np.arange(len(of_users)))
    for row, history in enumerate(of_users):
        allowed = [i for i in range(ITEMS) if recommendable[i] and not (exclude_seen and i in history)]
        found = lists.items[row][lists.items[row] >= 0].tolist()
        assert len(found) == min(TOP_N, len(allowed))
        if not allowed:
            continue
        said = log_shares(made, row, allowed)
        total = sum(WEIGHTS[name] * said[name] for name in WEIGHTS)
        probabilities = np.exp(total - total.max()) / np.exp(total - total.max()).sum()
        best = sorted(probabilities, reverse=True)[:TOP_N]
        assert lists.scores[row][: len(found)] == pytest.approx(best, rel=1e-3)
        assert [probabilities[allowed.index(item)] for item in found] == pytest.approx(best, rel=1e-3)


def test_a_reason_can_be_recomputed_from_its_parts() -> None:
    """A share is what a model adds to knowing nothing; the event is the one that adds most to the strongest sum."""
    of_users = [[1, 5, 9, 13], [20], [3, 3, 7, 2, 8, 11]]
    made = ranker(of_users, np.ones(ITEMS, bool))
    lists = made.lists(np.arange(3))
    assert lists.shares is not None
    for row, history in enumerate(of_users):
        allowed = [i for i in range(ITEMS) if i not in history]
        said = log_shares(made, row, allowed)
        latest = made.histories.latest(np.array([row]), 50)
        ages = made.histories.latest_ages(np.array([row]), 50)
        attention = np.exp(made.aigc.state.users(latest)[0] @ made.aigc.state.groups.T)
        for place, item in enumerate(lists.items[row]):
            parts = [
                max(WEIGHTS[name] * (said[name][allowed.index(item)] - np.log(FLOOR / len(allowed))), 0)
                for name in WEIGHTS
            ]
            shares = np.array(parts) / sum(parts)
            assert lists.shares[row, place] == pytest.approx(shares, abs=1e-3)
            name = list(WEIGHTS)[int(shares.argmax())]
            added = made.models[name].contributions(latest, ages, np.array([[item]]))
            assert added is not None
            assert lists.because[row, place] == latest[0][added[0, 0].argmax()]
            mine = GROUPS.groups[GROUPS.items == item]
            assert lists.group[row, place] == max(mine, key=lambda k: attention[k])


@pytest.mark.parametrize(("least", "most"), [(0.0, 1.0), (0.4, 1.0), (0.0, 0.0), (0.2, 0.4)])
def test_new_items_are_ranked_by_their_texts_within_the_bounds(least: float, most: float) -> None:
    of_users = [list(range(10)), list(range(10, 20)), [3, 15, 8]]
    new = np.arange(20, ITEMS)
    random = np.random.default_rng(5)
    text = ContentKnn(unit(random.normal(size=(ITEMS, WIDTH)).astype(np.float32)))
    usual = ranker(of_users, np.ones(ITEMS, bool))
    ensemble = replace(usual.ensemble, cold=ColdItems(0.3, {"content_knn": 1.5}, {"content_knn": text}))
    made = replace(usual, ensemble=ensemble, cold_items_min_share=least, cold_items_max_share=most)
    lists = replace(made, arrived_lately=np.ones(ITEMS, bool)).lists(np.arange(3))
    scores = text.score(UserBatch(usual.histories, np.arange(3), np.ones(ITEMS, bool), True))[:, new]
    for row in range(3):
        found = [item for item in lists.items[row] if item in new]
        assert math.ceil(least * TOP_N) <= len(found) <= math.ceil(most * TOP_N)
        assert found == new[np.argsort(-scores[row], kind="stable")][: len(found)].tolist()
        assert np.all(np.diff(lists.scores[row]) <= 0)
    assert lists.shares is not None
    assert np.all(lists.shares[np.isin(lists.items, new)][:, -1] >= 0.999)


@pytest.mark.parametrize("hidden", [[], [0, 7, 19]])
def test_a_linear_blend_is_one_inner_product(hidden: list[int]) -> None:
    """The index alone finds what the sum of all models ranks first, and shares are those of the models."""
    of_users = [[1, 5, 9, 13], [20], [3, 3, 7, 2, 8, 11]]
    recommendable = ~np.isin(np.arange(ITEMS), hidden)
    random = np.random.default_rng(2)
    texts = random.normal(size=(ITEMS, 3)).astype(np.float32)
    log = histories([random.integers(0, ITEMS, 12).tolist() for _ in range(30)])
    models = {
        "content_knn": Softmax(ContentKnn(texts), 0.7),
        "popularity": Softmax(popularity.fit(TrainingData(log, ITEMS)), 0.4),
    }
    exact = ranker(of_users, recommendable)
    ensemble = Ensemble({"content_knn": 1.0, NAME: 0.5, "popularity": 1.0}, models, "inner_product")
    joint = ConcatenatedVectors.of(ensemble, exact.aigc)
    rows = np.flatnonzero(recommendable).astype(np.int32)
    batch = UserBatch(exact.histories, np.arange(3), recommendable, True)
    users = joint.join({name: model.queries(batch) for name, model in joint.models.items()})
    made = replace(exact, ensemble=ensemble, index=faiss_index.build(joint.keys[rows], rows, users, USUAL))
    lists = made.lists(np.arange(3))
    assert lists.shares is not None
    for row, history in enumerate(of_users):
        allowed = [i for i in range(ITEMS) if recommendable[i] and i not in history]
        said = log_shares(made, row, allowed)
        total = sum(ensemble.weights[name] * said[name] for name in ensemble.weights)
        best = [allowed[place] for place in np.argsort(-total)[:TOP_N]]
        assert lists.items[row].tolist() == best
        for place, item in enumerate(best):
            floor = np.log(FLOOR / len(allowed))
            parts = [
                max(ensemble.weights[name] * (said[name][allowed.index(item)] - floor), 0) for name in ensemble.weights
            ]
            assert lists.shares[row, place] == pytest.approx(np.array(parts) / sum(parts), abs=1e-3)


@pytest.mark.parametrize("index", [Index(exact_below=0, recall=0.01), Index(exact_below=0, ivf_from=1, recall=0.01)])
def test_lists_are_full_with_an_approximate_index(index: Index) -> None:
    """Even for a user who had nearly everything."""
    of_users = [list(range(ITEMS - 5)), [3]]
    lists = ranker(of_users, np.ones(ITEMS, bool), index, weights={NAME: 1.0}).lists(np.arange(2))
    assert sorted(lists.items[0]) == list(range(ITEMS - 5, ITEMS))
    assert (lists.items[1] >= 0).all()


def test_the_index_says_what_all_scores_say(monkeypatch: pytest.MonkeyPatch) -> None:
    made = ranker([[1, 5, 9], [20]], np.arange(ITEMS) != 2, two_levels=True)
    batch = UserBatch(made.histories, np.arange(2), made.recommendable, True)
    scored = ScoredLogShares.of(made.aigc, batch)
    queries = made.aigc.state.queries(made.aigc.users(batch))
    items = np.tile(np.flatnonzero(~batch.exclude_mask.any(0)), (2, 1))
    indexed = IndexedLogShares(Vectors(made.aigc.state.keys, made.index, 0), queries, batch)
    assert np.allclose(indexed.log_shares(items), scored.log_shares(items), atol=1e-4)
    assert indexed.retrieve(9).tolist() == scored.retrieve(9).tolist()
    assert np.allclose(indexed.floor, scored.floor)
    monkeypatch.setattr(module, "SCORED_WHOLE_BELOW", 1)
    monkeypatch.setattr(module, "SAMPLED_FOR_NORMALISER", 12)
    estimated = IndexedLogShares(Vectors(made.aigc.state.keys, made.index, 0), queries, batch).log_shares(items)
    shift = estimated - scored.log_shares(items)
    assert np.allclose(shift, shift[:, :1], atol=1e-4)  # a constant for each user: no order changes
    assert np.abs(shift).max() < 1.5


def test_padded_groups() -> None:
    padded = padded_groups(GROUPS, ITEMS)
    for item in range(ITEMS):
        assert padded[item][padded[item] >= 0].tolist() == GROUPS.groups[GROUPS.items == item].tolist()
    assert (padded[-1] == -1).all()


def test_a_weak_channel_names_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommender, "LEAST_SHARE", 1.0)
    assert (ranker([[1, 5, 9, 13]], np.ones(ITEMS, bool)).lists(np.arange(1)).because == -1).all()
