"""Wrong numbers are found in every table, wherever they are."""

from pathlib import Path

import polars as pl
import pytest

from chatrec.gate.numbers import wrong_numbers
from chatrec.ranking.lists import SCHEMA


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30, -1e30])
def test_a_wrong_number_is_found_in_any_table(tmp_path: Path, value: float) -> None:
    pl.DataFrame({"rank": [1, 2], "score": [0.5, None]}).write_parquet(tmp_path / "good.parquet")
    pl.DataFrame({"item": ["a", "b"]}).write_parquet(tmp_path / "texts.parquet")
    assert wrong_numbers(tmp_path) == {}
    pl.DataFrame({"score": [0.5, value]}, schema={"score": pl.Float32}).write_parquet(tmp_path / "popular.parquet")
    pl.DataFrame({"owed": [value, value], "price": [1, 0]}).write_parquet(tmp_path / "exposure.parquet")
    assert wrong_numbers(tmp_path) == {"exposure.owed": 2, "popular.score": 1}


def test_the_shares_of_a_list_are_numbers_too(tmp_path: Path) -> None:
    rows = [
        {"user": 0, "rank": 1, "item": 2, "score": 0.5, "source": 1, "group": 0, "because": -1, "shares": shares}
        for shares in ([0.5, 0.5], [float("nan"), 1.0], None)
    ]
    pl.DataFrame(rows, schema=pl.DataFrame(SCHEMA.empty_table()).schema).write_parquet(tmp_path / "lists.parquet")
    assert wrong_numbers(tmp_path) == {"lists.shares": 1}


def test_no_rows_are_no_wrong_numbers(tmp_path: Path) -> None:
    pl.DataFrame(schema={"score": pl.Float32}).write_parquet(tmp_path / "trending.parquet")
    assert wrong_numbers(tmp_path) == {}
