"""Tables of any kind become the same dataset, and a wrong one is refused with what to do."""

import doctest
import uuid
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.data import dataset as module
from chatrec.data.dataset import Dataset
from chatrec.errors import ChatrecError, DataError

EVENTS = {
    "user_id": ["bob", "ada", "ada", "bob", "ada"],
    "item_id": [30, 10, 20, 10, 30],
    "occurred_at": [5, 9, 1, 2, 4],
}
"""Ada took 20, 30, 10; Bob 10, 30."""


def taken(dataset: Dataset) -> dict[Any, list[Any]]:
    ids = dataset.items["item_id"].to_list()
    users = dataset.users["user_id"].to_list()
    return {user: [ids[item] for item in dataset.interactions.of(row)] for row, user in enumerate(users)}


def test_the_example_of_the_docstring_holds() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "arrow", "path", "name", "dict"])
def test_every_kind_of_table_is_the_same_dataset(kind: str, tmp_path: Path) -> None:
    frame = pl.DataFrame(EVENTS)
    frame.write_parquet(tmp_path / "events.parquet")
    tables: dict[str, Any] = {
        "polars": frame,
        "lazy": frame.lazy(),
        "pandas": pd.DataFrame(EVENTS),
        "arrow": pa.table(EVENTS),
        "path": tmp_path / "events.parquet",
        "name": str(tmp_path / "events.parquet"),
        "dict": EVENTS,
    }
    assert taken(Dataset.from_frames(tables[kind])) == {"ada": [20, 30, 10], "bob": [10, 30]}


def test_without_times_rows_are_in_order() -> None:
    events = pl.DataFrame(EVENTS).drop("occurred_at")
    assert taken(Dataset.from_frames(events)) == {"ada": [10, 20, 30], "bob": [30, 10]}


@pytest.mark.parametrize(
    "times",
    [
        ["2026-01-05", "2026-01-09", "2026-01-01", "2026-01-02", "2026-01-04"],
        [date(2026, 1, day) for day in (5, 9, 1, 2, 4)],
        [0.5, 0.9, 0.1, 0.2, 0.4],
    ],
    ids=["text", "dates", "fractions"],
)
def test_times_of_any_kind_order_events(times: list[Any]) -> None:
    assert taken(Dataset.from_frames({**EVENTS, "occurred_at": times})) == {"ada": [20, 30, 10], "bob": [10, 30]}


def test_items_without_interactions_and_users_are_kept() -> None:
    items = pl.DataFrame({"item_id": [40, 30, 20, 10], "title": ["d", None, "b", "a"], "pages": [1, 2, 3, None]})
    users = pl.DataFrame({"user_id": ["cy", "bob", "ada"], "town": ["Rome", None, "Oslo"]})
    made = Dataset.from_frames(EVENTS, items, users)
    assert taken(made) == {"cy": [], "bob": [10, 30], "ada": [20, 30, 10]}
    assert made.items.columns == ["item_id", "title", "groups", "available", "pages"]
    assert made.items["pages"].to_list() == ["1", "2", "3", None]
    assert made.available.tolist() == [True] * 4
    assert made.item_rows([10, 40]).tolist() == [3, 0]
    assert made.user_rows("cy").tolist() == [0]


def test_ids_may_be_uuids() -> None:
    ids = [uuid.UUID(int=number) for number in (1, 2)]
    made = Dataset.from_frames({"user_id": [ids[0], ids[1]], "item_id": ["a", "a"]})
    assert made.users["user_id"].to_list() == [str(each) for each in ids]


@given(st.lists(st.tuples(st.integers(-9, 9), st.text(max_size=3)), min_size=1, max_size=40))
def test_nothing_is_lost(events: list[tuple[int, str]]) -> None:
    users, items = zip(*events, strict=True)
    made = Dataset.from_frames({"user_id": list(users), "item_id": list(items)})
    assert len(made.interactions.items) == len(events)
    expected: dict[int, list[str]] = {user: [] for user in sorted(set(users))}
    for user, item in events:
        expected[user].append(item)
    assert taken(made) == expected


@pytest.mark.parametrize(
    ("events", "items", "users", "said"),
    [
        ({"user": ["a"], "item_id": [1]}, None, None, "interactions has no column user_id. It has user, item_id"),
        ({"user_id": [], "item_id": []}, None, None, "interactions has no rows"),
        ({"user_id": ["a", None], "item_id": [1, 2]}, None, None, "1 rows without user_id"),
        ({"user_id": [1.5], "item_id": [1]}, None, None, "type Float64: ids are whole numbers or text"),
        ({"user_id": ["a"], "item_id": [1]}, {"item_id": ["1"]}, None, "items.item_id is text .* is numbers"),
        ({"user_id": ["a"], "item_id": [1]}, {"item_id": [1, 1]}, None, "item_id 1 more than once"),
        ({"user_id": ["a"], "item_id": [1]}, {"item_id": [2]}, None, "1 rows .* item_id that items lacks, such as 1"),
        ({"user_id": ["a"], "item_id": [1]}, None, {"user_id": ["b"]}, "user_id that users lacks, such as 'a'"),
        ({"user_id": ["a"], "item_id": [1], "weight": [0.0]}, None, None, "weight that is not a positive number"),
        ({"user_id": ["a"], "item_id": [1], "weight": [float("inf")]}, None, None, "not a positive number"),
        ({"user_id": ["a"], "item_id": [1], "weight": [3e38]}, None, None, r"give them one from 1e-15 to 1e\+15"),
        ({"user_id": ["a"], "item_id": [1], "weight": [1e-60]}, None, None, r"give them one from 1e-15 to 1e\+15"),
        ({"user_id": ["a"], "item_id": [1], "occurred_at": ["soon"]}, None, None, "text that is not a time"),
        ({"user_id": ["a"], "item_id": [1], "occurred_at": [None]}, None, None, "1 rows without occurred_at"),
        ({"user_id": ["a"], "item_id": [1]}, {"item_id": [1], "groups": ["x"]}, None, "items.groups is of type String"),
        ("nowhere.parquet", None, None, "There is no file nowhere.parquet for interactions"),
        (7, None, None, "interactions is a int, which is not a table"),
    ],
)
def test_a_wrong_table_is_named(events: Any, items: Any, users: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Dataset.from_frames(events, items, users)


def test_ids_of_two_kinds_are_refused() -> None:
    mixed = pd.DataFrame({"user_id": ["a", 1], "item_id": [1, 2]})
    with pytest.raises(ChatrecError):
        Dataset.from_frames(mixed)


@pytest.mark.parametrize(("ids", "said"), [(["eve"], "Unknown user 'eve'"), ([3], "are text in this dataset")])
def test_an_unknown_user_is_named(ids: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        Dataset.from_frames(EVENTS).user_rows(ids)


def test_rows_are_arrays_of_numbers() -> None:
    rows = Dataset.from_frames(EVENTS).user_rows(["bob", "ada", "bob"])
    assert isinstance(rows, np.ndarray)
    assert rows.tolist() == [1, 0, 1]
