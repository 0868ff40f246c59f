"""Items that nobody took yet: hidden ones teach how to rank them."""

import numpy as np
import pytest

from chatrec.data.interactions import Interactions
from chatrec.ensemble.cold_items import COLD, DEFAULT_MODEL, fit_cold, hide_items, share_of_cold
from chatrec.evaluation.holdout import hold_out
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
    assert dict(mix.weights) == {DEFAULT_MODEL: 1.0}
    assert measured == {}


@pytest.mark.parametrize("target", ["next_item", "next_period", "random"])
def test_the_share_of_new_items_is_never_none_and_never_all(target: str) -> None:
    held = hold_out(topics(), np.ones(ITEMS, bool), True, target, 0)  # type: ignore[arg-type]
    assert 0 < share_of_cold([held]) < 1
