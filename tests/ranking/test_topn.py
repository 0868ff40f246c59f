"""Lists: what brute force gives, for any histories and any kind of index."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec import index as faiss_index
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState
from chatrec.ranking import topn
from chatrec.ranking.topn import Ranker, is_seen, padded_groups
from chatrec.settings.model import Index
from tests.source.test_snapshot import histories

ITEMS, WIDTH = 25, 4
GROUPS = ItemGroups(
    ("a", "b", "c"),
    np.concatenate([np.arange(0, 12), np.arange(8, 20), np.arange(18, 25)]).astype(np.int32),
    np.repeat([0, 1, 2], [12, 12, 7]).astype(np.int32),
    "categories",
)


def ranker(of_users: list[list[int]], recommendable: np.ndarray, index: Index, seen: bool = True) -> Ranker:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    given = random.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    means = np.array([vectors[GROUPS.items[GROUPS.groups == k]].mean(0) for k in range(3)])
    state = AigcState(vectors, given, means, np.zeros((2, WIDTH), np.float32))
    rows = np.flatnonzero(recommendable).astype(np.int32)
    built = faiss_index.build(vectors[rows], rows, vectors[:5], index)
    return Ranker(state, GROUPS, built, histories(of_users), 3, 5, seen, 0)


@given(
    st.lists(st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=40), min_size=1, max_size=6),
    st.sets(st.integers(0, ITEMS - 1), max_size=20),
    st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_lists_equal_brute_force(of_users: list[list[int]], hidden: set[int], exclude_seen: bool) -> None:
    recommendable = ~np.isin(np.arange(ITEMS), list(hidden))
    made = ranker(of_users, recommendable, Index(), seen=exclude_seen)
    lists = made.lists(np.arange(len(of_users)))
    v = made.state.items.astype(np.float64)
    for row, history in enumerate(of_users):
        u = v[history[-3:]].mean(0)
        allowed = [i for i in range(ITEMS) if recommendable[i] and not (exclude_seen and i in history)]
        expected = sorted(allowed, key=lambda i: -(u @ v[i]))[:5]
        found = lists.items[row]
        assert found[found >= 0].tolist() == expected
        total = np.exp(v[recommendable] @ u).sum()
        probabilities = [np.exp(u @ v[i]) / total for i in expected]
        assert lists.scores[row][: len(expected)] == pytest.approx(probabilities, rel=1e-4)


@pytest.mark.parametrize("index", [Index(exact_below=0, recall=0.01), Index(exact_below=0, ivf_from=1, recall=0.01)])
def test_lists_are_full_with_an_approximate_index(index: Index) -> None:
    """Even for a user who had nearly everything."""
    of_users = [list(range(ITEMS - 5)), [3]]
    lists = ranker(of_users, np.ones(ITEMS, bool), index).lists(np.arange(2))
    assert sorted(lists.items[0]) == list(range(ITEMS - 5, ITEMS))
    assert (lists.items[1] >= 0).all()


def test_a_reason_can_be_recomputed_from_its_parts() -> None:
    of_users = [[1, 5, 9, 13], [20]]
    made = ranker(of_users, np.ones(ITEMS, bool), Index())
    lists = made.lists(np.arange(2))
    v, given = made.state.items, made.state.given
    for row, history in enumerate(of_users):
        latest = history[-3:]
        u = v[latest].mean(0)
        attention = np.exp(u @ made.state.groups.T)
        for place, item in enumerate(lists.items[row]):
            assert lists.because[row, place] == max(latest, key=lambda j: v[j] @ v[item])
            mine = GROUPS.groups[GROUPS.items == item]
            assert lists.group[row, place] == max(mine, key=lambda k: attention[k])
            parts = np.maximum([u @ (v[item] - given[item]), u @ given[item]], 0)
            assert lists.shares[row, place] == pytest.approx(parts / max(parts.sum(), 1e-9), abs=1e-4)


def test_the_sampled_normaliser_is_close(monkeypatch: pytest.MonkeyPatch) -> None:
    of_users = [[1, 5, 9]]
    exact = ranker(of_users, np.ones(ITEMS, bool), Index()).lists(np.arange(1))
    monkeypatch.setattr(topn, "EXACT_NORMALISER_BELOW", 1)
    monkeypatch.setattr(topn, "SAMPLED_FOR_NORMALISER", 24)
    sampled = ranker(of_users, np.ones(ITEMS, bool), Index()).lists(np.arange(1))
    assert (sampled.items == exact.items).all()
    assert sampled.scores == pytest.approx(exact.scores, rel=0.2)


def test_is_seen() -> None:
    made = histories([[1, 2], [], [0]])
    items = np.array([[1, 0, -1], [1, 2, 0], [0, 9, 2]])
    assert is_seen(made, np.arange(3), items).tolist() == [[True, False, False], [False] * 3, [True, False, False]]


def test_padded_groups() -> None:
    found = padded_groups(GROUPS, ITEMS)
    assert found.shape[0] == ITEMS + 1
    assert found[9].tolist() == [0, 1]
    assert found[24].tolist() == [2, -1]
    assert (found[ITEMS] == -1).all()
