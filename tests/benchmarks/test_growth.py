"""The growth of models: which there are, on which logs, and what a cell says."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import growth
from chatrec.models.registry import fit_models
from tests.support import toy
from tests.support.histories import histories


def test_all_models_of_the_registry_are_asked_for_and_none_is_fitted() -> None:
    log = growth.synthetic(30, 20, 5)
    found = growth.models(log)
    for target in ("next_item", "next_period", "random"):
        assert set(fit_models(growth.case_of(log, target))) <= set(found)
    for name, target in found.items():
        assert set(fit_models(growth.case_of(log, target), {name})) == {name}


def test_every_second_user() -> None:
    kept = growth.sample_users(histories([[1, 2], [3], [4, 4, 5], [6], [], [7]]), 2)
    assert [kept.of(user).tolist() for user in range(kept.users)] == [[1, 2], [4, 4, 5]]


def test_synthetic_items_follow_zipf() -> None:
    log = growth.synthetic(2000, 50, 20)
    assert (log.histories.lengths == 20).all()
    shares = np.bincount(log.histories.items, minlength=50) / len(log.histories.items)
    expected = 1 / np.arange(1, 51)
    assert shares == pytest.approx(expected / expected.sum(), abs=0.005)


@pytest.mark.slow
def test_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.write_data(tmp_path / growth.SET)
    arguments = ["--data", str(tmp_path), "--only", "a half", "all", "--models", "ease", "user_knn"]
    monkeypatch.setattr(sys, "argv", ["growth", *arguments, "--out", str(tmp_path / "g.md")])
    growth.main()
    lines = [line.strip("| ").split(" | ") for line in (tmp_path / "g.md").read_text().splitlines() if "|" in line]
    assert lines[0] == ["model", "a half: 360 events, 40 items", "all: 720 events, 40 items"]
    rows = {row[0]: row[1:] for row in lines[2:]}
    assert set(rows) == {"ease", "user_knn"}
    assert all(re.fullmatch(r"\d+\.\d\d · \d+\.\d\d · \d\.\d\d GB", cell) for row in rows.values() for cell in row)


@pytest.mark.slow
def test_a_cell_that_fails_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks.growth", "--data", tmp_path, "--part", "all")
    assert re.match(r"– \(.*(No such file|not found|does not exist).*", growth._cell(*command))
