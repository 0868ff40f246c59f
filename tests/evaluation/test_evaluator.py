"""Lists against a hold-out: slices by hand, and each metric equal to itself on the slice alone."""

import numpy as np
import pytest

from chatrec.evaluation import metrics
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout
from tests.support.histories import histories

ITEMS = 6
LEFT = histories([[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 1], [2]])
"""Item 0 has 10 events, item 1 two, item 2 one: 13. Twelve are four fifths and more, so 0 and 1 are the head."""
HELD = Holdout(
    LEFT, np.array([0, 1, 2]), np.array([0, 2, 3, 4]), np.array([1, 2, 5, 0], np.int32), np.ones(ITEMS, bool), False
)
LISTS = np.array([[2, 3, 1], [4, 5, -1], [1, 0, 2]])
SAME = np.ones((ITEMS, 2), np.float32) / np.sqrt(2)


def test_slices_by_hand() -> None:
    slices = Evaluator(HELD, SAME).slices
    found = {name: (part.holdout.users.tolist(), part.holdout.targets.tolist()) for name, part in slices.items()}
    assert found == {
        "long histories": ([0], [1, 2]),
        "short histories": ([1, 2], [5, 0]),
        "head items": ([0, 2], [1, 0]),
        "tail items": ([0, 1], [2, 5]),
        "cold items": ([1], [5]),
    }


def test_metrics_of_slices_by_hand() -> None:
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    found = Evaluator(HELD, SAME).summary(LISTS)
    expected = {
        "ndcg@10 tail items": (1 + second) / 2,
        "recall@10 tail items": 1,
        "users tail items": 2,
        "ndcg@10 head items": (third + second) / 2,
        "ndcg@10 cold items": second,
        "users cold items": 1,
        "ndcg@10 long histories": (1 + third) / (1 + second),
        "ndcg@10 short histories": second,
        "recall@10 short histories": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["ndcg@10"] == pytest.approx((found["ndcg@10 long histories"] + 2 * second) / 3, abs=1e-6)


def test_what_is_shown_is_measured_by_what_is_left() -> None:
    found = Evaluator(HELD, SAME).summary(LISTS)
    bits = {0: np.log2(3 / 2), 1: np.log2(3 / 2)} | dict.fromkeys([2, 3, 4, 5], np.log2(3))
    assert found["novelty@10"] == pytest.approx(
        np.mean([np.mean([bits[i] for i in row if i >= 0]) for row in LISTS.tolist()]), abs=1e-6
    )
    assert found["gini@10"] == pytest.approx(metrics.gini(np.array([1, 2, 2, 1, 1, 1])), abs=1e-6)
    assert found["coverage@10"] == 1
    takers = np.array([2, 2, 1, 0, 0, 0])
    gains = 1 / np.sqrt(takers + 1)
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    possible = gains[2] + second * gains[1] + gains[5] + gains[0]
    assert found["debiased ndcg@10"] == pytest.approx(
        (gains[2] + third * gains[1] + second * gains[5] + second * gains[0]) / possible, abs=1e-6
    )


def test_diversity_needs_vectors_that_differ() -> None:
    assert "diversity@10" not in Evaluator(HELD, SAME).summary(LISTS)
    found = Evaluator(HELD, np.eye(ITEMS, dtype=np.float32)).summary(LISTS)
    assert found["diversity@10"] == 1


def test_a_slice_without_targets_has_no_metric() -> None:
    known = Holdout(LEFT, np.array([2]), np.array([0, 1]), np.array([0], np.int32), np.ones(ITEMS, bool), False)
    found = Evaluator(known, SAME).summary(LISTS[2:])
    assert found["users cold items"] == 0
    assert "ndcg@10 cold items" not in found
    assert all(np.isfinite(value) for value in found.values())


def test_items_with_equally_many_events_are_on_the_same_side() -> None:
    """Of five items with two events each four make 80 %; so all five are the head."""
    left = histories([[0, 1, 2, 3, 4], [4, 3, 2, 1, 0]])
    held = Holdout(left, np.array([0]), np.array([0, 5]), np.arange(5, dtype=np.int32), np.ones(ITEMS, bool), False)
    slices = Evaluator(held, SAME).slices
    assert len(slices["head items"].holdout.targets) == 5
    assert len(slices["tail items"].rows) == 0
