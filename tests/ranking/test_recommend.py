"""All lists of a run: every user has one, in order, within memory."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chatrec.ranking import recommend as module
from chatrec.ranking.fallback import Shown, popular_lists
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.lists import ATTENTION, NAMES, RECOMMENDATIONS
from chatrec.ranking.recommend import write_lists
from tests.support.rankers import ITEMS, WEIGHTS, ranker

OF_USERS = [[1, 2, 3], [], [5] * 50, [], [7], list(range(20))]
PROFILES = np.array([[1.0], [1.0], [0.0], [0.0], [0.0], [0.0]], np.float32)


def lists(folder: Path, memory_mb: int = 64) -> pl.DataFrame:
    made = ranker(OF_USERS, np.arange(ITEMS) != 4)
    made.aigc.state.profile[:] = 0.1
    write_lists(made, PROFILES, folder, memory_mb)
    return pl.read_parquet(folder / RECOMMENDATIONS)


def test_everybody_has_a_list_in_order(tmp_path: Path) -> None:
    found = lists(tmp_path)
    assert found.equals(found.sort("user", "rank"))
    assert found["user"].unique().to_list() == list(range(6))
    sources = {row["user"]: row["source"] for row in found.iter_rows(named=True)}
    names = json.loads((tmp_path / NAMES).read_text())["sources"]
    assert names[-2:] == ["group", "popular"]
    assert {user: names[source - 1] for user, source in sources.items() if user in (1, 3)} == {1: "group", 3: "popular"}
    assert all(names[sources[user] - 1] in WEIGHTS for user in (0, 2, 4, 5))
    assert 4 not in found["item"]
    assert found.group_by("user").len().filter(pl.col("user") == 5)["len"].item() == 5


def test_blocks_do_not_change_the_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    whole = lists(one)
    monkeypatch.setattr(module, "USERS_OF_A_BLOCK", 2)
    one_by_one = lambda self, users, _: (users[i : i + 1] for i in range(len(users)))  # noqa: E731
    monkeypatch.setattr(ListBuilder, "_by_memory", one_by_one)
    parts = lists(two)
    assert whole.select("user", "rank", "item", "source", "group", "because").equals(
        parts.select("user", "rank", "item", "source", "group", "because")
    )


def test_attention_is_the_largest_first(tmp_path: Path) -> None:
    lists(tmp_path)
    found = pl.read_parquet(tmp_path / ATTENTION)
    assert found["user"].unique().to_list() == [0, 1, 2, 4, 5]
    for _, of_user in found.group_by("user", maintain_order=True):
        assert of_user["rank"].to_list() == [1, 2, 3]
        assert of_user["attention"].is_sorted(descending=True)
        assert of_user["attention"].sum() == pytest.approx(1, abs=1e-5)


def test_the_popular_list() -> None:
    popular = np.array([1.0, 5, 3, 9])
    made = popular_lists(np.array([7, 8]), popular, Shown(np.array([True, True, True, False]), 5))
    assert made.items.tolist() == [[1, 2, 0, -1]] * 2
    assert made.scores[0].tolist() == pytest.approx([5 / 18, 3 / 18, 1 / 18, 0])
