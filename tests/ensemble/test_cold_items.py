"""Items that nobody took yet: hidden ones teach how to rank them."""

from dataclasses import replace

import numpy as np
import pytest

from chatrec.data.interactions import DAY, Interactions
from chatrec.data.new_items import FROM_THE_START, Arrivals
from chatrec.ensemble.cold_items import (
    COLD,
    LARGEST_SHARE,
    NO_EVIDENCE,
    fit_cold,
    hide_items,
    share_of_new,
)
from chatrec.evaluation.holdout import Holdout, hold_out
from chatrec.models.content_knn import ContentKnn
from tests.support.histories import histories

ITEMS = 40


def topics() -> Interactions:
    """Every user takes items of one of four kinds, in their order."""
    random = np.random.default_rng(0)
    return histories([random.permutation(np.arange(user % 4, ITEMS, 4))[:7].tolist() for user in range(80)])


def kinds() -> np.ndarray:
    return np.eye(4, dtype=np.float32)[np.arange(ITEMS) % 4]


def test_a_tenth_of_the_known_items_is_hidden_and_alone_in_the_lists() -> None:
    log = topics()
    hidden = hide_items(log, ITEMS, 0)
    assert hidden.recommendable.sum() == 4
    assert not hidden.recommendable[hidden.histories.items].any()
    assert hidden.recommendable[hidden.targets].all()
    left = (~hidden.recommendable[log.items]).sum()
    assert len(hidden.histories.items) == left


def test_what_texts_tell_apart_is_weighed_and_noise_is_not() -> None:
    hidden = hide_items(topics(), ITEMS, 0)
    noise = np.random.default_rng(1).normal(size=(ITEMS, 4)).astype(np.float32)
    mix, measured = fit_cold({"texts": ContentKnn(kinds()), "noise": ContentKnn(noise)}, hidden, kinds(), 0)
    assert set(mix.weights) == {"texts"}
    assert measured[f"{COLD}, texts"]["ndcg@10"] > measured[f"{COLD}, noise"]["ndcg@10"]


@pytest.mark.parametrize("seed", range(4))
def test_together_they_rank_no_worse_than_the_best_alone(seed: int) -> None:
    hidden, random = hide_items(topics(), ITEMS, 0), np.random.default_rng(seed)
    blurred = {
        f"blurred {blur}": ContentKnn((kinds() + blur * random.normal(size=kinds().shape)).astype(np.float32))
        for blur in (0.5, 1.5)
    }
    _, measured = fit_cold(blurred, hidden, kinds(), 0)
    assert measured[COLD]["ndcg@10"] >= max(measured[f"{COLD}, {name}"]["ndcg@10"] for name in blurred)


def test_where_nothing_can_be_hidden_near_texts_rank() -> None:
    mix, measured = fit_cold({}, hide_items(histories([[], []]), ITEMS, 0), kinds(), 0)
    assert dict(mix.weights) == {"content_knn": 1.0}
    assert measured == {}


def dated(days: list[tuple[int, int]]) -> Interactions:
    """Four users; each takes item 0 first and then one of the items, on the given day."""
    of_users = histories([[0, item] for item, _ in days])
    times = np.array([moment for _, day in days for moment in (0, day * DAY)], np.int64)
    return replace(of_users, times=times)


def share(days: list[tuple[int, int]], arrived: dict[int, int], available: tuple[int, ...] = tuple(range(6))) -> float:
    """Share of new items if the second event of each user is held out from day 50 on."""
    log = dated([(1, 50), *days])
    cut = log.only(log.times <= 50 * DAY)
    targets = np.array([item for item, _ in days], np.int32)
    starts = np.arange(len(days) + 1)
    held = Holdout(cut, np.arange(1, len(days) + 1), starts, targets, np.isin(np.arange(6), available), True)
    arrived_at = np.full(6, FROM_THE_START)
    arrived_at[list(arrived)] = [day * DAY for day in arrived.values()]
    return share_of_new([held], log, Arrivals(arrived_at, 30))


def test_the_share_of_new_items_is_that_of_items_that_were_new_before_the_holdout() -> None:
    taken = [(2, 51), (1, 52), (1, 53)]
    then_2_and_3_now_3_and_4 = share(taken, {2: 40, 3: 45, 4: 52})
    assert then_2_and_3_now_3_and_4 == pytest.approx((1 + 0.5) / (3 + 1) * 2 / 2)
    assert share(taken, {2: 40, 3: 45}) == pytest.approx(1.5 / 4 / 2)
    assert share(taken, {2: 40}) == NO_EVIDENCE  # the only new item has events now
    assert share(taken, {2: 40, 3: 45}, available=(0, 1, 2)) == NO_EVIDENCE
    assert share(taken, {2: 40, 3: 51, 4: 51, 5: 51}) == LARGEST_SHARE


@pytest.mark.parametrize("arrived", [{}, {2: 10}, {3: 52}], ids=["never", "long ago", "since"])
def test_without_items_that_were_new_there_is_no_evidence(arrived: dict[int, int]) -> None:
    assert share([(2, 51), (2, 52)], arrived) == NO_EVIDENCE


def test_without_arrivals_no_item_is_new() -> None:
    held = hold_out(topics(), np.ones(ITEMS, bool), True, "next_item", 0)
    assert share_of_new([held], topics(), None) == NO_EVIDENCE
