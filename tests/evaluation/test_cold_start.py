"""Items treated as new: the same ones every week, and lists of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.evaluation.cold_start import SHARE, neighbour_ndcg, pseudo_cold
from chatrec.evaluation.holdout import hold_items_out
from tests.support.histories import histories

ITEMS = 12
of_users = st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=8)
hidden_items = st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS).map(np.array)


def test_a_tenth_is_chosen_by_the_id_alone() -> None:
    chosen = pseudo_cold(range(20_000), 1)
    assert chosen.mean() == pytest.approx(SHARE, abs=0.01)
    assert (pseudo_cold(range(5_000, 6_000), 1) == chosen[5_000:6_000]).all()
    assert (pseudo_cold((str(each) for each in range(100)), 1) == chosen[:100]).all()
    assert (pseudo_cold(range(20_000), 2) != chosen).any()
    assert len(pseudo_cold([], 1)) == 0


@given(of_users, hidden_items)
def test_hidden_items_are_targets_and_nothing_else_is(users: list[list[int]], hidden: np.ndarray) -> None:
    made = histories(users)
    found = hold_items_out(made, hidden, 0)
    assert not hidden[found.histories.items].any()
    assert hidden[found.targets].all()
    expected = {
        user: sorted({item for item in items if hidden[item]})
        for user, items in enumerate(users)
        if any(hidden[item] for item in items) and not all(hidden[item] for item in items)
    }
    starts = found.starts
    assert {
        int(user): found.targets[starts[n] : starts[n + 1]].tolist() for n, user in enumerate(found.users)
    } == expected


def test_ndcg_is_that_of_the_nearest_hidden_items() -> None:
    """Users take one of two kinds; vectors that tell the kinds apart are perfect, the others turned round are not."""
    users = [[0, 2, 4, 6], [1, 3, 5, 7]]
    hidden = np.isin(np.arange(ITEMS), [4, 5, 6, 7])
    found = hold_items_out(histories(users), hidden, 0)
    kinds = np.eye(2)[np.arange(ITEMS) % 2]
    assert neighbour_ndcg(found, kinds).tolist() == [1, 1]
    turned = np.where(hidden[:, None], 1 - kinds, kinds)
    late = (1 / np.log2([4, 5])).sum() / (1 / np.log2([2, 3])).sum()
    assert neighbour_ndcg(found, turned) == pytest.approx([late, late])
