"""A wrong argument is named, with what to do about it."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import chatrec
from chatrec.errors import ChatrecError
from tests.support.api import every_model, shop, tables

EVENTS: dict[str, list[Any]] = {"user_id": ["ada", "bob"], "item_id": [1, 2]}


def with_(**columns: list[Any]) -> dict[str, list[Any]]:
    return {**EVENTS, **columns}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"interactions": {"user": ["a"], "item_id": [1]}}, "interactions has no column user_id. It has user, item_id"),
        ({"interactions": pl.DataFrame(EVENTS).clear()}, "interactions has no rows"),
        ({"interactions": with_(user_id=["ada", 1])}, "interactions is a dict, which is not a table"),
        ({"interactions": with_(item_id=[1, None])}, "interactions has 1 rows without item_id: remove them"),
        ({"interactions": with_(item_id=[1.0, math.nan])}, "interactions has 1 rows without item_id: remove them"),
        ({"interactions": with_(item_id=[[1], [2]])}, "ids are whole numbers or text"),
        ({"interactions": with_(weight=[1, -1])}, "1 rows of interactions have a weight that is not a positive number"),
        ({"interactions": with_(weight=[1.0, math.nan])}, "not a positive number: leave them out, or give them one"),
        ({"interactions": with_(weight=["a", "b"])}, "interactions.weight is of type String: it must be a number"),
        (
            {"interactions": with_(occurred_at=[True, False])},
            "occurred_at is not a time: pass times, dates, or numbers",
        ),
        ({"interactions": with_(occurred_at=["soon", "late"])}, "occurred_at is text that is not a time: pass times"),
        ({"interactions": EVENTS, "items": {"item_id": [1, 1, 2]}}, "items has item_id 1 more than once: keep one"),
        ({"interactions": EVENTS, "users": {"user_id": ["ada", "ada"]}}, "user_id 'ada' more than once: keep one"),
        ({"interactions": EVENTS, "items": {"item_id": ["1", "2"]}}, "items.item_id is text and .* is numbers"),
        ({"interactions": EVENTS, "users": {"user_id": ["ada", "bob"], "tags": [["a"], []]}}, "users.tags is of"),
        ({"interactions": "nowhere.csv"}, "There is no file nowhere.csv for interactions: name a Parquet or CSV file"),
        ({"interactions": Path(__file__)}, "is not a valid Parquet file"),
    ],
)  # fmt: skip
def test_a_wrong_table(given: dict[str, Any], said: str) -> None:
    with pytest.raises(chatrec.DataError, match=said):
        chatrec.Dataset.from_frames(**given)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.zeros((3, 2)), r"shape \(3, 2\): it must have a row for each of the 24 items"),
        (np.zeros((24, 0)), "shape"),
        (np.full((24, 2), np.nan), "not finite"),
        ("words", "not an array of numbers"),
    ],
)
def test_wrong_vectors(vectors: Any, said: str) -> None:
    with pytest.raises(chatrec.DataError, match=said):
        shop().with_vectors(vectors)


@pytest.mark.parametrize("name", [*every_model(), "Ensemble"])
def test_a_model_that_is_not_fitted(name: str, tmp_path: Path) -> None:
    model = chatrec.Ensemble() if name == "Ensemble" else every_model()[name]
    calls = [model.recommend, model.similar_items, lambda: model.save(tmp_path)]
    for call in [*calls, lambda: model.explain(1, 2)] if name == "Ensemble" else calls:
        with pytest.raises(chatrec.NotFitted, match=f"This {name} is not fitted: call `.fit\\(dataset\\)` first"):
            call()


@pytest.fixture(scope="module")
def model() -> Any:
    return chatrec.models.EASE().fit(shop())


@pytest.mark.parametrize("k", [0, -1, 1.5, "10", None, True])
def test_a_wrong_length_of_list(model: Any, k: Any) -> None:
    for ask in (model.recommend, model.similar_items):
        with pytest.raises(chatrec.DataError, match=re.escape(f"k is {k!r}: it must be a whole number of at least 1")):
            ask([1] if ask == model.recommend else ["i01"], k=k)


@pytest.mark.parametrize(
    ("users", "error", "said"),
    [
        ([1, 999], chatrec.UnknownUser, "Unknown user 999: .* Add it to users= of Dataset.from_frames and fit again"),
        ("ada", chatrec.DataError, "The ids of users are numbers in this dataset, not text"),
        ([1, None], chatrec.DataError, "ids of users have 1 that are null: leave them out"),
        ([1.5], chatrec.DataError, "ids are whole numbers or text"),
    ],
)
def test_a_wrong_user(model: Any, users: Any, error: type[ChatrecError], said: str) -> None:
    with pytest.raises(error, match=said):
        model.recommend(users)


def test_a_wrong_item(model: Any) -> None:
    with pytest.raises(chatrec.UnknownItem, match=r"Unknown item 'x': .* Add it to items="):
        model.similar_items(["i01", "x"])


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("ContentKNN", {}, "ContentKNN compares text vectors and the dataset has none: make them by"),
        ("KernelRidge", {}, "KernelRidge compares the texts of items, .*: pass items= with title"),
        ("TwoTower", {}, "TwoTower compares the texts of items"),
        ("AIGC", {"users": "mean"}, "reads text vectors and the dataset has none"),
        ("UserKNN", {"max_users": 10}, "limited to 10 users and the dataset has 59: raise max_users"),
        ("SequentialEASE", {"max_items": 9}, "limited to 9 items and the dataset has 22: raise max_items"),
    ],
)
def test_data_that_do_not_suit(name: str, parameters: dict[str, Any], said: str) -> None:
    bare = chatrec.Dataset.from_frames(tables()["interactions"])
    with pytest.raises(chatrec.DataError, match=said):
        getattr(chatrec.models, name)(**parameters).fit(bare)


def test_a_frame_is_no_dataset() -> None:
    with pytest.raises(chatrec.DataError, match="fit was given a DataFrame: make a dataset first"):
        chatrec.models.EASE().fit(tables()["interactions"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: chatrec.Ensemble(target="tomorrow"), "target is 'tomorrow': it must be one of next_item, next_period"),
        (lambda: chatrec.Ensemble(encoder="gpt5"), "encoder is 'gpt5': it must be"),
        (lambda: chatrec.models.AIGC("any"), "target is 'any'"),
        (lambda: chatrec.evaluate([], shop()), "evaluate was given no model"),
        (lambda: chatrec.evaluate([3], shop()), "evaluate was given a int: pass a model"),
        (lambda: chatrec.evaluate(every_model()["EASE"], tables()), "dataset is a dict: make one"),
        (lambda: chatrec.evaluate(every_model()["EASE"], shop(), "weekly"), "split is 'weekly': it must be one"),
        (lambda: chatrec.evaluate(every_model()["EASE"], shop(), metrics=["auc"]), "metric 'auc' is unknown"),
        (lambda: chatrec.evaluate(every_model()["EASE"], shop(), metrics=["ndcg@0"]), "metric 'ndcg@0' is unknown"),
        (
            lambda: chatrec.evaluate(every_model()["EASE"], chatrec.Dataset.from_frames(EVENTS), "leave_one_out"),
            "holds nothing out: no user has an event to predict and one before it",
        ),
        (lambda: chatrec.TextEncoder().encode("tea"), "texts is a str: pass a list of texts"),
        (lambda: chatrec.TextEncoder().encode(["tea", 3]), "texts has a int at position 1"),
        (lambda: chatrec.TextEncoder().encode(["tea", "", "tea"]), "A corpus of 1 different texts fits no whitening"),
        (lambda: chatrec.load("nowhere"), "nowhere does not exist: name the folder"),
        (lambda: chatrec.load(Path(__file__).parent), "is not a saved model"),
        (lambda: every_model()["EASE"].fit(shop()).save(Path(__file__).parent), "exists and is not a saved model"),
        (lambda: every_model()["EASE"].fit(shop()).save(__file__), "exists and is not a saved model"),
    ],
)  # fmt: skip
def test_a_wrong_argument(make: Any, said: str) -> None:
    with pytest.raises(chatrec.DataError, match=said):
        make()


def test_what_no_list_can_have_is_not_explained() -> None:
    bare = chatrec.Dataset.from_frames(tables()["interactions"], users=tables()["users"])
    ensemble = chatrec.Ensemble("next_item", minutes=0).fit(bare)
    seen = tables()["interactions"].filter(pl.col("user_id") == 1)["item_id"][0]
    for user, item, said in ((0, "i01", "has no interactions"), (1, seen, "is in the history of the user")):
        with pytest.raises(chatrec.DataError, match=said):
            ensemble.explain(user, item)
