"""`chatrec evaluate` of a run: a table, a report, no database; wrong combinations say what to do."""

import json

import pytest

from tests.support.finished import Finished
from tests.support.processes import Chatrec

DOWN = {"CHATREC_DATABASE__URL": "postgresql://nobody@127.0.0.1:9/nothing"}


def test_a_run_is_evaluated_without_its_database(chatrec: Chatrec, finished: Finished) -> None:
    settings, key = finished.settings, finished.run.key
    code, out, err = chatrec("evaluate", **DOWN)
    assert code == 0, err
    assert err.count("✓") == 6
    folder = settings.artifacts.root / "evaluations" / f"{key}-next_period"
    *table, people, last = out.splitlines()
    assert last == f"The report is {folder / 'report.html'}."
    assert (folder / "report.html").exists()
    numbers = json.loads((folder / "metrics.json").read_text())
    assert people == f"{numbers['users']} people have held-out events."
    assert numbers["target"] == "next_period"
    assert {"popularity_half_life_0.01", "popularity_7_days"} <= set(numbers["systems"])
    header, *rows = table
    assert header.split()[:4] == ["at", "10", "NDCG", "95"]
    assert {row.split()[0] for row in rows} == set(numbers["systems"])
    for row in rows:
        values = numbers["systems"][row.split()[0]]
        assert f"{values['ndcg@10']:.4f}" in row
        assert f"{values['gini@10']:.4f}" in row

    before = (folder / "metrics.json").read_bytes()
    code, out, err = chatrec("evaluate", "--run", key, "--target", "period", **DOWN)
    assert code == 0, err
    assert err.count("already done, with the same inputs") == 6
    assert (folder / "metrics.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 1, "no run under"),
        (["--run", "20200101T000000Z"], 1, "no run 20200101T000000Z"),
        (["--run", "yesterday"], 1, "keys look like"),
        (["--target", "tomorrow"], 2, "tomorrow"),
        (["--out", "y.csv"], 2, "--out belongs to --split"),
        (["--items", "x.csv"], 2, "--items belongs to --split"),
        (["--users", "x.csv"], 2, "--users belongs to --split"),
        (["--k", "5"], 2, "--k belongs to --split"),
        (["--split", "s"], 2, "--split needs --items FILE"),
        (["--split", "s", "--items", "x.csv"], 2, "--out FILE"),
        (["--split", "s", "--items", "x.csv", "--out", "y.csv", "--run", "20200101T000000Z"], 2, "give one of them"),
    ],
)
def test_wrong_use_says_what_to_do(chatrec: Chatrec, arguments: list[str], code: int, words: str) -> None:
    found, out, err = chatrec("evaluate", *arguments)
    assert (found, words in " ".join((out + err).split())) == (code, True), out + err
