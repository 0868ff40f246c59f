"""Metrics, against values worked out by hand and against the definitions written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.evaluation import metrics

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


def debiased(lists: list[list[int]], taken: list[list[int]], gains: list[float]) -> float:
    hits = np.array([[item in mine for item in row] for row, mine in zip(lists, taken, strict=True)])
    starts = np.cumsum([0, *(len(mine) for mine in taken)])
    targets = np.array([item for mine in taken for item in mine])
    return metrics.debiased_ndcg(np.array(lists), hits, targets, starts, np.array(gains))


def test_debiased_ndcg_by_hand() -> None:
    second = 1 / np.log2(3)
    gains = [1.0, 0.5, 0.25, 0.1]
    assert debiased([[0, 1]], [[0]], gains) == pytest.approx(1)
    assert debiased([[2, 0], [1, 3]], [[0, 1], [3]], gains) == pytest.approx(
        (second * 1.0 + second * 0.1) / (1.0 + second * 0.5 + 0.1)
    )
    # of two users one is served, the one with the rare item: that counts for more than half
    assert debiased([[0, 2], [0, 2]], [[0], [1]], gains) == pytest.approx(1.0 / 1.5)
    assert debiased([[-1, -1]], [[3]], gains) == 0


@given(
    st.lists(st.tuples(st.permutations(range(12)), st.sets(st.integers(0, 11), min_size=1)), min_size=1),
    st.permutations(range(12)),
)
def test_debiased_ndcg_is_a_share_and_does_not_care_for_names(
    users: list[tuple[list[int], set[int]]], renamed: list[int]
) -> None:
    lists, taken = [ranked[:10] for ranked, _ in users], [sorted(taken) for _, taken in users]
    gains = [1 / (item + 1) for item in range(12)]
    found = debiased(lists, taken, gains)
    assert 0 <= found <= 1 + 1e-12
    others = [0.0] * 12
    for item, gain in enumerate(gains):
        others[renamed[item]] = gain
    again = debiased([[renamed[i] for i in row] for row in lists], [[renamed[i] for i in t] for t in taken], others)
    assert again == pytest.approx(found)
    perfect = [sorted(mine, key=lambda item: -gains[item])[:10] for mine in taken]
    assert debiased([[*row, *[-1] * (10 - len(row))] for row in perfect], taken, gains) == pytest.approx(1)
    if len(users) == 1 and len(taken[0]) == 1:
        hits = np.array([[item in taken[0] for item in lists[0]]])
        assert found == pytest.approx(metrics.ndcg(hits, np.array([1]))[0])
