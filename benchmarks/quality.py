"""Quality of lists: chatrec with its defaults, its single models, and baselines, on splits by evalkit.

    python -m benchmarks.quality --data DATA --evalkit evalkit.py
    python -m benchmarks.quality --data DATA --evalkit evalkit.py --only "movielens-100k loo" --slow --out quality.md

DATA holds a folder for each set, the small ones in DATA or in DATA/small, with interactions.csv.gz, items.csv.gz and
optionally users.csv.gz. `evalkit.py split` and `evalkit.py score` split and score; no system reads a target. Each
system runs on the same train set in its own process, from the files of the split to the file of lists, and its seconds
and memory are those of the process. A table names the processor.
"""

import argparse
import importlib.util
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.child import ROOT, Failed, Finished, run
from benchmarks.table import Table, write

SPLITS: dict[str, tuple[str, float | None]] = {
    "movielens-100k loo": ("next_item", 0.145),
    "movielens-100k time": ("next_period", 0.24),
    "movielens-100k random": ("random", 0.46),
    "movielens-1m loo": ("next_item", 0.22),
    "movielens-1m random": ("random", 0.445),
    "amazon-games loo": ("next_item", 0.09),
    "movielens-100k cold": ("random", 0.385),
    "movielens-1m cold": ("random", 0.45),
    "amazon-games cold": ("random", 0.18),
    "northwind time": ("next_period", None),
    "northwind loo": ("next_item", None),
    "retail loo": ("next_item", None),
    "superstore time": ("next_period", None),
    "pagila time": ("next_period", None),
    "chinook time": ("next_period", None),
    "grocery time": ("next_period", None),
}
"""Target and goal of each split: the NDCG@10 to reach, or None to be at most BEHIND below the best baseline."""
BEHIND = 0.003
PEERS = ("popularity", "recent popularity", "markov", "EASE")
SIMPLE_PEERS = ("item-kNN", "EASE, λ = 200")
"""Further baselines where the best one sets the goal."""
PEERS_OF_IMPLICIT = ("item-kNN, cosine", "item-kNN, BM25", "iALS", "BPR")
"""Names in benchmarks.peers, which is not imported here to keep the measuring process small."""
RECTOOLS = {"RecTools SASRec": "sasrec", "RecTools eSASRec": "esasrec"}
RECTOOLS_PYTHON = ROOT / ".venv-rectools" / "bin" / "python"
SMALL = "small"
"""Folder in DATA that may hold the small sets."""
COLUMNS = {
    "system": 32, "NDCG@10": 15, "Recall@10": 11, "MRR@10": 9, "coverage": 10, "seconds": 10, "peak GB": 9, "goal": 26,
}  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """A split on disk, on which systems run."""

    data: Path
    split: Path
    evalkit: Path
    target: str
    folder: Path
    """Folder for lists and for the files of chatrec's steps."""

    def peer(self, name: str) -> tuple[Path, Finished]:
        """Runs a baseline of benchmarks.peers."""
        lists = self.folder / f"{name}.csv.gz"
        command = ("-m", "benchmarks.peers", "--system", name, "--split", self.split, "--target", self.target)
        return lists, run(sys.executable, *command, "--out", lists)

    def rectools(self, name: str, epochs: int) -> tuple[Path, Finished]:
        """Runs a model of RecTools."""
        lists = self.folder / f"{name}.csv.gz"
        command = ("--model", RECTOOLS[name], "--split", self.split, "--epochs", epochs, "--out", lists)
        return lists, run(RECTOOLS_PYTHON, ROOT / "benchmarks" / "peers_rectools.py", *command)

    def chatrec(self) -> tuple[Path, Finished]:
        """Runs `chatrec evaluate`, and keeps its files for the ladder."""
        lists, users = self.folder / "chatrec.csv.gz", self.data / "users.csv.gz"
        command = ["-m", "benchmarks.ladder", "fit", "--split", self.split, "--items", self.data / "items.csv.gz"]
        command += ["--users", users] if users.exists() else []
        return lists, run(sys.executable, *command, *self._run, "--out", lists)

    def ladder(self) -> Iterator[tuple[str, Path]]:
        """Yields the names and lists of the rows of the ablation ladder."""
        rungs = self.folder / "ladder"
        rungs.mkdir()
        finished = run(sys.executable, "-m", "benchmarks.ladder", "lists", *self._run, "--out", rungs)
        for line in finished.out.splitlines():
            file, name = line.split("\t")
            yield name, rungs / file

    @property
    def _run(self) -> tuple[object, ...]:
        return "--target", self.target, "--folder", self.folder / "run"

    def score(self, lists: Path) -> dict[str, tuple[str, str]]:
        """Returns the values and half-widths that evalkit prints, by metric."""
        output = run(sys.executable, self.evalkit, "score", self.split, lists).out
        return {name: (value, width) for name, value, width in re.findall(r"(\w+)@10 ([\d.]+)(?:±([\d.]+))?", output)}


def rows(bench: Bench, goal: float | None, peers: list[str], epochs: int) -> Iterator[tuple[str, ...]]:
    """Yields the rows of one split, in the order of COLUMNS.

    Args:
        bench: Bench of the split.
        goal: NDCG@10 to reach; None to be at most BEHIND below the best baseline.
        peers: Names of baselines.
        epochs: Epochs of the models of RecTools; 0 omits them.
    """
    systems = {name: partial(bench.peer, name) for name in peers}
    systems |= {f"{name}, {epochs} epochs": partial(bench.rectools, name, epochs) for name in RECTOOLS if epochs}
    best = 0.0
    for name, make_lists in systems.items():
        try:
            lists, finished = make_lists()
        except Failed as error:
            yield (name, *[""] * (len(COLUMNS) - 2), str(error).splitlines()[-1])
            continue
        best = max(best, _ndcg(bench, lists))
        yield _row(bench, name, lists, finished)
    goal = max(round(best - BEHIND, 4), 0.0) if goal is None else goal
    lists, finished = bench.chatrec()
    ndcg = _ndcg(bench, lists)
    verdict = f"reaches {goal}" if ndcg >= goal else f"misses {goal} by {goal - ndcg:.4f}"
    yield _row(bench, "chatrec", lists, finished, verdict)
    for name, lists in bench.ladder():
        yield _row(bench, f"· {name}", lists)


def _ndcg(bench: Bench, lists: Path) -> float:
    return float(bench.score(lists)["NDCG"][0])


def _row(bench: Bench, name: str, lists: Path, finished: Finished | None = None, verdict: str = "") -> tuple[str, ...]:
    scores = bench.score(lists)
    cost = (f"{finished.seconds:.1f}", f"{finished.peak / 1e9:.2f}") if finished else ("", "")
    quality = ("±".join(scores["NDCG"]), scores["Recall"][0], scores["MRR"][0], scores["coverage"][0])
    return name, *quality, *cost, verdict


def processor() -> str:
    """Returns the name of the processor and the number of cores in use."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return f"{found[1] if found else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def measure(name: str, chosen: argparse.Namespace, folder: Path) -> Table:
    """Measures one split and prints its table."""
    (target, goal), (dataset, protocol) = SPLITS[name], name.split()
    data = next((found for found in (chosen.data / dataset, chosen.data / SMALL / dataset) if found.exists()), None)
    if data is None:
        sys.exit(f"{chosen.data} has no folder {dataset}, nor has its folder {SMALL}")
    bench = Bench(data.resolve(), folder / "split", chosen.evalkit.resolve(), target, folder)
    facts = run(sys.executable, bench.evalkit, "split", bench.data, protocol, bench.split).out
    table = Table(f"{facts}; target {target}; {processor()}", COLUMNS)
    peers = [
        *PEERS,
        *(SIMPLE_PEERS if goal is None else ()),
        *(PEERS_OF_IMPLICIT if importlib.util.find_spec("implicit") else ()),
    ]
    for row in rows(bench, goal, peers, chosen.epochs if chosen.slow else 0):
        table.add(*row)
    return table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--evalkit", type=Path, required=True)
    parser.add_argument("--only", choices=list(SPLITS), nargs="*", default=list(SPLITS))
    parser.add_argument(
        "--slow", action="store_true", help="also run the transformers of RecTools (make .venv-rectools/ready)"
    )
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the models of RecTools")
    parser.add_argument("--out", type=Path, help="Markdown file to write the tables to")
    chosen = parser.parse_args()
    if chosen.slow and not RECTOOLS_PYTHON.exists():
        sys.exit("No environment .venv-rectools: run `make .venv-rectools/ready`")
    tables = []
    for name in chosen.only:
        with tempfile.TemporaryDirectory(prefix="chatrec-quality-") as folder:
            tables.append(measure(name, chosen, Path(folder)))
        write(tables, chosen.out)


if __name__ == "__main__":
    main()
