"""Lists that together have more of the catalogue: no item leaves them for it, and no list gives more than a fifth."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from chatrec.data.arrays import top_k
from chatrec.ranking.coverage import _counts, _reserve
from chatrec.ranking.diversity import Reserved
from chatrec.ranking.fairness.exposure_duals import Sample
from tests.support.finished import Finished, complete


def sample(users: int, items: int, n: int, seed: int) -> Sample:
    """Everybody may have everything, and most people want the same."""
    random = np.random.default_rng(seed)
    scores = (random.normal(size=(users, items)) - np.arange(items)).astype(np.float32)
    order = np.argsort(-scores, axis=1)
    return Sample(
        order.astype(np.int32), np.take_along_axis(scores, order, 1), lambda scores: np.asarray(top_k(scores, n))
    )


@given(st.integers(2, 30), st.integers(6, 40), st.integers(1, 6), st.integers(0, 99), st.integers(0, 60))
def test_more_is_shown_and_nothing_less(users: int, items: int, n: int, seed: int, wanted: int) -> None:
    given_, places = sample(users, items, n, seed), max(1, n // 5)
    columns = given_.first(given_.scores)
    before = _counts(given_, columns, items)
    who, what = _reserve(given_, columns, before, wanted, places, np.ones(len(columns), bool))
    assert len(who) <= wanted
    assert len(set(what)) == len(what)
    assert not before[what].any()
    assert not len(who) or np.bincount(who).max() <= places
    reserved = Reserved(None, who, what).scores(np.arange(users), given_.items, given_.scores, n)
    after = _counts(given_, given_.first(reserved), items)
    assert set(np.flatnonzero(after)) == set(np.flatnonzero(before)) | set(what)


def test_the_cheapest_exchange_is_made() -> None:
    """Two want the same two items; the third item costs the second user less."""
    items = np.array([[0, 1, 2], [0, 1, 2]], np.int32)
    scores = np.array([[3, 2, -9], [3, 2, 1.5]], np.float32)
    made = Sample(items, scores, lambda scores: np.asarray(top_k(scores, 2)))
    columns = made.first(made.scores)
    assert [
        each.tolist() for each in _reserve(made, columns, _counts(made, columns, 3), 1, 1, np.ones(len(columns), bool))
    ] == [[1], [2]]


def test_reserved_slots_are_the_last() -> None:
    items = np.arange(8, dtype=np.int32)[None, :]
    scores = -np.arange(8, dtype=np.float32)[None, :]
    wanted = Reserved(None, np.array([4, 4]), np.array([6, 7])).scores(np.array([4]), items, scores, 5)
    best = items[0, np.argsort(-wanted[0], kind="stable")[:5]]
    assert best[:3].tolist() == [0, 1, 2]
    assert set(best[3:]) == {6, 7}


def test_lists_of_a_run_reach_the_catalogue(finished: Finished) -> None:
    narrow = finished.settings.override({"ranking.top_n": 1, "checks.max_row_drop": 1.0})
    plain = complete(narrow).results["rank"].items_shown
    wide = complete(narrow.override({"diversity.coverage": 0.5})).results["rank"]
    assert plain < 30 <= wide.items_shown
    assert wide.coverage.before == round(plain / 60, 4)
    assert wide.coverage.after == round(wide.items_shown / 60, 4)
    taken = {(user, film) for user, film, *_ in finished.shop.views}
    assert not taken & {(row[0], row[2]) for row in finished.shop.lists()}
