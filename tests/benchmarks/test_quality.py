"""The scoreboard: what systems read and write, what they cost, and the ladder's rows against chatrec's own lists."""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from benchmarks import child, ladder, peers, quality
from benchmarks.data import Events, K, read_events, read_split
from chatrec.config import load
from chatrec.config.source import AdvancedText
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.context import Context
from chatrec.pipeline.offline import KEY, evaluate_split
from chatrec.report.splits import write_snapshot
from chatrec.runs.run import Run
from tests.support import toy

needs_implicit = pytest.mark.skipif(not find_spec("implicit"), reason="make .venv/bench installs implicit")
OF_IMPLICIT = [pytest.param(name, marks=needs_implicit) for name in quality.PEERS_OF_IMPLICIT]
EVALKIT = os.environ.get("CHATREC_EVALKIT")


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    toy.write_data(folder / "data")
    toy.write_split(folder / "split")
    return folder / "split"


def test_a_split_is_read_as_chatrec_reads_it(split: Path, tmp_path: Path) -> None:
    write_snapshot(split, split.parent / "data" / "items.csv.gz", None, "|", AdvancedText(), tmp_path)
    snapshot, events = Snapshot(tmp_path), read_split(split)
    theirs, mine = snapshot.histories, events.histories
    assert events.user_ids == snapshot.users["user_id"].to_list()
    ids = snapshot.items["item_id"].to_list()
    assert [events.item_ids[i] for i in mine.items] == [ids[i] for i in theirs.items]
    assert np.array_equal(mine.starts, theirs.starts)
    assert np.array_equal(mine.times, theirs.times)
    available = dict(zip(ids, snapshot.items["available"], strict=True))
    assert [available[item] for item in events.item_ids] == events.recommendable.tolist()


def test_of_equal_times_the_file_says_nothing(tmp_path: Path) -> None:
    rows = [("b", "z", "", 5), ("a", "x", "", 7), ("a", "z", "", 2), ("a", "y", "", 2)]
    found = []
    for order in (rows, rows[::-1]):
        toy.write(tmp_path / "events.csv.gz", ("user_id", "item_id", "rating", "ts"), order)
        events = read_events(tmp_path / "events.csv.gz")
        found.append([events.item_ids[i] for i in events.histories.items])
        assert events.recommendable.all()
    assert found[0] == found[1]
    assert (set(found[0][:2]), found[0][2:]) == ({"y", "z"}, ["x", "z"])


@pytest.mark.parametrize("system", [*quality.PEERS, *quality.SIMPLE_PEERS, *OF_IMPLICIT])
def test_peers_recommend_candidates_that_are_new_to_the_user(
    system: str, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--system", system, "--split", str(split), "--target", "any", "--out", str(tmp_path / "lists.csv.gz")]
    monkeypatch.setattr(sys, "argv", ["peers", *arguments])
    peers.main()
    lists, events = toy.read(tmp_path / "lists.csv.gz"), read_split(split)
    assert set(lists) == set(events.user_ids)
    allowed = {item for item, good in zip(events.item_ids, events.recommendable, strict=True) if good}
    for user, items in lists.items():
        seen = {events.item_ids[i] for i in events.histories.of(events.user_ids.index(user))}
        assert len(set(items)) == len(items)
        assert set(items) <= allowed - seen
        assert len(items) == K or system not in ("EASE", "EASE, λ = 200", "popularity", "iALS", "BPR")


@pytest.mark.parametrize("system", ["markov", "EASE", *quality.SIMPLE_PEERS, *OF_IMPLICIT])
def test_peers_learn_who_takes_what(system: str, split: Path) -> None:
    """Users take even items or odd ones."""
    events = read_split(split)
    parity = np.array([int(item[1:]) % 2 for item in events.item_ids])
    for users, lists in peers.SYSTEMS[system](events, "random"):
        mine = parity[[events.histories.of(user)[0] for user in users]]
        assert (parity[lists[:, :3]] == mine[:, None]).mean() > 0.95


def test_a_child_is_measured_alone() -> None:
    found = child.run(
        sys.executable, "-c", "x = bytearray(300_000_000); x[::4096] = b'1' * len(x[::4096]); print('done')"
    )
    assert found.out == "done"
    assert found.peak > 300_000_000
    assert found.seconds > 0


def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(child.Failed, match="ValueError: no such thing"):
        child.run(sys.executable, "-c", "raise ValueError('no such thing')")
    with pytest.raises(child.Failed, match="over 1 s"):
        child.run(sys.executable, "-c", "import time; time.sleep(60)", timeout=1)


@pytest.mark.slow
def test_a_system_that_fails_has_the_reason_for_a_row(split: Path, tmp_path: Path) -> None:
    bench = quality.Bench(split.parent / "data", split, Path("no tool"), "next_item", tmp_path)
    row = next(quality.rows(bench, 0.1, ["nonsense"], 0))
    assert len(row) == len(quality.COLUMNS)
    assert row[0] == "nonsense"
    assert "invalid choice" in row[-1]


@pytest.fixture(scope="module")
def run(split: Path, tmp_path_factory: pytest.TempPathFactory) -> Context:
    """A run on the split, with its files kept."""
    return made(split, split.parent / "data", "next_item", tmp_path_factory.mktemp("kept"))


def made(split: Path, data: Path, target: str, kept: Path) -> Context:
    """A run on a split."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in toy.SMALL.items():
            patch.setenv(name, value)
        settings = load().override({"ranking.target": target})
    evaluate_split(settings, split, data / "items.csv.gz", None, kept / "chatrec.csv.gz", K, kept)
    run = Run(kept, KEY)
    return Context(run, settings, run.step_folder("rank"))


def test_the_ensemble_of_the_ladder_is_that_of_the_run(run: Context) -> None:
    found_by, snapshot = ladder.Ladder(run), run.snapshot
    lists = toy.read(run.run.root / "chatrec.csv.gz")
    events = Events.of(snapshot)
    for batch in events.batches():
        (found,) = found_by.lists(batch, {"all": dict(found_by.weights)})
        for user, items in zip(batch.users, found, strict=True):
            ids = [events.item_ids[item] for item in items if item >= 0]
            assert ids[:10] == lists[snapshot.users["user_id"][int(user)]][:10]


def test_the_ladder_has_every_model_alone_and_the_ensemble_without_it(
    run: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ladder.write(run, tmp_path)
    files = {
        name: tmp_path / file for file, name in (line.split("\t") for line in capsys.readouterr().out.splitlines())
    }
    weights = json.loads((run.of("ensemble") / "ensemble.json").read_text())["weights"]
    assert {f"{name} alone" for name in {*weights, "aigc"}} <= set(files)
    assert {f"without {name}" for name in weights} <= set(files) or len(weights) == 1
    assert len(files) == len({*weights, "aigc"}) + len(weights) * (len(weights) > 1)
    for file in files.values():
        assert set(toy.read(file)) == set(run.snapshot.users["user_id"])


def test_the_ladder_of_cold_items_is_of_their_models(
    split: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.write_cold_split(tmp_path / "cold")
    run = made(tmp_path / "cold", split.parent / "data", "random", tmp_path)
    found = ladder.Ladder(run)
    assert found.is_cold
    (tmp_path / "ladder").mkdir()
    ladder.write(run, tmp_path / "ladder")
    names = {line.split("\t")[1] for line in capsys.readouterr().out.splitlines()}
    weights = json.loads((run.of("ensemble") / "ensemble.json").read_text())["cold items"]["weights"]
    assert {name for name in names if name.endswith("alone")} == {f"{name} alone" for name in weights}
    lists = toy.read(tmp_path / "chatrec.csv.gz")
    for batch in Events.of(run.snapshot).batches():
        (rows,) = found.lists(batch, {"all": dict(found.weights)})
        for user, items in zip(batch.users, rows, strict=True):
            ids = [Events.of(run.snapshot).item_ids[item] for item in items if item >= 0]
            assert ids[:10] == lists[run.snapshot.users["user_id"][int(user)]][:10]


@pytest.mark.skipif(not EVALKIT, reason="CHATREC_EVALKIT names no evalkit.py")
def test_the_scoreboard(
    split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    toy.write_data(tmp_path / "data" / "movielens-100k")
    for name, value in toy.SMALL.items():
        monkeypatch.setenv(name, value)
    arguments = [
        "--data",
        tmp_path / "data",
        "--evalkit",
        EVALKIT,
        "--only",
        "movielens-100k loo",
        "--out",
        tmp_path / "q.md",
    ]
    monkeypatch.setattr(sys, "argv", ["quality", *map(str, arguments)])
    quality.main()
    table = [line.strip("| ").split(" | ") for line in (tmp_path / "q.md").read_text().splitlines() if "|" in line]
    rows = {row[0]: row[1:] for row in table[2:]}
    assert {*quality.PEERS, "chatrec", "· aigc alone"} <= set(rows)
    assert float(rows["markov"][0].split("±")[0]) > float(rows["popularity"][0].split("±")[0])
    said = capsys.readouterr().out
    assert all(name in said for name in rows)
    assert float(rows["chatrec"][4]) > 0
    assert "misses 0.145 by" in rows["chatrec"][6] or "reaches" in rows["chatrec"][6]
