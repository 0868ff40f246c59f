"""Searches: an item is meant as far as it has what was asked for, in any script."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.features.search import matches

TITLES = [
    "Trail running shoes",
    "Road running shoe, light",
    "Leather shoes",
    "Running socks",
    "Red teapot",
    "红色运动鞋",
    "运动水壶",
    "皮鞋",
    "茶壶",
]


def catalogue(titles: list[str]) -> pl.DataFrame:
    groups = pl.Series("groups", [[] for _ in titles], dtype=pl.List(pl.String))
    return pl.DataFrame({"title": titles}).with_columns(groups)


def found(query: str) -> list[str]:
    row = matches(catalogue(TITLES), [query]).toarray()[0]
    return [TITLES[item] for item in (-row).argsort(kind="stable") if row[item] > 0]


def test_who_asks_for_running_shoes_gets_running_shoes() -> None:
    assert found("running shoes")[:2] == ["Trail running shoes", "Road running shoe, light"]
    assert "Red teapot" not in found("running shoes")


def test_chinese_needs_no_spaces() -> None:
    assert found("运动鞋")[0] == "红色运动鞋"
    assert "茶壶" not in found("运动鞋")
    assert found("茶壶") == ["茶壶"]


def test_full_width_and_capitals_read_the_same() -> None:
    assert found("ＲＥＤ Teapot") == ["Red teapot"]


@pytest.mark.parametrize("query", ["", "!?", "zzz"])
def test_what_nothing_answers(query: str) -> None:
    assert not found(query)


def test_without_items_or_queries() -> None:
    assert matches(catalogue([]), ["shoes"]).shape == (1, 0)
    assert matches(catalogue(TITLES), []).shape == (0, len(TITLES))


@given(st.lists(st.text("ab c运动鞋", max_size=8), min_size=1, max_size=5))
def test_shares_are_shares_and_an_exact_title_is_best(queries: list[str]) -> None:
    all_of_them = matches(catalogue([*TITLES, *queries]), queries).toarray()
    assert (all_of_them >= 0).all()
    assert (all_of_them <= 1.0001).all()
    for number, row in enumerate(all_of_them):
        assert row[len(TITLES) + number] == pytest.approx(row.max(), abs=1e-6)
