"""No order of the items within a basket is learned, whatever order the log has."""

from pathlib import Path

import numpy as np
import pytest

from chatrec.aigc import sequence
from chatrec.aigc.autoconfig import Plan, cached_rate
from chatrec.aigc.net import NetConfig
from chatrec.data.arrays import Array
from chatrec.data.dataset import Dataset
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation.holdout import Holdout, hold_out
from chatrec.models import markov
from chatrec.models.training_data import TrainingData

USERS, ITEMS, BASKETS, LINES = 300, 12, 3, 6
PLAN = Plan(NetConfig(16, 1, 2, 8), (1.0,), 256, 10, 0)


def log(step: int) -> Interactions:
    """Random baskets in the order of item ids. Lines of an order are `step` seconds apart."""
    random = np.random.default_rng(0)
    rows = [
        (user, int(item), 1_000 * basket + step * line)
        for user in range(USERS)
        for basket in range(BASKETS)
        for line, item in enumerate(np.sort(random.choice(ITEMS, LINES, replace=False)))
    ]
    users, items, times = zip(*rows, strict=True)
    return Dataset.from_frames({"user_id": users, "item_id": items, "occurred_at": times}).interactions


def share_of_hits(holdout: Holdout, folder: Path) -> tuple[float, float]:
    """Share of users whose next item is ranked first, by the net and by Markov."""
    histories = holdout.histories
    cached_rate(folder / "rates.json", PLAN, ITEMS, lambda: 1e6)
    net, _ = sequence.fit(histories, histories, ITEMS, PLAN, 0, 5.0, folder / "rates.json")

    def read(batch: UserBatch) -> Array:
        users = net.encoder.read(net.items, batch.histories.latest(batch.users, net.encoder.length))
        logits: Array = users @ net.items.T + net.bias
        return logits

    models = (read, markov.fit(TrainingData(histories, ITEMS)).score)
    found = [holdout.hits(holdout.lists(score)[:, :1]).mean() for score in models]
    return float(found[0]), float(found[1])


@pytest.mark.parametrize(("step", "is_order"), [(0, False), (1, True)], ids=["one time", "one after another"])
def test_only_an_order_in_time_is_learned(tmp_path: Path, step: int, is_order: bool) -> None:
    """The last item of a sorted basket is a large number, which a few items share; a basket has an item once."""
    holdout = hold_out(log(step), np.ones(ITEMS, bool), False, "next_item", 0)
    chance = 1 / (ITEMS - LINES + 1)
    for share in share_of_hits(holdout, tmp_path):
        assert (share > 1.5 * chance) == is_order, share
