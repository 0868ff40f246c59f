"""Varied lists: greedy as the papers say, nothing lost, and plain order at strength 0."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatrec.ranking.diversity import OWN_SHARE, Calibration, Relevance
from tests.support.histories import histories

ITEMS, GROUPS_ = 12, 3
RANDOM = np.random.default_rng(3)
VECTORS = RANDOM.normal(size=(ITEMS, 4)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
OF_ITEMS = np.vstack([np.array([[i % 3, -1] if i % 4 else [i % 3, (i + 1) % 3] for i in range(ITEMS)]), [[-1, -1]]])
TAKEN = histories([[0, 3, 6, 1], [2, 5, 8, 11, 1], []])
WAYS: dict[str, Callable[[float], Any]] = {
    "mmr": lambda strength: Relevance(VECTORS, strength),
    "calibrated": lambda strength: Calibration(OF_ITEMS, TAKEN, strength),
}


def candidates(seed: int, padded: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    items = np.array([random.permutation(ITEMS)[:8] for _ in range(3)], np.int32)
    scores = -np.sort(random.exponential(size=(3, 8)), axis=1)
    items[:, 8 - padded :], scores[:, 8 - padded :] = -1, -np.inf
    return items, scores


def kl(user: int, items: list[int]) -> float:
    """KL(p | q) of Steck 2018, written out."""

    def share(rows: list[int]) -> np.ndarray:
        found = np.zeros(GROUPS_)
        for row in rows:
            mine = [group for group in OF_ITEMS[row] if group >= 0]
            found[mine] += 1 / len(mine)
        return found / max(len(rows), 1)

    p = share(TAKEN.of(user).tolist())
    q = (1 - OWN_SHARE) * share(items) + OWN_SHARE * p
    return float(sum(p[k] * np.log(p[k] / q[k]) for k in range(GROUPS_) if p[k] > 0))


def value(name: str, user: int, chosen: list[int], item: int, strength: float) -> float:
    if name == "mmr":
        return -strength * max([0.0, *(float(VECTORS[item] @ VECTORS[other]) for other in chosen)])
    return -strength * kl(user, [*chosen, item])


@pytest.mark.parametrize("name", WAYS)
@given(st.integers(0, 200), st.sampled_from([0.1, 1.0, 5.0]), st.integers(0, 3))
@settings(max_examples=25)
def test_each_place_goes_to_what_adds_most(name: str, seed: int, strength: float, padded: int) -> None:
    items, scores = candidates(seed, padded)
    wanted = WAYS[name](strength).scores(np.arange(3), items, scores, 4)
    order = np.argsort(-wanted, axis=1, kind="stable")[:, :4]
    for user in range(3):
        chosen: list[int] = []
        for place in order[user]:
            left = [column for column in range(8 - padded) if items[user, column] not in chosen]
            gains = {c: scores[user, c] + value(name, user, chosen, int(items[user, c]), strength) for c in left}
            assert gains[place] == pytest.approx(max(gains.values()), abs=1e-4)
            chosen.append(int(items[user, place]))


@pytest.mark.parametrize("name", WAYS)
def test_no_strength_is_the_plain_order_and_padding_stays_last(name: str) -> None:
    items, scores = candidates(1, 2)
    wanted = WAYS[name](0.0).scores(np.arange(3), items, scores, 4)
    assert (np.argsort(-wanted, axis=1, kind="stable") == np.arange(8)).all()
    assert np.isneginf(wanted[:, 6:]).all()


def test_lists_come_nearer_to_what_a_user_takes() -> None:
    items, scores = candidates(7, 0)

    def distance(strength: float) -> float:
        wanted = WAYS["calibrated"](strength).scores(np.arange(3), items, scores, 4)
        chosen = np.take_along_axis(items, np.argsort(-wanted, axis=1)[:, :4], 1)
        return sum(kl(user, chosen[user].tolist()) for user in range(2))

    assert distance(0) > distance(1) >= distance(50)
