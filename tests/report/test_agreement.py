"""Our metrics are those of others: of definitions written out in loops, and of an independent tool if there is one."""

import csv
import gzip
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout
from tests.support.histories import histories

ITEMS, USERS, K = 200, 60, 10
EVALKIT = os.environ.get("CHATREC_EVALKIT", "")
SPY = """
import json, runpy, sys
def watch(frame, event, _):
    if event == "return" and frame.f_code.co_name == "score":
        found = frame.f_locals
        print(json.dumps([*found["a"].mean(0).tolist(), len(found["shown"]) / len(found["cand"])]))
sys.setprofile(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs the tool and prints after its own output, which has four digits, the same numbers with all of theirs."""


@dataclass(frozen=True)
class Work:
    """Random lists, some of them short or empty, and what was taken."""

    seen: list[list[int]]
    taken: list[list[int]]
    lists: list[list[int]]

    def measured(self) -> dict[str, float]:
        """By chatrec."""
        starts = np.cumsum([0, *(len(mine) for mine in self.taken)])
        targets = np.array([item for mine in self.taken for item in mine], np.int32)
        held = Holdout(histories(self.seen), np.arange(USERS), starts, targets, np.ones(ITEMS, bool), True)
        padded = np.array([[*mine, *[-1] * (K - len(mine))] for mine in self.lists])
        return Evaluator(held, np.zeros((ITEMS, 1), np.float32)).summary(padded)


@pytest.fixture(scope="module")
def work() -> Work:
    random = np.random.default_rng(7)
    seen, taken, lists = [], [], []
    for user in range(USERS):
        mixed = random.permutation(ITEMS).tolist()
        own, rest = mixed[:20], mixed[20:]
        targets = sorted(rest[: random.integers(1, 16)])
        likely = random.permutation([*targets, *rest[40 : 40 + random.integers(5, 40)]]).tolist()
        seen.append(own)
        taken.append(targets)
        lists.append(likely[: K if user % 7 else user % 4])
    return Work(seen, taken, lists)


def test_definitions_in_loops(work: Work) -> None:
    per_user = []
    for ranked, mine in zip(work.lists, work.taken, strict=True):
        dcg = sum(1 / math.log2(place + 1) for place, item in enumerate(ranked, 1) if item in mine)
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(len(mine), K) + 1))
        places = [place for place, item in enumerate(ranked, 1) if item in mine]
        precisions = sum(found / place for found, place in enumerate(places, 1)) / min(len(mine), K)
        per_user.append(
            (dcg / ideal, len(places) / len(mine), bool(places), 1 / places[0] if places else 0, precisions)
        )
    means = [sum(column) / USERS for column in zip(*per_user, strict=True)]
    found = work.measured()
    for name, value in zip(("ndcg", "recall", "hr", "mrr", "map"), means, strict=True):
        assert found[f"{name}@10"] == pytest.approx(value, abs=1e-6), name
    shown = {item for ranked in work.lists for item in ranked}
    assert found["coverage@10"] == pytest.approx(len(shown) / ITEMS, abs=1e-6)


@pytest.mark.skipif(not EVALKIT, reason="CHATREC_EVALKIT names no independent tool (evalkit.py) to compare with")
def test_an_independent_tool_says_the_same(work: Work, tmp_path: Path) -> None:
    write(tmp_path / "train.csv.gz", "user_id,item_id,rating,ts", [(u, i, 1, 0) for u, i in pairs(work.seen)])
    write(tmp_path / "targets.csv.gz", "user_id,item_id", pairs(work.taken))
    write(tmp_path / "candidates.csv.gz", "item_id", [(item,) for item in range(ITEMS)])
    ranked = [(user, place, item) for user, mine in enumerate(work.lists) for place, item in enumerate(mine, 1)]
    write(tmp_path / "lists.csv.gz", "user_id,rank,item_id", ranked)
    command = [sys.executable, "-c", SPY, EVALKIT, "score", str(tmp_path), str(tmp_path / "lists.csv.gz")]
    said, exact = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = work.measured()
    names = ["ndcg@10", "recall@10", "hr@10", "mrr@10", "coverage@10"]
    assert [found[name] for name in names] == pytest.approx(json.loads(exact), abs=1e-6)
    assert f"NDCG@10 {found['ndcg@10']:.4f}±" in said


def pairs(of_users: list[list[int]]) -> list[tuple[int, int]]:
    return [(user, item) for user, mine in enumerate(of_users) for item in mine]


def write(file: Path, header: str, rows: list[tuple[int, ...]]) -> None:
    with gzip.open(file, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header.split(","))
        writer.writerows(rows)
