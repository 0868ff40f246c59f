"""An amount of money as weight is noticed and damped; ordinary weights stay as they are."""

from pathlib import Path

import numpy as np
import pytest

from tests.support.extracts import extractor
from tests.support.shop import Shop


def test_an_amount_counts_relative_to_its_item(shop: Shop, tmp_path: Path) -> None:
    """Film f costs 2 to the power of f % 12, and each fifth event has five pieces."""
    shop.execute("UPDATE views SET amount = 2.0 ^ (film % 12) * (1 + (customer + film) % 7 / 100.0)")
    shop.execute("UPDATE views SET amount = amount * 5 WHERE (customer + film) % 5 = 0")
    result, snapshot = extractor(shop, tmp_path)()
    ((smallest, largest),) = shop.execute("SELECT min(amount), max(amount) FROM views")
    assert result.weight_range == pytest.approx((smallest, largest))
    histories = snapshot.histories
    assert histories.weights.min() >= 0.5
    assert histories.weights.max() == 2
    medians = [np.median(histories.weights[histories.items == film]) for film in np.unique(histories.items)]
    assert medians == pytest.approx([1] * len(medians), abs=0.51)
    dear, cheap = (histories.weights[histories.items % 12 == price].mean() for price in (11, 0))
    assert dear == pytest.approx(cheap, rel=0.3)


def test_one_absurd_weight_is_not_the_whole_popularity(shop: Shop, tmp_path: Path) -> None:
    shop.execute("INSERT INTO views VALUES (1, 2, 'order', 1e14, '2026-02-01')")
    result, snapshot = extractor(shop, tmp_path)()
    assert result.weight_range == pytest.approx((1, 1e14))
    assert (snapshot.histories.weights.min(), snapshot.histories.weights.max()) == (1, 2)


@pytest.mark.parametrize(
    "amount",
    [
        "1 + (customer + film) % 5",
        "CASE WHEN film % 3 = 0 THEN 5 ELSE 1 END",
        "1 + film * 0.1",
        "1 + film / 59 * 99999",
        "NULL",
    ],
    ids=["1 to 5", "click or order", "many, close to the median", "a rare one is large", "none"],
)
def test_ordinary_weights_stay(shop: Shop, tmp_path: Path, amount: str) -> None:
    shop.execute(f"UPDATE views SET amount = {amount}")
    result, snapshot = extractor(shop, tmp_path)()
    assert result.weight_range is None
    ((total,),) = shop.execute("SELECT sum(coalesce(amount, 1)) FROM views")
    assert snapshot.histories.weights.sum() == pytest.approx(total)


def test_without_events_nothing_is_damped(shop: Shop, tmp_path: Path) -> None:
    shop.execute("TRUNCATE views")
    assert extractor(shop, tmp_path)()[0].weight_range is None
