"""What every public model does, asked from outside."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import chatrec
from chatrec.features.catalogue import features_of
from chatrec.models.configs import Configs
from chatrec.models.ease import Config as EaseConfig
from chatrec.models.entry import Case
from chatrec.models.registry import EASE, fit_models
from chatrec.models.training_data import TrainingData
from tests.support.api import ITEMS, USERS, every_model, shop, tables

MODELS = [*every_model(), "Ensemble"]
every = pytest.mark.parametrize("name", MODELS)
HEAVY = {"numpy", "polars", "torch", "scipy", "sklearn", "faiss", "transformers", "pydantic", "sqlalchemy", "rich"}


@cache
def fitted(name: str) -> Any:
    if name == "Ensemble":
        return chatrec.Ensemble("next_item", encoder="none", minutes=0).fit(shop(vectors=True))
    return every_model()[name].fit(shop(vectors=True))


@pytest.fixture
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", chatrec.ChatrecWarning)
        yield


quiet = pytest.mark.usefixtures("_quiet")


def test_importing_costs_nothing() -> None:
    code = "import sys, chatrec; chatrec.ChatrecError; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())


def test_every_name_is_there() -> None:
    for module in (chatrec, chatrec.models):
        assert {name: getattr(module, name) for name in module.__all__}.keys() == {*module.__all__}
        assert len(module.__all__) == len({*module.__all__})
        with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
            module.Nothing  # noqa: B018
    assert {*chatrec.__all__} <= {*dir(chatrec)}


@every
def test_fit_returns_the_model_itself(name: str) -> None:
    model = fitted(name)
    assert model.clone().dataset_ is None
    assert model.clone().parameters() == model.parameters()
    assert model.dataset_ is not None


@quiet
@every
def test_lists_have_what_was_asked_for(name: str) -> None:
    lists = fitted(name).recommend(k=5)
    assert lists.schema == {"user_id": pl.Int64, "rank": pl.Int32, "item_id": pl.String, "score": pl.Float32}
    assert lists["user_id"].to_list() == [user for user in range(USERS) for _ in range(5)]
    assert lists["rank"].to_list() == [*range(1, 6)] * USERS
    assert lists.select("user_id", "item_id").is_duplicated().sum() == 0
    assert lists["score"].is_finite().all()


@quiet
@every
def test_no_list_has_a_seen_item_unless_it_may(name: str) -> None:
    seen = tables()["interactions"].select("user_id", "item_id")
    assert fitted(name).recommend(k=8).join(seen, on=["user_id", "item_id"]).is_empty()
    if name != "UserKNN":  # knows nothing of items that similar users did not take
        assert fitted(name).recommend(k=ITEMS, exclude_seen=False).join(seen, on=["user_id", "item_id"]).height > 0


@every
def test_users_come_in_the_order_asked_for(name: str) -> None:
    together = fitted(name).recommend([7, 3, 7], k=3)
    assert together["user_id"].to_list() == [7] * 3 + [3] * 3 + [7] * 3
    assert_frame_equal(together[3:6], fitted(name).recommend(3, k=3), rel_tol=1e-4)


@every
def test_a_user_without_interactions_gets_a_fallback_and_a_word_about_it(name: str) -> None:
    with pytest.warns(chatrec.NoHistory, match="1 of 2 users have no interactions"):
        lists = fitted(name).recommend([0, 1], k=4)
    assert lists["user_id"].to_list() == [0] * 4 + [1] * 4


@every
def test_a_short_list_is_said_to_be_short(name: str) -> None:
    with pytest.warns(chatrec.ShortLists, match=f"1 of 1 users have fewer than k={ITEMS + 1} items"):
        lists = fitted(name).recommend(1, k=ITEMS + 1)
    assert lists.height == ITEMS - 6


@quiet
@every
def test_similar_items_are_others(name: str) -> None:
    found = fitted(name).similar_items(["i03", "i00"], k=3)
    assert found.columns == ["item_id", "rank", "similar_item_id", "score"]
    assert found["item_id"].to_list() == ["i03"] * 3 + ["i00"] * 3
    assert (found["item_id"] != found["similar_item_id"]).all()
    if name != "Popularity":
        halves = found.select(pl.col("item_id", "similar_item_id").str.slice(1).cast(pl.Int64) % 2)
        assert (halves["item_id"] == halves["similar_item_id"]).mean() > 0.6


@quiet
@every
def test_what_was_saved_is_loaded(name: str, tmp_path: Path) -> None:
    model = fitted(name)
    for _ in range(2):  # the second replaces the first
        model.save(tmp_path / "model")
    loaded = chatrec.load(tmp_path / "model")
    assert type(loaded) is type(model)
    assert loaded.parameters() == model.parameters()
    assert_frame_equal(loaded.recommend(k=5), model.recommend(k=5))
    assert_frame_equal(loaded.similar_items(k=5), model.similar_items(k=5))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_damaged_model_is_not_loaded(tmp_path: Path) -> None:
    chatrec.models.EASE().fit(shop()).save(tmp_path / "model")
    for file in [path for path in (tmp_path / "model").rglob("*.*") if path.suffix != ".json"]:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(chatrec.DataError, match=rf"{file.name} is damaged: it is not as it was saved"):
            chatrec.load(tmp_path / "model")
        file.write_bytes(data)
    chatrec.load(tmp_path / "model")


def test_parameters_that_are_classes_are_saved_too(tmp_path: Path) -> None:
    model = chatrec.models.KernelRidge(ease_config=chatrec.models.EASE(l2=7.0)).fit(shop())
    model.save(tmp_path / "model")
    assert chatrec.load(tmp_path / "model").ease_config == chatrec.models.EASE(l2=7.0)


@pytest.mark.parametrize("kind", ["pandas", "arrow", "polars"])
def test_frames_come_as_they_went(kind: str) -> None:
    made = {
        "pandas": {name: pd.DataFrame(frame.to_dict(as_series=False)) for name, frame in tables().items()},
        "arrow": {name: frame.to_arrow() for name, frame in tables().items()},
        "polars": tables(),
    }[kind]
    lists = chatrec.models.EASE().fit(chatrec.Dataset.from_frames(**made)).recommend([5, 6], k=4)
    assert isinstance(lists, {"pandas": pd.DataFrame, "arrow": pa.Table, "polars": pl.DataFrame}[kind])
    expected = chatrec.models.EASE().fit(shop()).recommend([5, 6], k=4)
    assert_frame_equal(pl.DataFrame(lists), expected, check_dtypes=False)


def test_files_give_the_same_dataset(tmp_path: Path) -> None:
    events = tables()["interactions"]
    events.write_csv(tmp_path / "events.csv")
    events.write_parquet(tmp_path / "events.parquet")
    by_file = [
        chatrec.models.EASE().fit(chatrec.Dataset.from_frames(tmp_path / name)).recommend(5, k=4)
        for name in ("events.csv", "events.parquet")
    ]
    assert_frame_equal(*by_file)


def test_an_unavailable_item_is_in_no_list() -> None:
    made = tables()
    made["items"] = made["items"].with_columns(available=pl.col("item_id") != "i05")
    assert "i05" not in chatrec.models.EASE().fit(chatrec.Dataset.from_frames(**made)).recommend([1, 3], k=9)["item_id"]


@given(
    events=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=40),
    k=st.integers(1, 10),
    name=st.sampled_from(["EASE", "SequentialEASE", "IALS", "UserKNN", "Markov", "Popularity"]),
)
@quiet
def test_the_law_of_lists(events: list[tuple[int, int]], k: int, name: str) -> None:
    """Whatever the data: no seen item, none twice, and as many as asked for unless all others are seen."""
    users, items = zip(*events, strict=True)
    dataset = chatrec.Dataset.from_frames({"user_id": list(users), "item_id": list(items)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", chatrec.ShortLists)
        lists = every_model()[name].fit(dataset).recommend(k=k)
    for user in {*users}:
        taken = {item for owner, item in events if owner == user}
        found = lists.filter(pl.col("user_id") == user)
        assert taken.isdisjoint(found["item_id"])
        assert found["item_id"].n_unique() == found.height == min(k, len({*items}) - len(taken))
        assert found["rank"].to_list() == [*range(1, found.height + 1)]
        assert found["score"].is_sorted(descending=True)


@pytest.mark.parametrize(("name", "decay"), EASE.items())
def test_a_run_fits_the_same_ease(name: str, decay: float) -> None:
    dataset = shop()
    count = dataset.items.height
    known = TrainingData(dataset.interactions, count, np.zeros((count, 1), np.float32), 7, features_of(dataset.items))
    run = fit_models(Case(known, "next_item", configs=Configs(ease=EaseConfig(l2=150.0))), {name})[name]
    model = chatrec.models.EASE(l2=150.0, decay=decay).fit(dataset).model_
    np.testing.assert_array_equal(run.weights, model.weights)  # type: ignore[attr-defined]
    assert run.decay == model.decay  # type: ignore[attr-defined]
