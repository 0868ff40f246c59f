"""Metrics, against values worked out by hand and against the definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec import metrics

HITS = np.array([[True, False, False], [False, True, True], [False, False, False]])
RELEVANT = np.array([1, 5, 2])


def test_values() -> None:
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    assert metrics.ndcg(HITS, RELEVANT) == pytest.approx([1, (second + third) / (1 + second + third), 0])
    assert metrics.recall(HITS, RELEVANT) == pytest.approx([1, 2 / 5, 0])
    assert metrics.hit_rate(HITS).tolist() == [1, 1, 0]
    assert metrics.reciprocal_rank(HITS).tolist() == [1, 0.5, 0]
    assert metrics.average_precision(HITS, RELEVANT) == pytest.approx([1, (1 / 2 + 2 / 3) / 3, 0])


@given(st.lists(st.tuples(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=1)), min_size=1))
def test_definitions(users: list[tuple[list[int], set[int]]]) -> None:
    """As independent scorers define them, with lists of ten."""
    lists = np.array([ranked[:10] for ranked, _ in users])
    hits = np.array([[item in taken for item in ranked[:10]] for ranked, taken in users])
    relevant = np.array([len(taken) for _, taken in users])
    found = metrics.summary(hits, relevant, lists, np.ones(12, bool))
    expected: dict[str, list[float]] = {name: [] for name in ("ndcg@10", "recall@10", "hr@10", "mrr@10")}
    for ranked, taken in users:
        places = [place for place, item in enumerate(ranked[:10], 1) if item in taken]
        ideal = sum(1 / np.log2(place + 1) for place in range(1, min(len(taken), 10) + 1))
        expected["ndcg@10"].append(sum(1 / np.log2(place + 1) for place in places) / ideal)
        expected["recall@10"].append(len(places) / len(taken))
        expected["hr@10"].append(bool(places))
        expected["mrr@10"].append(1 / places[0] if places else 0)
    for name, values in expected.items():
        assert found[name] == pytest.approx(np.mean(values), abs=1e-6)
    assert found["coverage@10"] == pytest.approx(len(np.unique(lists)) / 12, abs=1e-6)


def test_paired_difference() -> None:
    random = np.random.default_rng(0)
    base = random.random(2000)
    mean, low, high = metrics.paired_difference(base + 0.05 + random.normal(size=2000) * 0.1, base, 0)
    assert low < mean < high
    assert low > 0.04
    assert metrics.paired_difference(base, base, 0) == (0, 0, 0)
    assert metrics.paired_difference(np.empty(0), np.empty(0), 0) == (0, 0, 0)
