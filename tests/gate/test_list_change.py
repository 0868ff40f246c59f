"""How much lists changed, by ids, on the users of both runs."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from chatrec.extract import schema
from chatrec.extract.snapshot import Snapshot
from chatrec.gate.list_change import list_change

LISTS = {1: [10, 20], 2: [20, 30], 3: [30, 40]}


def made(folder: Path, lists: dict[Any, list[Any]], items: list[Any]) -> tuple[Snapshot, Path]:
    """A snapshot with these users and items in this order, and their lists."""
    folder.mkdir()
    users = list(lists)
    pl.DataFrame({"user_id": users, "active": [True] * len(users)}).write_parquet(folder / schema.USERS)
    pl.DataFrame({"item_id": items}).write_parquet(folder / schema.ITEMS)
    rows = [(row, items.index(item)) for row, user in enumerate(users) for item in lists[user]]
    kinds = {"user": pl.Int32, "item": pl.Int32}
    pl.DataFrame(rows, schema=kinds, orient="row").write_parquet(folder / "lists.parquet")
    return Snapshot(folder), folder / "lists.parquet"


@pytest.mark.parametrize(
    ("lists", "change"),
    [
        (LISTS, 0.0),
        ({user: items[::-1] for user, items in reversed(LISTS.items())}, 0.0),  # ranks and rows do not matter
        ({1: [10, 50], 2: [20, 30], 3: [30, 40]}, 1 / 6),
        ({1: [50, 60], 2: [50, 60], 3: [50, 60]}, 1.0),
        ({2: [20, 50], 9: [60, 50]}, 0.5),  # who is new does not count
        ({8: [10, 20], 9: [60, 50]}, 1.0),  # users have other ids
        ({"1": [10, 20]}, None),
        ({1: []}, None),
    ],
)
def test_the_change_is_a_share_of_places(tmp_path: Path, lists: dict[Any, list[int]], change: float | None) -> None:
    before = made(tmp_path / "before", LISTS, [10, 20, 30, 40])
    now = made(tmp_path / "now", lists, [60, 50, 40, 30, 20, 10])
    found = list_change(before, now)
    assert found == (None if change is None else pytest.approx(change))


def test_ids_of_another_type_cannot_be_compared(tmp_path: Path) -> None:
    before = made(tmp_path / "before", LISTS, [10, 20, 30, 40])
    assert list_change(before, made(tmp_path / "now", {1: ["a"]}, ["a"])) is None
