"""Generated shops of few customers: always a list, never dead stock first, never clearly behind a baseline.

Customers, orders, returns, service lines, missing titles and times, ties: whatever a shop brings, `Ensemble` fits it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chatrec
from chatrec.errors import DataError
from chatrec.evaluation.metrics import paired_difference

DAY = 86_400
BASELINES = {
    "popularity": chatrec.models.Popularity(),
    "recent popularity": chatrec.models.Popularity(half_life=0.05),
    "item k-NN": chatrec.models.ItemKNN(),
}


@dataclass(frozen=True)
class Generated:
    """A generated shop: events without returns, the catalogue, and what its customers took afterwards."""

    events: pl.DataFrame
    items: pl.DataFrame
    later: pl.DataFrame
    target: str


def shop(seed: int, customers: int, most: int, tastes: int, timed: bool, basket: int) -> Generated:
    """A shop whose customers have one of several tastes, with popular items, orders of several lines and dead stock."""
    random = np.random.default_rng(seed)
    count = int(random.integers(12, 120))
    taste_of_item = random.integers(0, tastes, count)
    popular = random.pareto(1.0, count) + 0.05
    popular[random.random(count) < 0.2] = 0  # dead stock: nobody ever takes it
    rows: list[tuple[str, str, float]] = []
    for customer in range(customers):
        liked = np.where(taste_of_item == customer % tastes, 1.0, 0.1) * popular
        lines = int(min(random.integers(0, most + 1), (liked > 0).sum()))
        taken = random.choice(count, lines, replace=False, p=liked / liked.sum()) if lines else []
        orders = np.sort(random.integers(0, 300, lines))[np.arange(lines) // basket * basket] * DAY
        rows += [(f"c{customer}", f"i{item}", 1.6e9 + float(at)) for item, at in zip(taken, orders, strict=True)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "occurred_at"], orient="row")
    last = frame.group_by("user_id").agg(pl.col("occurred_at").max().alias("last"), pl.len())
    joined = frame.join(last, on="user_id", maintain_order="left")
    is_later = (joined["len"] > 2) & (joined["occurred_at"] == joined["last"])
    names = [f"c{customer}" for customer in range(customers)]
    items = pl.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(count)] + ["D"],
            "title": [f"thing {item} of kind {taste_of_item[item]}" for item in range(count)] + [None],
            "groups": [[f"kind {taste}"] for taste in taste_of_item] + [[]],
        }
    )
    columns = ["user_id", "item_id", *(["occurred_at"] if timed else [])]
    kept = frame.filter(~is_later).sort("occurred_at", maintain_order=True).select(columns)
    assert kept["user_id"].is_in(names).all()
    return Generated(kept, items, frame.filter(is_later), "next_period" if timed else "random")


def hits(frame: pl.DataFrame, later: pl.DataFrame, users: list[str]) -> np.ndarray:
    """Share of what each user took later that is in the list."""
    found = (
        later.join(frame, on=["user_id", "item_id"], how="left")
        .group_by("user_id")
        .agg(pl.col("rank").count() / pl.len())
    )
    return found.sort("user_id").filter(pl.col("user_id").is_in(users))["rank"].to_numpy()


@settings(max_examples=12)
@given(
    st.integers(0, 1_000),
    st.sampled_from([10, 40, 150, 600]),
    st.sampled_from([1, 4, 20]),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.sampled_from([1, 5]),
)
def test_any_small_shop_gets_sensible_lists(
    seed: int, customers: int, most: int, tastes: int, timed: bool, basket: int
) -> None:
    made = shop(seed, customers, most, tastes, timed, basket)
    if made.events.is_empty():
        with pytest.raises(DataError):
            chatrec.Dataset.from_frames(made.events, made.items)
        return
    data = chatrec.Dataset.from_frames(made.events, made.items)
    ensemble = chatrec.Ensemble(made.target, encoder="none", minutes=0).fit(data)  # type: ignore[arg-type]
    users = data.users["user_id"].to_list()
    lists = ensemble.recommend(users, k=10)
    assert lists["user_id"].n_unique() == len(users)
    bought = set(made.events["item_id"])
    for (user,), own in lists.group_by("user_id"):
        had = set(made.events.filter(pl.col("user_id") == user)["item_id"])
        dead = own.filter(~pl.col("item_id").is_in(bought))["rank"].to_list()
        assert not dead or min(dead) > len(bought - had), "dead stock before an item that somebody took"
    known = sorted(set(made.later["user_id"]) & set(users))
    if not known:
        return
    own = hits(lists, made.later, known)
    for name, model in BASELINES.items():
        if timed or name != "recent popularity":
            other = hits(model.clone().fit(data).recommend(users, k=10), made.later, known)
            assert paired_difference(own, other, 0, 0.999)[2] >= 0, f"behind {name}"
