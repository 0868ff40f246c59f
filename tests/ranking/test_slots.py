"""Where new items stand in a list."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chatrec.ranking.scored import NO_RULES
from chatrec.ranking.slots import tiers


def shared_places(known: np.ndarray, new: np.ndarray, n: int, least: int, most: int) -> np.ndarray:
    """The columns of known and new candidates, side by side, that make lists."""
    scores = np.hstack([known, new])
    items = np.where(np.isfinite(scores), np.arange(scores.shape[1]), -1)
    return NO_RULES.columns(items, scores, n, tiers(known.shape[1], new.shape[1], least, most))


SCORES = st.lists(st.floats(-20, 0), max_size=6)


@given(SCORES, SCORES, st.integers(1, 6), st.integers(0, 3), st.integers(0, 3))
def test_lists_are_full_ordered_and_within_the_bounds(
    known: list[float], new: list[float], n: int, least: int, more: int
) -> None:
    most = least + more
    sides = [np.sort(np.array([side], np.float64))[:, ::-1].reshape(1, -1) for side in (known, new)]
    places = shared_places(sides[0], sides[1], n, least, most)[0]
    scores = np.hstack(sides)[0]
    assert len(places) == min(n, len(scores))
    assert len(set(places.tolist())) == len(places)
    assert np.all(np.diff(scores[places]) <= 0)
    of_cold = int((places >= len(known)).sum())
    assert of_cold >= min(least, n, len(new))
    assert of_cold <= max(most, n - len(known))


def test_without_bounds_the_likeliest_win() -> None:
    places = shared_places(np.array([[-1.0, -3.0, -5.0]]), np.array([[-2.0, -4.0]]), 3, 0, 3)
    assert places.tolist() == [[0, 3, 1]]


def test_a_guaranteed_item_stands_where_its_likelihood_puts_it() -> None:
    places = shared_places(np.array([[-1.0, -3.0, -5.0]]), np.array([[-9.0, -10.0]]), 3, 1, 3)
    assert places.tolist() == [[0, 1, 3]]


def test_padding_is_taken_last() -> None:
    places = shared_places(np.array([[-1.0, -np.inf]]), np.array([[-2.0, -np.inf]]), 4, 1, 1)
    assert places[0, :2].tolist() == [0, 2]
